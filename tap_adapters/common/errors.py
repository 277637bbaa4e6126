"""What can go wrong that the user of a tap can mend.

TapError
├── SettingsError   a setting, a catalog or a state that cannot be used: change it
├── FileError       a file or sheet that is missing, unreadable or not what the settings say: change either
└── ServiceError    a service that refuses, or does not answer in time: mend the access, or run again later

The text of each is one sentence: what, where, what to do. It holds no content of a file or sheet and no value of a
setting except names (entities, columns, paths, documents).
"""

from __future__ import annotations


class TapError(Exception):
    """A foreseeable failure. The program prints its text as one line and ends with exit code 1."""


class SettingsError(TapError):
    """The configuration, catalog or state cannot be used as given."""


class FileError(TapError):
    """A file is missing, cannot be read, or does not hold what its settings promise."""


class ServiceError(TapError):
    """A service of others refused a request for good, or did not answer it within the tries it was given."""

"""What can go wrong that the user of tap-csv can mend.

TapCsvError
├── SettingsError   a setting, a catalog or a state that cannot be used: change it
└── FileError       a file that is missing, unreadable or not what the settings say: change either

The text of each is one sentence: what, where, what to do. It holds no cell of a file and no value of a
setting except names (entities, columns, paths).
"""

from __future__ import annotations


class TapCsvError(Exception):
    """A foreseeable failure. The program prints its text as one line and ends with exit code 1."""


class SettingsError(TapCsvError):
    """The configuration, catalog or state cannot be used as given."""


class FileError(TapCsvError):
    """A CSV file is missing, cannot be read, or does not hold what its settings promise."""

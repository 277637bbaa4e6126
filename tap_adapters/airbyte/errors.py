"""What can go wrong that the user of tap-airbyte can mend.

TapAirbyteError
├── SettingsError   a setting, a catalog or a state that cannot be used: change it
├── SourceFailed    the source ended badly, or does not speak the protocol: what it says is in the text
└── AlreadyTold     as SourceFailed, where the source's own words stand in the log already

The text of each is one sentence: what, where, what to do. It holds no value of the source's configuration and no
value of a record.
"""

from __future__ import annotations


class TapAirbyteError(Exception):
    """A foreseeable failure. The program prints its text, if any, as one line and ends with exit code 1."""


class SettingsError(TapAirbyteError):
    """The configuration, catalog or state cannot be used as given."""


class SourceFailed(TapAirbyteError):
    """The Airbyte source cannot be run, ended badly, or said what cannot be understood."""


class AlreadyTold(TapAirbyteError):
    """The source has ended badly, and the log has its reasons."""

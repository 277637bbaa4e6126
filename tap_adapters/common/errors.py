"""What can go wrong that the user of a tap can mend.

TapError
├── SettingsError   a setting, a catalog or a state that cannot be used: change it
├── FileError       a file or sheet that is missing, unreadable or not what the settings say: change either
└── ServiceError    a service that refuses, or does not answer in time: mend the access, or run again later

The text of each is one sentence: what, where, what to do. It holds no content of a file or sheet and no value of a
setting except names (entities, columns, paths, documents). Each class has a code that never changes, and says what
docs/errors.md tells of it (`make docs`).
"""

from __future__ import annotations

from typing import ClassVar

_RETRYABLE = {True: "yes", False: "no", None: "unknown"}


class TapError(Exception):
    """A foreseeable failure. The program prints its text as one line and ends with exit code 1.

    Attributes:
        code: one word that stands in the log line, and never changes.
        retryable: whether the same run, started again with nothing changed, may end well; None when it cannot be known.
        cause: why it comes up.
        data: what it means for the data.
        remedy: what to do.
        command: what to type first.

    """

    code: ClassVar[str] = "tap"
    retryable: ClassVar[bool | None] = None
    cause: ClassVar[str] = "The tap cannot go on."
    data: ClassVar[str] = (
        "Epochs published before it stay, with their STATE; the next run goes on from there. Under `dativo run` what "
        "the tap sent after that STATE is dropped, so that it does not come twice."
    )
    remedy: ClassVar[str] = "Do what the message says, then run again."
    command: ClassVar[str] = "tap-csv --config tap.json --discover"

    @property
    def line(self) -> str:
        """One line for the log: code, sentence, and whether it is worth another try."""
        return f"{self.code}: {self} (retryable: {_RETRYABLE[self.retryable]})"


class SettingsError(TapError):
    """The configuration, catalog or state cannot be used as given."""

    code = "tap_settings"
    retryable = False
    cause = "A setting, the catalog or the state of the tap cannot be used as given."
    data = "Nothing was read of what the message names."
    remedy = "Change the setting, catalog or state that the message names."
    command = "tap-csv --about --format=markdown"


class FileError(TapError):
    """A file is missing, cannot be read, or does not hold what its settings promise."""

    code = "tap_file"
    retryable = None
    cause = "A file or sheet is missing, cannot be read, or does not hold what its settings promise."
    data = TapError.data
    remedy = (
        "Mend the file at the line that is named, or the settings that describe it. A file that is late: run again."
    )
    command = "tap-csv --config tap.json --discover"


class ServiceError(TapError):
    """A service of others refused a request for good, or did not answer it within the tries it was given."""

    code = "tap_service"
    retryable = None
    cause = "A service refused a request for good, or did not answer within the tries it was given."
    data = TapError.data
    remedy = "Check the access that the message names. A service that is down: run again later."
    command = "tap-google-sheets --config tap.json --discover"

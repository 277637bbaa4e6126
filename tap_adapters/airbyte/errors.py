"""What can go wrong with an Airbyte source, beside what goes wrong with any tap (`common.errors`).

TapError
├── SettingsError   a setting, a catalog or a state that cannot be used: change it
└── SourceFailed    the source ended badly, or does not speak the protocol: what it says is in the text
    └── AlreadyTold its own words stand in the log already

No text holds a value of the source's configuration or of a record.
"""

from __future__ import annotations

from tap_adapters.common.errors import TapError


class SourceFailed(TapError):
    """The Airbyte source cannot be run, ended badly, or said what cannot be understood."""

    code = "airbyte_source"
    retryable = None
    cause = "The Airbyte source cannot be started, ended badly, or does not speak the protocol."
    data = TapError.data
    remedy = (
        "Look at what the source says above this line: most often a wrong configuration, or a service that is down."
    )
    command = "tap-airbyte --config tap.json --discover"


class AlreadyTold(SourceFailed):
    """The source has ended badly, and the log has its reasons."""

"""The command `tap-google-sheets`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tap_adapters.common.command import run

if TYPE_CHECKING:
    from tap_adapters.google_sheets.tap import TapGoogleSheets


def _load() -> type[TapGoogleSheets]:
    from tap_adapters.google_sheets.tap import TapGoogleSheets  # noqa: PLC0415 - `--version` waits for no import

    return TapGoogleSheets


def main() -> int:
    """Run tap-google-sheets with the arguments of the process and return its exit code."""
    return run("tap-google-sheets", _load)


if __name__ == "__main__":
    sys.exit(main())

"""The command `tap-gdrive-csv`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tap_adapters.common.command import run

if TYPE_CHECKING:
    from tap_adapters.gdrive_csv.tap import TapGdriveCsv


def _load() -> type[TapGdriveCsv]:
    from tap_adapters.gdrive_csv.tap import TapGdriveCsv  # noqa: PLC0415 - `--version` waits for no import

    return TapGdriveCsv


def main() -> int:
    """Run tap-gdrive-csv with the arguments of the process and return its exit code."""
    return run("tap-gdrive-csv", _load)


if __name__ == "__main__":
    sys.exit(main())

"""The command `tap-csv`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tap_adapters.common.command import run

if TYPE_CHECKING:
    from tap_adapters.csv.tap import TapCsv


def _load() -> type[TapCsv]:
    from tap_adapters.csv.tap import TapCsv  # noqa: PLC0415 - `--version` waits for no import

    return TapCsv


def main() -> int:
    """Run tap-csv with the arguments of the process and return its exit code."""
    return run("tap-csv", _load)


if __name__ == "__main__":
    sys.exit(main())

"""The command `tap-airbyte`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tap_adapters.common.command import run

if TYPE_CHECKING:
    from tap_adapters.airbyte.tap import TapAirbyte


def _load() -> type[TapAirbyte]:
    from tap_adapters.airbyte.tap import TapAirbyte  # noqa: PLC0415 - `--version` waits for no import

    return TapAirbyte


def main() -> int:
    """Run tap-airbyte with the arguments of the process and return its exit code."""
    return run("tap-airbyte", _load)


if __name__ == "__main__":
    sys.exit(main())

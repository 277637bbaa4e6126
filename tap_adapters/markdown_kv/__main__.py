"""The command `tap-markdown-kv`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tap_adapters.common.command import run

if TYPE_CHECKING:
    from tap_adapters.markdown_kv.tap import TapMarkdownKv


def _load() -> type[TapMarkdownKv]:
    from tap_adapters.markdown_kv.tap import TapMarkdownKv  # noqa: PLC0415 - `--version` waits for no import

    return TapMarkdownKv


def main() -> int:
    """Run tap-markdown-kv with the arguments of the process and return its exit code."""
    return run("tap-markdown-kv", _load)


if __name__ == "__main__":
    sys.exit(main())

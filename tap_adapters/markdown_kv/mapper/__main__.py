"""The command `mapper-markdown-kv`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tap_adapters.common.command import run

if TYPE_CHECKING:
    from tap_adapters.markdown_kv.mapper.mapper import MapperMarkdownKv


def _load() -> type[MapperMarkdownKv]:
    from tap_adapters.markdown_kv.mapper.mapper import MapperMarkdownKv  # noqa: PLC0415 - `--version` waits for none

    return MapperMarkdownKv


def main() -> int:
    """Run mapper-markdown-kv with the arguments of the process and return its exit code."""
    return run("mapper-markdown-kv", _load)


if __name__ == "__main__":
    sys.exit(main())

"""A command of ours from the shell: exit code 0, or 1 after one line that says why, or 128 + n on a signal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from singer_sdk.plugin_base import PluginBase


def run(name: str, load: Callable[[], type[PluginBase]]) -> int:
    """Run a plugin with the arguments of the process and return its exit code; `load` imports it when it is needed."""
    if "--version" in sys.argv[1:]:
        return _print_version(name)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    try:
        return _run(load)
    except BrokenPipeError:
        return 1
    finally:
        _close_output()


def _print_version(name: str) -> int:
    from importlib.metadata import version  # noqa: PLC0415 - this module imports nothing slow before it must

    sys.stdout.write(f"{name} v{version('target-dativo-iceberg')}, Meltano SDK v{version('singer-sdk')}\n")
    return 0


def _run(load: Callable[[], type[PluginBase]]) -> int:
    from click import ClickException  # noqa: PLC0415 - as above

    from tap_adapters.common.errors import TapError  # noqa: PLC0415 - as above

    plugin = load()
    try:
        code = plugin.cli(standalone_mode=False)
    except TapError as error:
        plugin.logger.error("%s", error.line)  # noqa: TRY400 - one line, no traceback
        return 1
    except ClickException as error:
        plugin.logger.error("%s", error.format_message())  # noqa: TRY400 - as above
        return 1
    return code if isinstance(code, int) else 0


def _close_output() -> None:
    """Flush what is left; if the reader has gone, let the rest go where nobody reads."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""The command `tap-airbyte`: exit code 0, or 1 after one line that says why, or 128 + n on a signal."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run tap-airbyte with the arguments of the process and return its exit code."""
    if "--version" in sys.argv[1:]:
        return _print_version()
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    try:
        return _run()
    except BrokenPipeError:
        return 1
    finally:
        _close_output()


def _print_version() -> int:
    from importlib.metadata import version  # noqa: PLC0415 - this module imports nothing slow before it must

    sys.stdout.write(f"tap-airbyte v{version('target-dativo-iceberg')}, Meltano SDK v{version('singer-sdk')}\n")
    return 0


def _run() -> int:
    from click import ClickException  # noqa: PLC0415 - as above

    from tap_adapters.airbyte.errors import AlreadyTold, TapAirbyteError  # noqa: PLC0415 - as above
    from tap_adapters.airbyte.tap import TapAirbyte  # noqa: PLC0415 - as above

    try:
        code = TapAirbyte.cli(standalone_mode=False)
    except TapAirbyteError as error:
        if not isinstance(error, AlreadyTold):
            TapAirbyte.logger.error("%s", error)
        return 1
    except ClickException as error:
        TapAirbyte.logger.error("%s", error.format_message())
        return 1
    return code if isinstance(code, int) else 0


def _close_output() -> None:
    """Flush what is left; if the reader has gone, let the rest go where nobody reads."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())

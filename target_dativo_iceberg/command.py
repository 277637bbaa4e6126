"""What the commands beside the target share: settings from a config, errors in one line, exit codes 0, 1 and 2."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from target_dativo_iceberg import config, log
from target_dativo_iceberg.errors import DativoError, Interrupted, Stop
from target_dativo_iceberg.settings import Settings, parse

DONE, PARTLY, FAILED = 0, 1, 2
_BROKEN_PIPE = 141
_OF_JOB = (
    "Under dativo, --job JOB in place of --config takes the settings from a job file, with --root, --state-dir, "
    "--secrets-dir, --secret-manager and --mode as dativo run has them."
)


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """Return a parser of `dativo <name>` with the options that all commands have."""
    found = argparse.ArgumentParser(prog=f"dativo {name}", description=description, epilog=_OF_JOB)
    found.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE",
        help="config file of the target; several are merged, the last wins; ENV stands for the variables "
        "TARGET_DATIVO_ICEBERG_<NAME> (default: ENV)",
    )
    found.add_argument("--json", action="store_true", help="print one JSON object")
    return found


def settings_of(paths: Sequence[str]) -> Settings:
    """Return the target's settings.

    Args:
        paths: what `--config` named.

    Raises:
        SettingsError: a file cannot be read, or the settings are wrong.

    """
    values: dict[str, Any] = {}
    for path in paths or ["ENV"]:
        if path == "ENV":
            values |= config.from_environment(os.environ)
        else:
            values |= config.check_file(path)
    return parse(values)


def print_json(value: Any) -> None:
    """Print one JSON object."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def reported(work: Callable[[], int]) -> int:
    """Do the work of a command; a foreseen failure is one error line and exit code 2."""
    try:
        return work()
    except DativoError as error:
        log.say(error.line, "error")
        return error.exit_code if isinstance(error, Interrupted) else FAILED


def program(main: Callable[[], int]) -> NoReturn:
    """Run a command as a process: messages on stderr, signals, nothing unforeseen shown as a traceback."""
    from target_dativo_iceberg.__main__ import interrupt, on_signals, unforeseen  # noqa: PLC0415 - a cycle otherwise

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger(log.NAME).setLevel(logging.INFO)
    on_signals(interrupt)
    try:
        code = main()
        sys.stdout.flush()
    except Stop as stop:
        log.say(Interrupted(stop.signum).line, "error")
        code = 128 + stop.signum
    except BrokenPipeError:
        # The reader has gone; what Python would flush at its end has nowhere to go either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _BROKEN_PIPE
    except Exception as error:
        log.say(unforeseen(error).line, "error")
        code = FAILED
    sys.exit(code)

"""The command `target-dativo-iceberg`. The only place that turns errors into exit codes."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from target_dativo_iceberg import log
from target_dativo_iceberg.errors import DativoError, Interrupted, Stop
from target_dativo_iceberg.machine import machine_errors

_OBJECTS_BEFORE_GC = 20_000


def main() -> None:
    """Run the target.

    Exit codes: 0 when all that was read is published or in quarantine, 1 on any failure, 128 + n on signal n.
    """
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{log.versions()}\n")
        return
    # Arrow's default pool keeps 60 to 80 MiB more of what it freed, at the same speed. Read when pyarrow loads.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
    # What is allocated stays for the run, or goes when its last user does: to look for cycles in it is in vain.
    gc.set_threshold(_OBJECTS_BEFORE_GC, 20, 50)
    on_signals(interrupt)
    threading.excepthook = lost
    try:
        level = log.level(os.environ)
        with machine_errors():
            _command(sys.argv[1:], level)
        end(0)
    except SystemExit as done:
        end(done.code if isinstance(done.code, int) else int(bool(done.code)))
    except Stop as stop:
        fail(Interrupted(stop.signum))
    except DativoError as error:
        fail(error)
    except Exception as error:
        # The SDK wraps ours in its own exceptions. Of any other, a traceback could show values from records.
        cause, context = error.__cause__, error.__context__
        if isinstance(context, Stop):  # raised within a lock of Python's own library, it came out as another error
            fail(Interrupted(context.signum))
        fail(cause if isinstance(cause, DativoError) else unforeseen(error))


def _command(arguments: Sequence[str], level: str) -> None:
    from target_dativo_iceberg import command_line  # noqa: PLC0415 - heavy

    names = command_line.config_names(arguments, os.environ)
    if names is not None:
        command_line.load(names, os.environ, level)
        return
    from target_dativo_iceberg.target import TargetDativoIceberg  # noqa: PLC0415 - heavy

    TargetDativoIceberg.cli()


def on_signals(handler: Callable[[int, object], Any]) -> None:
    """Have SIGTERM and SIGINT handled; the loader has its own handling while it runs."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def interrupt(number: int, _frame: object) -> NoReturn:
    """End the run; a second signal ends the process."""
    on_signals(end_now)
    raise Stop(number)


def end_now(number: int, _frame: object) -> NoReturn:
    """End the process."""
    os._exit(128 + number)


def unforeseen(error: Exception) -> DativoError:
    """Describe a fault of the target by its place, without its text, which may hold a record's value."""
    logging.getLogger(log.NAME).debug("trace", exc_info=error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "target_dativo_iceberg" in Path(f.filename).parts]
    places = dict.fromkeys(f"{Path(f.filename).name}:{f.lineno}" for f in (*own[-1:], *frames[-1:]))
    return DativoError(
        f"unforeseen {type(error).__name__} at {', '.join(places)}; this is a fault of the target",
        "report it with the trace that LOGLEVEL=DEBUG adds",
    )


def lost(ended: threading.ExceptHookArgs) -> None:
    """Say that a thread ended by an error; for want of memory nothing can be said here, and whoever waits says it."""
    if isinstance(ended.exc_value, Exception) and not isinstance(ended.exc_value, MemoryError):
        log.say(unforeseen(ended.exc_value).line, "error")


def fail(error: DativoError) -> None:
    """Say what is wrong in one line and end."""
    on_signals(end_now)
    log.say(error.line, "error", event_type="failed", code=error.code, retryable=error.retryable)
    end(error.exit_code)


def end(code: int) -> NoReturn:
    """End the process, without taking its modules apart, which takes as long as it took to load some of them.

    A worker thread blocked in a write to a dead store does not hold the end either.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # nobody reads what was said
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    main()

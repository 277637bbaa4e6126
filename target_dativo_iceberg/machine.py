"""What the machine refuses, as our errors: memory and threads; and where there is disk for what passes by."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from target_dativo_iceberg.errors import MachineError

HINT = "give the process more, or lower memory_limit_mb, then run again"
_LIBRARY = "failed to map segment", "annot allocate memory"
# What Python says for a library written in C that gave up half way: out of memory it often leaves no exception.
_GAVE_UP = "without exception set", "without raising an exception", "without setting an exception"
_BEGIN_SECONDS = 10.0


@contextmanager
def machine_errors() -> Iterator[None]:
    """Name what is missing when the process gets no more memory or threads.

    Raises:
        MachineError: it was refused some.

    """
    try:
        yield
    except MemoryError as error:  # Arrow's is one too
        raise MachineError("the process got no more memory", HINT) from error
    except (ImportError, SystemError) as error:
        if not any(words in str(error) for words in (_LIBRARY if isinstance(error, ImportError) else _GAVE_UP)):
            raise
        raise MachineError("the process got no memory to load its libraries", HINT) from error
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        raise MachineError("the process got no more threads, or no memory for one", HINT) from error


@contextmanager
def beginning_threads() -> Iterator[None]:
    """Bound the time in which threads begin: for one that gets no memory Python waits for ever (seen on 3.11).

    Raises:
        MachineError: one did not begin.

    """
    try:
        before = signal.signal(signal.SIGALRM, _no_thread)
    except ValueError:  # not the main thread: the host program owns the signals
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, _BEGIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _no_thread(_number: int, _frame: object) -> NoReturn:
    raise MachineError("the process got no memory for a thread", HINT)


def scratch() -> Path:
    """Return the folder for what does not fit in memory; it is made, or found unusable, only when it is needed."""
    try:
        folder = tempfile.gettempdir()
    except OSError:  # it tries to write
        folder = os.curdir
    return Path(folder) / f"dativo-{os.getpid()}"

"""Who runs tasks: an interface, and threads of this process."""

from __future__ import annotations

import os
from threading import Event
from typing import TYPE_CHECKING, Protocol

from target_dativo_iceberg.settings import MIB

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.spread.task import Outcome, Task

# What a thread takes for a row group on its way into a file.
_THREAD_BYTES = 72 * MIB


class LostWorkerError(Exception):
    """A worker ended before its task did, which may have written files; the message says how it ended."""


class Executor(Protocol):
    """Runs tasks, several at once.

    Attributes:
        width: how many at once.

    """

    width: int

    def run(self, task: Task) -> Outcome:
        """Run a task and wait for it; called by as many threads as `width` says.

        Raises:
            DativoError: as `spread.staging.run` does.
            LostWorkerError: the worker ended.

        """

    def cancel(self) -> None:
        """Have the tasks under way end soon."""

    def close(self) -> None:
        """Let go of the workers."""


class Threads:
    """Threads of this process.

    Args:
        settings: of the run: its memory bounds their number.

    """

    def __init__(self, settings: Settings) -> None:
        self.width = max(1, min(_cpus(), settings.room // _THREAD_BYTES))
        self._stopped = Event()

    def run(self, task: Task) -> Outcome:
        """Run a task here."""
        from target_dativo_iceberg.spread.staging import run  # noqa: PLC0415 - PyIceberg is not loaded before it is used

        return run(task, self._stopped.is_set)

    def cancel(self) -> None:
        """Have the tasks under way end at their next piece."""
        self._stopped.set()

    def close(self) -> None:
        """Do nothing: the threads are the caller's."""


def _cpus() -> int:
    """Return how many CPUs the process may use; of the machine where that is not known, as on macOS."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1

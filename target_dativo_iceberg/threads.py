"""Pools of threads whose results can be waited for when memory is short."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from target_dativo_iceberg.errors import MachineError
from target_dativo_iceberg.machine import HINT

_LOOK_SECONDS = 1.0
_T = TypeVar("_T")


class Threads(ThreadPoolExecutor):
    """A pool that tells when one of its threads was lost.

    A thread that gets no memory to hand over its result ends, and the future stays open for ever: Python 3.11 keeps no
    other trace of it than a line in its log.
    """

    def outcome(self, future: Future[_T]) -> _T:
        """Wait for what a future is to bring, and return it.

        Raises:
            BaseException: what the work raised.
            MachineError: a thread of the pool was lost before.

        """
        self.settle(future)
        if not future.done():
            raise MachineError("the process got no memory for the result of a thread", HINT)
        return future.result()

    def settle(self, future: Future[_T]) -> None:
        """Wait until a future is done, or a thread of the pool is lost."""
        while not future.done() and all(thread.is_alive() for thread in self._threads):
            wait([future], _LOOK_SECONDS)


# What the library would say of a lost thread is a traceback, and to say it takes memory: without that the thread fails
# once more, on stderr. What the loss costs is told as an error.
_log = logging.getLogger("concurrent.futures")
_log.setLevel(logging.CRITICAL + 1)
_log.isEnabledFor(logging.CRITICAL)  # the answer is kept

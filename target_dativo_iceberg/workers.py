"""Runs of records at the workers: staged side by side, taken back in the order in which they came, bounded in bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Barrier
from typing import TYPE_CHECKING, TypeVar, cast

from target_dativo_iceberg.threads import Threads

if TYPE_CHECKING:
    from target_dativo_iceberg.adoption import Candidate
    from target_dativo_iceberg.spread.task import Outcome, Task
    from target_dativo_iceberg.stage import Staged
    from target_dativo_iceberg.streams import Stream

_WORKERS = 2
# Tasks that may wait or be done elsewhere: what each leaves here until its turn comes is small.
_TASKS = 64
_END = object()
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Job:
    """A run of records that a worker has, or files that are staged elsewhere.

    Attributes:
        stream: whose they are.
        nbytes: of input.
        staged: what becomes of them.
        candidate: the file they are of, when it may be adopted.
        task: its files, when they are staged elsewhere.

    """

    stream: Stream
    nbytes: int
    staged: Future[Staged] | Future[Outcome]
    candidate: Candidate | None = None
    task: Task | None = None


class Workers:
    """Threads that stage runs, and threads that read files.

    Args:
        in_flight: bytes of input that may be at the workers.

    """

    def __init__(self, in_flight: int) -> None:
        self._in_flight = in_flight
        self._threads = Threads(_WORKERS, "worker")
        self._readers = Threads(_WORKERS, "reader")
        self._jobs: deque[Job] = deque()
        self._nbytes = 0

    def begin(self) -> None:
        """Begin all threads, while there is memory for them."""
        together = Barrier(2 * _WORKERS)
        try:
            for _ in range(_WORKERS):
                self._threads.submit(together.wait)
                self._readers.submit(together.wait)
        except BaseException:
            together.abort()
            raise

    def ahead(self, items: Generator[_Item]) -> Generator[_Item]:
        """Yield items, of which the next is made by a reading thread while one is looked at.

        Args:
            items: closed when no more are wanted. What it raises is raised here.

        """
        coming = self._readers.submit(next, items, _END)
        try:
            while (item := self._readers.outcome(coming)) is not _END:
                coming = self._readers.submit(next, items, _END)
                yield cast("_Item", item)
        finally:
            if not coming.cancel():
                self._readers.settle(coming)
            items.close()

    def submit(
        self, stream: Stream, nbytes: int, work: Callable[[], Staged], candidate: Candidate | None = None
    ) -> None:
        """Hand a run to the workers."""
        self._enter(Job(stream, nbytes, self._threads.submit(work), candidate))

    def follow(self, stream: Stream, staged: Future[Outcome], task: Task) -> None:
        """Have what others stage taken back in its turn."""
        self._enter(Job(stream, self._in_flight // _TASKS, staged, task=task))

    def _enter(self, job: Job) -> None:
        self._jobs.append(job)
        self._nbytes += job.nbytes

    def finished(self, limit: int | None = None) -> Iterator[Job]:
        """Yield finished runs from the head of the queue, waiting while more is in it than may be.

        Args:
            limit: bytes of input that may stay; what may be in flight if not given.

        """
        stays = self._in_flight if limit is None else limit
        while self._jobs and (self._nbytes > stays or self._jobs[0].staged.done()):
            job = self._jobs.popleft()
            self._nbytes -= job.nbytes
            yield job

    def outcome(self, job: Job) -> Staged | Outcome:
        """Wait for a run that was yielded, and return what became of it.

        Raises:
            DativoError: whatever its staging met.

        """
        return self._threads.outcome(cast("Future[Staged | Outcome]", job.staged))

    def cancel(self) -> None:
        """Forget the runs that no worker has begun."""
        for job in self._jobs:
            job.staged.cancel()

    def shutdown(self) -> None:
        """Wait for the runs under way."""
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._threads.shutdown(wait=True, cancel_futures=True)

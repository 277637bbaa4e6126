"""Spreads the files of BATCH messages over workers and makes whole what comes back. The publish is not its business."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from target_dativo_iceberg import log, names
from target_dativo_iceberg.batch_files import allowed, root_paths
from target_dativo_iceberg.errors import ClusterLostError, StoreError
from target_dativo_iceberg.settings import MIB
from target_dativo_iceberg.spread.executor import Executor, LostWorkerError, Threads
from target_dativo_iceberg.spread.task import Outcome, Task

if TYPE_CHECKING:
    from target_dativo_iceberg.files import FileTarget
    from target_dativo_iceberg.messages import BatchFiles
    from target_dativo_iceberg.record_stamp import Stamp
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.streams import Stream

_ATTEMPTS = 4
# Of the size at which a data file is closed: files that follow each other and are smaller are staged together.
_LEAST_SHARE = 0.25


@dataclass(slots=True)
class Part:
    """Files of one stream that follow each other.

    Attributes:
        stream: it.
        files: they.
        stamp: what the target itself says of their rows.
        nbytes: on disk.

    """

    stream: Stream
    files: BatchFiles
    stamp: Stamp | None
    nbytes: int = 0

    def goes_on_with(self, stream: Stream, files: BatchFiles) -> bool:
        """Whether the files of a message may be added."""
        mine = (self.files.format, self.files.compression)
        return self.stream is stream and mine == (files.format, files.compression)


@dataclass(slots=True)
class Spread:
    """Workers for the files of BATCH messages.

    Args:
        settings: of the run.

    Attributes:
        lost: starts of the names of files that lost attempts may have left; no snapshot names them.

    """

    settings: Settings
    lost: list[str] = field(default_factory=list)
    _executor: Executor | None = None
    _threads: ThreadPoolExecutor | None = None
    _held: Part | None = None
    _open: dict[Future[Outcome], Task] = field(default_factory=dict)
    _stopping: Event = field(default_factory=Event)

    def takes(self, stream: Stream) -> bool:
        """Whether the files of a stream are spread; if not, the reason is said once."""
        reason = _reason_against(stream)
        if reason:
            log.once(f"stream '{stream.name}': its BATCH files are staged here: {reason}", level="info")
        return not reason

    # ---- files into parts ----

    def parts(self, stream: Stream, message: BatchFiles, stamp: Stamp | None) -> Iterator[Part]:
        """Take the files of a BATCH and yield parts that are large enough; the last one waits for more.

        Raises:
            InputError: a file is outside the allowed folders or missing.

        """
        roots = root_paths(self.settings.batch_roots)
        enough = _LEAST_SHARE * self.settings.target_file_size_mb * MIB
        for uri in message.manifest:
            if self._held is not None and not self._held.goes_on_with(stream, message):
                yield from self.rest()
            held = self._held or Part(stream, replace(message, manifest=()), stamp)
            held.files = replace(held.files, manifest=(*held.files.manifest, uri))
            held.nbytes += allowed(uri, roots).stat().st_size
            self._held = held
            if held.nbytes >= enough:
                yield from self.rest()

    def rest(self) -> Iterator[Part]:
        """Yield the part that waits for more, if there is one."""
        held, self._held = self._held, None
        if held is not None:
            yield held

    # ---- parts to workers ----

    def task(self, part: Part, epoch: int, good: FileTarget, bad: FileTarget) -> Task:
        """Return the task of a part, under a name of its own."""
        name = f"{names.file_prefix(self.settings.run_id, epoch)}-{uuid4().hex[:8]}"
        roots = tuple(root_paths(self.settings.batch_roots))
        return Task(name, part.stream, part.files, roots, good, bad, self.settings.run_id, part.stamp)

    def submit(self, task: Task) -> Future[Outcome]:
        """Have a task done, by as many attempts as that takes."""
        if self._threads is None or self._executor is None:
            self._executor = _executor(self.settings)
            self._threads = ThreadPoolExecutor(self._executor.width, "spread")
        future = self._threads.submit(self._attempts, self._executor, task)
        self._open[future] = task
        return future

    def _attempts(self, executor: Executor, task: Task) -> Outcome:
        for attempt in range(task.attempt, _ATTEMPTS + 1):
            trying = replace(task, attempt=attempt)
            try:
                return executor.run(trying)
            except ClusterLostError:
                self.lost.append(trying.prefix)
                raise
            except LostWorkerError as error:
                if self._stopping.is_set():
                    break
                self.lost.append(trying.prefix)
                log.say(
                    f"stream '{task.stream.name}': a worker was lost ({error}) in attempt {attempt} of {_ATTEMPTS} to "
                    f"stage {len(task.files.manifest)} files; what it left begins with {trying.prefix}, is in no "
                    "snapshot, and is removed by `dativo maintain --remove-orphans`",
                    "warning",
                )
        raise StoreError(
            f"stream '{task.stream.name}': {_ATTEMPTS} workers were lost with the same files",
            "look at the workers' memory and logs, then run again",
        )

    # ---- outcomes ----

    def settled(self, task: Task, outcome: Outcome, marked: Callable[[Outcome], Task]) -> Outcome:
        """Return the outcome of a task that can be published: its table has all columns, no key repeats.

        What repeats a key of earlier files is only known here, in order: then the files are staged once more.

        Args:
            task: as it was submitted.
            outcome: of it, taken in the order in which tasks were submitted.
            marked: gives the table the columns for the outcome's marks and returns the task for that.

        Raises:
            DativoError: as staging does.

        """
        ordered = task.stream.ordered
        knows_keys = not ordered
        while not outcome.failed:
            if outcome.marks:
                task = replace(marked(outcome), repeats=task.repeats)
            elif knows_keys or outcome.keys is None:
                break
            else:
                knows_keys = True
                reasons = ordered.repeats(outcome.keys)
                if not reasons:
                    break
                task = replace(task, repeats=reasons)
            outcome.discard(task)
            task = replace(task, name=f"{task.name}r")
            outcome = self._taken(self.submit(task))
        return outcome

    def _taken(self, future: Future[Outcome]) -> Outcome:
        outcome = future.result()
        self.forget(future)
        return outcome

    def forget(self, future: Future[Any]) -> None:
        """Let go of an outcome: its files are somebody else's now."""
        self._open.pop(future, None)

    # ---- the end ----

    def cancel(self) -> None:
        """Have all tasks end, and delete the files of those that are done; nothing refers to them."""
        self._stopping.set()
        self._held = None
        if self._executor is not None:
            self._executor.cancel()
        for future, task in self._open.items():
            if not future.cancel():
                future.add_done_callback(lambda f, t=task: _discard(f, t))  # type: ignore[misc]

    def close(self) -> None:
        """Let go of the workers."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        if self._executor is not None:
            self._executor.close()


def _executor(settings: Settings) -> Executor:
    if settings.spread_batches == "threads":
        return Threads(settings)
    from target_dativo_iceberg.catalogs import catalog_properties  # noqa: PLC0415 - an extra
    from target_dativo_iceberg.spread.on_ray import OnRay  # noqa: PLC0415 - an extra

    return OnRay(settings, catalog_properties(settings))


def _discard(future: Future[Outcome], task: Task) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().discard(task)


def _reason_against(stream: Stream) -> str:
    if stream.settings.load_method == "upsert":
        return "rows of an upsert are put together in one place"
    if stream.ordered and not stream.ordered.wants_keys_only:
        return "aggregate checks or protected keys look at its rows in order"
    return ""

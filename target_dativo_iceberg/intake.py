"""Records on their way in: runs of them and files go to workers, what comes back goes into the open epoch in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from target_dativo_iceberg.adoption import place
from target_dativo_iceberg.batch_files import pieces, root_paths
from target_dativo_iceberg.batch_fit import chosen, takes_files
from target_dativo_iceberg.batch_pieces import file_of, staging
from target_dativo_iceberg.gathering import Gathering
from target_dativo_iceberg.settings import MIB
from target_dativo_iceberg.spread.spreading import Part, Spread
from target_dativo_iceberg.stage import Staged, stage
from target_dativo_iceberg.workers import Job, Workers

if TYPE_CHECKING:
    from pathlib import Path

    from target_dativo_iceberg.adoption import Candidate
    from target_dativo_iceberg.epochs import Epochs
    from target_dativo_iceberg.gathering import Gathered
    from target_dativo_iceberg.messages import BatchFiles, Records
    from target_dativo_iceberg.record_stamp import Stamp
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.spread.task import Outcome, Task
    from target_dativo_iceberg.streams import Stream
    from target_dativo_iceberg.tally import Tally

_IN_FLIGHT_BYTES = 8 * MIB


class Intake:
    """Takes records to workers and their results to the epoch, in the order in which they came.

    Args:
        settings: of the run.
        epochs: have the tables.
        tally: counts.

    """

    def __init__(self, settings: Settings, epochs: Epochs, tally: Tally) -> None:
        self._settings = settings
        self._epochs = epochs
        self._tally = tally
        room = max(_IN_FLIGHT_BYTES, settings.room // 8)
        self._workers = Workers(room)
        self._gathering = Gathering(room)
        self._spread = Spread(settings) if settings.spread_batches != "no" else None

    @property
    def lost(self) -> list[str]:
        """Starts of the names of files that workers may have left that were lost."""
        return self._spread.lost if self._spread is not None else []

    def begin(self) -> None:
        """Begin the threads."""
        self._workers.begin()

    # ---- to the workers ----

    def records(self, stream: Stream, run: Records, stamp: Stamp | None) -> None:
        """Take a run of records; it may wait for more of its stream."""
        self._hand_over_files()
        if run.file:  # its lines have numbers of their own
            self._hand_over_runs()
            self._submit(stream, run, stamp)
        else:
            self._submit_gathered(self._gathering.add(stream, run, stamp))
        self.collect()

    def hand_over(self) -> None:
        """Hand over to the workers what waits for more."""
        self._hand_over_files()
        self._hand_over_runs()

    def _submit(self, stream: Stream, run: Records, stamp: Stamp | None) -> None:
        work = partial(stage, stream.plan, stream.judge, run, stream.privacy, stamp, seals=not stream.ordered)
        self._workers.submit(stream, run.nbytes, work)

    def _submit_gathered(self, runs: Iterable[Gathered]) -> None:
        for found in runs:
            self._submit(found.stream, found.records(), found.stamp)

    def files(self, stream: Stream, message: BatchFiles, stamp: Stamp | None) -> None:
        """Take the files of a BATCH.

        Raises:
            InputError: a file is outside the allowed folders, missing, or not what its encoding says.

        """
        self._hand_over_runs()
        if self._spread is not None and self._spread.takes(stream):
            for part in self._spread.parts(stream, message, stamp):
                self._hand_over(part)
            return
        self._hand_over_files()
        roots, longest = root_paths(self._settings.batch_roots), self._settings.max_line_mb * MIB
        with closing(pieces(message, roots, longest, self._candidates(stream), self._workers.ahead)) as found:
            for name, row, piece in found:
                self._workers.submit(stream, piece.nbytes, staging(stream, piece, row, name, stamp), file_of(piece))
                self.collect()

    def _candidates(self, stream: Stream) -> Callable[[Path], Candidate | None]:
        """Return what tells which files of a stream may be adopted."""
        if not takes_files(stream):
            return lambda _: None
        table = self._epochs.of(stream)
        return lambda path: chosen(stream, path) if table.takes_files(stream.name) else None

    def _hand_over(self, part: Part) -> None:
        """Have files staged elsewhere."""
        assert self._spread is not None
        epoch = self._epochs.of(part.stream)
        task = self._spread.task(part, epoch.number, *epoch.file_targets(part.stream.name))
        self._workers.follow(part.stream, self._spread.submit(task), task)
        self.collect()

    def _hand_over_runs(self) -> None:
        """Have runs staged that waited for more of their streams: what comes next must come after them."""
        self._submit_gathered(self._gathering.all())

    def _hand_over_files(self) -> None:
        """Have files staged that waited for more: what comes next must come after them."""
        for part in self._spread.rest() if self._spread is not None else ():
            self._hand_over(part)

    # ---- results, in order ----

    def collect(self) -> None:
        """Take what is done, and wait while too much is under way.

        Raises:
            DativoError: what a worker met, or a record that ends the run.

        """
        self._take(None)

    def collect_all(self) -> None:
        """Take all that is under way.

        Raises:
            DativoError: as `collect` does.

        """
        self.hand_over()
        self._take(0)

    def _take(self, limit: int | None) -> None:
        for job in self._workers.finished(limit):
            found = self._workers.outcome(job)
            if isinstance(found, Staged):
                self._accept(job, found)
            else:
                self._accept_files(job, found)
        self._epochs.check()

    def _accept(self, job: Job, staged: Staged) -> None:
        stream, name = job.stream, job.stream.name
        if stream.ordered:
            staged = stream.ordered.take(staged)
        self._tally.take(stream, staged, job.nbytes)
        epoch = self._epochs.of(stream)
        if stream.mark(staged.marks):
            self._epochs.bind(stream)
        if staged.rejected:
            epoch.quarantine(name, staged.rejected)
        place(
            staged,
            job.candidate,
            adopt=partial(epoch.adopt, name),
            again=partial(epoch.write_again, name),
            add=partial(epoch.add, name),
        )

    def _accept_files(self, job: Job, outcome: Outcome) -> None:
        """Take files that were staged elsewhere."""
        assert self._spread is not None
        assert job.task is not None
        found = self._spread.settled(job.task, outcome, partial(self._marked, job.task))
        # First the files have an owner, who deletes them if the counts end the run.
        self._epochs.of(job.stream).take_files(job.stream.name, found.good, found.bad)
        self._spread.forget(job.staged)
        self._tally.add(job.stream, found)

    def _marked(self, task: Task, outcome: Outcome) -> Task:
        """Give a task's table the columns for marks."""
        stream = task.stream
        if stream.mark(outcome.marks):
            self._epochs.bind(stream)
        good, bad = self._epochs.of(stream).file_targets(stream.name)
        return replace(task, good=good, bad=bad)

    # ---- the end ----

    def cancel(self) -> None:
        """Have what is under way end; its files are deleted."""
        self._workers.cancel()
        if self._spread is not None:
            self._spread.cancel()

    def close(self) -> None:
        """Wait for what is under way and let go of the workers."""
        self._workers.shutdown()
        if self._spread is not None:
            self._spread.close()

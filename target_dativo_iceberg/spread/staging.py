"""Staging a task: read its files, judge the rows, write data files. A function of the task, whoever runs it where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from target_dativo_iceberg import quarantine
from target_dativo_iceberg.adopted_files import adopted
from target_dativo_iceberg.adopted_files import takes_files as table_takes_files
from target_dativo_iceberg.adoption import UnfitError, place
from target_dativo_iceberg.arranged import Waiting, writer_of
from target_dativo_iceberg.batch_files import pieces
from target_dativo_iceberg.batch_fit import chosen, takes_files
from target_dativo_iceberg.batch_pieces import file_of, staging
from target_dativo_iceberg.ordered import sorted_out
from target_dativo_iceberg.report import StreamReport
from target_dativo_iceberg.row_groups import RowGroups
from target_dativo_iceberg.settings import MIB
from target_dativo_iceberg.spread.task import Outcome, Task

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.manifest import DataFile

    from target_dativo_iceberg.adoption import Candidate, Piece
    from target_dativo_iceberg.messages import Records
    from target_dativo_iceberg.stage import Staged

# Rows that wait for others of their partition, in one task.
_WAITING_BYTES = 24 << 20


class StoppedError(Exception):
    """The run ends before the task is done; nothing of it is left."""


def run(task: Task, stopped: Callable[[], bool] = lambda: False) -> Outcome:
    """Stage a task.

    Args:
        task: the files and all that is needed to know about them.
        stopped: asked between pieces whether to go on.

    Raises:
        InputError: a file cannot be read.
        StoreError: the file store refused.
        StoppedError: as was asked for.

    """
    work = _Work(task)
    try:
        with_files = work.read(stopped)
        return work.outcome(with_files=with_files)
    except BaseException:
        work.discard()
        raise


class _Work:
    """A task under way.

    Args:
        task: it.

    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stream = task.stream
        waiting = Waiting(_WAITING_BYTES)
        good, bad = (replace(target, prefix=task.prefix) for target in (task.good, task.bad))
        self._good_target = good
        self._good = RowGroups(writer_of(good, waiting))
        self._bad = RowGroups(writer_of(bad, waiting))
        self._adopts = takes_files(self._stream) and table_takes_files(good)
        self._adopted: list[DataFile] = []
        self._counts = StreamReport(self._stream.name)
        self._keys: list[pa.RecordBatch] = []
        self._accepted = 0
        self._outcome = Outcome(self._counts)

    def read(self, stopped: Callable[[], bool]) -> bool:
        """Take all rows; return whether all were taken, and not one of them ends the run or needs another table."""
        task, limit = self._task, self._stream.settings.max_line_mb * MIB
        for name, row, piece in pieces(task.files, task.roots, limit, self._candidate):
            if stopped():
                raise StoppedError
            if not self._take(staging(self._stream, piece, row, name, task.stamp)(), piece):
                return False
        return True

    def outcome(self, *, with_files: bool) -> Outcome:
        """Return what became of the task; without files those that were written are deleted."""
        if not with_files:
            self.discard()
            return self._outcome
        keys = pa.Table.from_batches(self._keys).combine_chunks().to_batches() if self._keys else []
        return replace(
            self._outcome,
            good=(*self._adopted, *self._good.finish()),
            bad=tuple(self._bad.finish()),
            keys=keys[0] if keys else None,
        )

    def discard(self) -> None:
        """Delete what was written."""
        for group in (self._good, self._bad):
            with suppress(OSError):
                group.writer.discard()
        for file in self._adopted:
            self._good_target.delete(file.file_path)

    def _candidate(self, path: Path) -> Candidate | None:
        return chosen(self._stream, path) if self._adopts else None

    def _take(self, staged: Staged, piece: Records | pa.RecordBatch | Piece) -> bool:
        """Take staged rows; return whether to go on."""
        stream = self._stream
        if stream.ordered:
            self._keep_keys(staged)
            staged = self._without_repeats(staged).sealed(stream.privacy)
        self._counts.take(staged, piece.nbytes)
        failed = () if staged.failed is None else (staged.failed[0],)
        self._counts.examples.take(stream.contract, (*failed, *staged.rejected))
        has = {f.name for f in stream.contract.fields}
        self._outcome = replace(
            self._outcome,
            marks=tuple(m for m in staged.marks if m.name not in has),
            failed=staged.failed and (replace(staged.failed[0], record=b""), staged.failed[1]),
        )
        if self._outcome.failed or self._outcome.marks:
            return False
        if staged.rejected:
            self._bad.add(quarantine.rows(self._task.run_id, stream.name, stream.contract, staged.rejected))
        place(staged, file_of(piece), adopt=self._adopt, again=self._write_again, add=self._good.add)
        return True

    def _keep_keys(self, staged: Staged) -> None:
        names = [n for n in staged.accepted.schema.names if n in self._stream.ordered.key_columns]
        if names and staged.accepted.num_rows:
            self._keys.append(staged.accepted.select(names))

    def _without_repeats(self, staged: Staged) -> Staged:
        """Turn away rows that are known to repeat a key."""
        start, self._accepted = self._accepted, self._accepted + staged.accepted.num_rows
        found = {row - start: why for row, why in self._task.repeats.items() if start <= row < self._accepted}
        return sorted_out(staged, found) if found else staged

    def _adopt(self, file: Candidate) -> None:
        try:
            self._adopted.append(adopted(self._good_target, file))
        except UnfitError:
            self._write_again(file.passed())

    def _write_again(self, rows: Iterator[pa.RecordBatch]) -> None:
        for batch in rows:
            self._good.add(batch)

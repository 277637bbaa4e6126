"""Parquet files that BATCH messages name and that may become data files of a table as they are.

Such a file is read and checked like any other, by row group; its rows are only counted. When all of them have passed
as they came, the file is copied; as soon as one has not, those before it are read once more and all are written anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from target_dativo_iceberg.batch import read_arrow
from target_dativo_iceberg.errors import InputError

if TYPE_CHECKING:
    import os

    from target_dativo_iceberg.batch import Plan
    from target_dativo_iceberg.stage import Staged

PIECE_ROWS = 65_536
# Read at once of each column: a row group of any size takes little memory.
BUFFER_BYTES = 64 << 10


class UnfitError(Exception):
    """A file is written anew for the reason that the message gives."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one row group of a file.

    Attributes:
        of: the file.
        group: number of the row group.
        batch: the rows.

    """

    of: Candidate
    group: int
    batch: pa.RecordBatch

    @property
    def nbytes(self) -> int:
        """Bytes of Arrow memory."""
        return int(self.batch.nbytes)


@dataclass(slots=True)
class Candidate:
    """A file whose rows are being checked.

    Attributes:
        path: of the file.
        stat: of it when it was opened; it must not change before it is copied.
        metadata: its footer.
        plan: how its rows are read.
        refused: a row was not to stay as it is, or the footer says what is not so: the file is written anew.
        waiting: rows that have passed, and wait for the others.

    """

    path: Path
    stat: os.stat_result
    metadata: pq.FileMetaData
    plan: Plan
    refused: bool = False
    waiting: int = 0
    # Nulls that each piece was seen to have, by group and column.
    _nulls: list[tuple[int, list[int]]] = field(default_factory=list)

    def pieces(self) -> Iterator[tuple[int, Piece]]:
        """Read the file: yield the number of each piece's first row, and the piece."""
        row = 1
        with pq.ParquetFile(self.path, metadata=self.metadata, pre_buffer=False, buffer_size=BUFFER_BYTES) as file:
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(PIECE_ROWS, row_groups=[group]):
                    batch.validate(full=True)
                    yield row, Piece(self, group, batch)
                    row += batch.num_rows

    def compare(self, group: int, batch: pa.RecordBatch) -> None:
        """Compare rows with what the footer says of their row group: readers leave out what it excludes."""
        said = self.metadata.row_group(group)
        nulls = []
        for index, column in enumerate(batch.columns):
            nulls.append(column.null_count)
            self.refused = self.refused or not _is_within(column, said.column(index).statistics)
        self._nulls.append((group, nulls))

    def passes(self, staged: Staged) -> bool:
        """Take note of the next rows; return whether all so far stay as they are.

        Args:
            staged: the rows after all checks.

        """
        self.refused = (
            self.refused
            or staged.accepted.num_rows < staged.count
            or bool(staged.marks or staged.coercions or staged.unknown)
            or (self.waiting + staged.count == self.metadata.num_rows and not self._counts_agree())
        )
        self.waiting += 0 if self.refused else staged.count
        return not self.refused

    def _counts_agree(self) -> bool:
        found = [[0] * self.metadata.num_columns for _ in range(self.metadata.num_row_groups)]
        for group, nulls in self._nulls:
            found[group] = [a + b for a, b in zip(found[group], nulls, strict=True)]
        said = (self.metadata.row_group(group) for group in range(self.metadata.num_row_groups))
        return found == [[g.column(i).statistics.null_count for i in range(g.num_columns)] for g in said]

    @property
    def complete(self) -> bool:
        """Whether all its rows have passed."""
        return not self.refused and self.waiting == self.metadata.num_rows

    def passed(self) -> Iterator[pa.RecordBatch]:
        """Take the rows that have passed back, to be written; they are read once more.

        Raises:
            InputError: by the iterator: the file has changed.

        """
        left, self.waiting = self.waiting, 0
        return self._again(left)

    def _again(self, rows: int) -> Iterator[pa.RecordBatch]:
        try:
            for _, piece in self.pieces() if rows else ():
                if rows <= 0:
                    break
                yield read_arrow(self.plan, piece.batch).batch
                rows -= piece.batch.num_rows
        except (OSError, pa.ArrowException):
            raise self.changed() from None
        if self.has_changed():
            raise self.changed()

    def has_changed(self) -> bool:
        """Whether the file is another one than was checked."""
        try:
            now = self.path.stat()
        except OSError:
            return True
        return _same(now) != _same(self.stat)

    def changed(self) -> InputError:
        """Return what is raised when the file is another one than was checked."""
        return InputError(
            f"BATCH file {self.path.name} was changed or deleted while it was loaded",
            "have the tap leave its files alone until it sees the STATE behind them",
        )


def _same(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _is_within(column: pa.Array, said: pq.Statistics) -> bool:
    if not said.has_min_max or column.null_count == len(column):
        return True
    found = pc.min_max(column)
    try:
        return bool(said.min <= found["min"].as_py() and found["max"].as_py() <= said.max)
    except (TypeError, ValueError, OverflowError):  # what Python cannot hold, half a character among it
        return False

"""Parquet files that BATCH messages name and that may become data files of a table as they are.

Such a file is read and checked like any other, by row group; its rows are only counted. When all of them have passed
as they came, the file is copied; as soon as one has not, those before it are read once more and all are written anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from target_dativo_iceberg.batch import read_arrow
from target_dativo_iceberg.contract.layout import plain
from target_dativo_iceberg.contract.values.octets import is_utf8
from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.piece_sizes import BUFFER_BYTES, SEEN_BYTES, rows_of
from target_dativo_iceberg.wide_groups import batches

if TYPE_CHECKING:
    import os

    from target_dativo_iceberg.batch import Plan
    from target_dativo_iceberg.stage import Staged


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
        """Bytes of Arrow memory that the rows take without dictionaries, whose texts count as of the mean length."""
        return sum(_plain_bytes(column) for column in self.batch.columns)


@dataclass(slots=True)
class Candidate:
    """A file whose rows are being checked.

    Attributes:
        path: of the file.
        stat: of it when it was opened; it must not change before it is copied.
        metadata: its footer.
        plan: how its rows are read.
        repeating: text columns that are read with their dictionaries.
        refused: a row was not to stay as it is, or the footer says what is not so: the file is written anew.
        waiting: rows that have passed, and wait for the others.

    """

    path: Path
    stat: os.stat_result
    metadata: pq.FileMetaData
    plan: Plan
    repeating: list[str] = field(default_factory=list)
    refused: bool = False
    waiting: int = 0
    # Nulls that each piece was seen to have, by group and column.
    _nulls: list[tuple[int, list[int]]] = field(default_factory=list)

    def pieces(self, part: int = 0, parts: int = 1) -> Generator[tuple[int, Piece]]:
        """Read the file: yield the number of each piece's first row, and the piece, whose values are not looked at.

        Args:
            part: row groups that are read: the first of so many, and each that comes as many later.
            parts: how many read the file, side by side.

        """
        begins = itertools.accumulate((self._rows_of(n) for n in range(self.metadata.num_row_groups)), initial=1)
        with pq.ParquetFile(
            self.path,
            metadata=self.metadata,
            read_dictionary=self.repeating,
            pre_buffer=False,
            buffer_size=BUFFER_BYTES,
        ) as file:
            for group, row in itertools.islice(enumerate(begins), part, file.num_row_groups, parts):
                step = rows_of(self.path, self.metadata, group, SEEN_BYTES, self.repeating)
                for batch in batches(file, [group], step, use_threads=False):
                    yield row, Piece(self, group, batch)
                    row += batch.num_rows  # noqa: PLW2901 - the next piece of the same group

    def _rows_of(self, group: int) -> int:
        return int(self.metadata.row_group(group).num_rows)

    def compare(self, group: int, batch: pa.RecordBatch, ends: Mapping[str, pa.Array]) -> None:
        """Compare rows with what the footer says of their row group: readers leave out what it excludes.

        Workers call this side by side; `refused` is only ever set.

        Args:
            group: number of the row group.
            batch: the rows.
            ends: their least and greatest values, by column.

        """
        said = self.metadata.row_group(group)
        nulls = []
        for index, (name, column) in enumerate(zip(batch.schema.names, batch.columns, strict=True)):
            nulls.append(column.null_count)
            if not _is_within(ends.get(name, column), said.column(index).statistics):
                self.refused = True
        self._nulls.append((group, nulls))

    def passes(self, staged: Staged) -> bool:
        """Take note of the next rows; return whether all so far stay as they are.

        Args:
            staged: the rows after all checks.

        """
        if (
            staged.accepted.num_rows < staged.count
            or staged.marks
            or staged.coercions
            or staged.unknown
            or (self.waiting + staged.count == self.metadata.num_rows and not self._counts_agree())
        ):
            self.refused = True
        if self.refused:
            return False
        self.waiting += staged.count
        return True

    def _counts_agree(self) -> bool:
        found = [[0] * self.metadata.num_columns for _ in range(self.metadata.num_row_groups)]
        for group, nulls in self._nulls:
            found[group] = [a + b for a, b in zip(found[group], nulls, strict=True)]
        said = (self.metadata.row_group(group) for group in range(self.metadata.num_row_groups))
        return found == [[g.column(i).statistics.null_count for i in range(g.num_columns)] for g in said]

    def written(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return accepted rows as they are written: without dictionaries."""
        return pa.RecordBatch.from_arrays([plain(c) for c in rows.columns], names=rows.schema.names)

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


def place(
    staged: Staged,
    file: Candidate | None,
    *,
    adopt: Callable[[Candidate], None],
    again: Callable[[Iterator[pa.RecordBatch]], None],
    add: Callable[[pa.RecordBatch], None],
) -> None:
    """Have accepted rows written, or their file adopted once all of them stay as they are.

    Args:
        staged: the next rows of the file, after all checks.
        file: the file; None for rows that are of none that may be adopted.
        adopt: takes the file when its last rows have passed.
        again: takes rows before these, which had passed and are written after all.
        add: takes rows that are written.

    """
    if file is not None and file.passes(staged):
        if file.complete:
            adopt(file)
        return
    if file is not None and file.waiting:
        again(file.passed())
    add(staged.accepted if file is None else file.written(staged.accepted))


def validate(batch: pa.RecordBatch, ends: Mapping[str, pa.Array]) -> None:
    """Refuse what a writer may have put into a file, half a character among others; Arrow's reader made the offsets.

    Args:
        batch: rows of a piece, as they were read.
        ends: their least and greatest values, by column.

    Raises:
        pa.ArrowInvalid: values are not of their types.

    """
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name in ends:
            ends[name].validate(full=True)
        elif not _is_text(column.type) or not is_utf8(column):
            column.validate(full=True)


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def _same(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _plain_bytes(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    length = pc.mean(pc.binary_length(column.dictionary)).as_py() or 0
    # An index takes as much as an offset would, of which Arrow counts one for each value.
    return int(column.indices.nbytes + length * (len(column) - column.null_count))


def _is_within(column: pa.Array, said: pq.Statistics) -> bool:
    if not said.has_min_max or column.null_count == len(column):
        return True
    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    if isinstance(values.type, pa.BaseExtensionType):  # UUIDs, which Arrow does not compare
        values = values.storage
    try:
        least, most = pa.scalar(said.min, values.type), pa.scalar(said.max, values.type)
    except (TypeError, ValueError, OverflowError, pa.ArrowException):  # no values of the type, half a character say
        return False
    if not pc.less_equal(least, most).as_py():  # one of them is NaN
        return False
    # To look for what is beyond costs a quarter of looking for the extremes of texts.
    return not (pc.any(pc.less(values, least)).as_py() or pc.any(pc.greater(values, most)).as_py())

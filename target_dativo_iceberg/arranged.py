"""Data files of tables that are partitioned or sorted: each file holds rows of one partition, in the table's order.

Rows wait in memory, for all tables of an epoch together up to a limit. Beyond it they are sorted by partition; those of
large partitions are written, the others go to a scratch file on disk. At the end of the epoch each partition is put
together and written once. So a partition has one file, or as many as the target size makes of it, whether rows come in
the order of partitions or touch all of them all the time, and memory is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.files import FileForm, FileTarget, FileWriter, PartitionPlace
from target_dativo_iceberg.partition_slots import PartitionSlots
from target_dativo_iceberg.row_groups import GROUP_BYTES, GROUP_ROWS, fills_group
from target_dativo_iceberg.row_order import RowOrder
from target_dativo_iceberg.spill import Spill

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile

# Rows of a partition that are worth a row group of their own before the epoch ends.
_DIRECT_BYTES = 8 << 20
_OPEN_FILES = 8
_AT_ONCE = 4
# Pieces on disk are read whole; of sorted rows only some are needed at a time.
_SORTED_PIECE_ROWS = 16_384
_SAMPLES = 64
# Partitions of numbers near each other lie on disk together while they are small: a thousand pieces cost a thousand
# writes and reads, of which each takes longer than its rows.
_NEAR = 16
_TOGETHER_BYTES = 1 << 20
# What the partitions of one task may take in memory at once; beyond it their pieces are read one by one.
_AT_HAND_BYTES = 8 << 20


class Waiting:
    """Rows of all tables that wait for the others of their partition.

    Args:
        limit: bytes of Arrow memory.

    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._writers: set[ArrangedWriter] = set()

    def enter(self, writer: ArrangedWriter) -> None:
        """Count a writer's rows."""
        self._writers.add(writer)

    def leave(self, writer: ArrangedWriter) -> None:
        """Count them no more."""
        self._writers.discard(writer)

    def bound(self) -> None:
        """Have the writer with the most rows put them away, until they are few enough."""
        while sum(w.waiting for w in self._writers) > self.limit:
            max(self._writers, key=lambda w: w.waiting).put_away()


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows of one partition, in order: in memory, or where they are in what lies on disk under a number."""

    rows: int
    nbytes: int
    table: pa.Table | None = None
    number: int = -1
    start: int = 0


@dataclass(frozen=True, slots=True)
class _Near:
    """Rows of partitions of near numbers, by partition and in order.

    Attributes:
        table: the rows.
        parts: number of the partition, its first row and how many it has.

    """

    table: pa.Table
    parts: tuple[tuple[int, int, int], ...]

    def pieces(self) -> Iterator[tuple[int, pa.Table]]:
        for slot, start, rows in self.parts:
            yield slot, self.table.slice(start, rows)


# Numbers of partitions and their rows.
_Partitions = Sequence[tuple[int, Sequence[_Piece]]]


class ArrangedWriter:
    """Writer of the data files of a partitioned or sorted table in one epoch.

    Args:
        target: where and how.
        waiting: of all tables.

    """

    def __init__(self, target: FileTarget, waiting: Waiting) -> None:
        self._target = target
        self._form = FileForm(target)
        self._slots = PartitionSlots(target.spec, target.schema) if target.spec.fields else None
        self._order = RowOrder(target.order, target.schema)
        self._waiting = waiting
        self._held: list[tuple[pa.Table, pa.Array]] = []
        self.waiting = 0
        self._spill = Spill(self._form.arrow)
        self._spilled: dict[int, list[_Piece]] = {}
        self._writers: OrderedDict[int, FileWriter] = OrderedDict()
        self.files: list[DataFile] = []
        waiting.enter(self)

    def write(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Take batches of contract columns.

        Raises:
            InputError: the rows fall into too many partitions.
            StoreError: the file store refused, or the disk for waiting rows is full.

        """
        table = self._form.aligned(batches)
        slots = self._slots.of(table) if self._slots else pa.repeat(pa.scalar(0, pa.int32()), table.num_rows)
        self._held.append((table, slots))
        self.waiting += table.nbytes
        self._waiting.bound()

    def put_away(self) -> None:
        """Write rows of large partitions and put the others on disk."""
        for near in self._cut():
            size = near.table.nbytes
            if size <= _TOGETHER_BYTES:
                self._put_together(near, size)
                continue
            for slot, piece in near.pieces():
                own = piece.nbytes
                if not self._order and own >= _DIRECT_BYTES:
                    self._write_piece(slot, piece, own)
                else:
                    self._put_on_disk(slot, piece, own)

    def finish(self) -> list[DataFile]:
        """Write everything that waits and return all data files of the epoch."""
        pieces = self._spilled
        for near in self._cut():
            size, rows = near.table.nbytes, near.table.num_rows
            for slot, table in near.pieces():
                own = size * table.num_rows // rows if size <= _TOGETHER_BYTES else table.nbytes
                pieces.setdefault(slot, []).append(_Piece(table.num_rows, own, table))
        small = {s for s, own in pieces.items() if s not in self._writers and _bytes(own) < _DIRECT_BYTES}
        self._finish_small([(slot, pieces.pop(slot)) for slot in sorted(small)])
        for slot in sorted(pieces.keys() | self._writers.keys()):
            for group, size in self._groups(pieces.pop(slot, [])):
                self._write_piece(slot, group, size)
            self._close(slot)
        self._end()
        return self.files

    def _finish_small(self, partitions: _Partitions) -> None:
        """Write partitions of which several fit in memory, several at a time: each costs more waiting than work."""
        with ThreadPoolExecutor(_AT_ONCE, "partition") as pool:
            tasks = [
                pool.submit(self._finish_near, list(near))
                for _, near in groupby(partitions, key=lambda partition: partition[0] // _NEAR)
            ]
            try:
                for task in tasks:
                    task.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _finish_near(self, partitions: _Partitions) -> None:
        if sum(_bytes(pieces) for _, pieces in partitions) <= _AT_HAND_BYTES:
            partitions = self._at_hand(partitions)
        for slot, pieces in partitions:
            writer = self._writers[slot] = self._writer(slot)
            for group, size in self._groups(pieces):
                writer.write_group(group, size)
            self.files += writer.finish()
            del self._writers[slot]

    def discard(self) -> None:
        """Delete what was written; nothing refers to it."""
        for writer in self._writers.values():
            writer.discard()
        for file in self.files:
            self._target.delete(file.file_path)
        self._end()

    def _end(self) -> None:
        self._waiting.leave(self)
        self._held, self.waiting = [], 0
        self._spill.close()

    # ---- rows by partition ----

    def _cut(self) -> Iterator[_Near]:
        """Take the rows that wait, sort them by partition and order, and yield those of partitions near each other."""
        if not self._held:
            return
        table = pa.concat_tables([t for t, _ in self._held]).combine_chunks()
        self._form.sample(table)
        slots = pa.concat_arrays([s for _, s in self._held])
        self._held, self.waiting = [], 0
        counts = pc.value_counts(slots)
        if len(counts) > 1 or self._order:
            indices = self._order.indices(table, slots)
            table = table.take(indices)
            counts = pc.value_counts(slots.take(indices))
        found = zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True)
        first = 0
        for _, near in groupby(found, key=lambda counted: counted[0] // _NEAR):
            parts, start = [], 0
            for slot, count in near:
                parts.append((slot, start, count))
                start += count
            yield _Near(table.slice(first, start), tuple(parts))
            first += start

    def _put_together(self, near: _Near, size: int) -> None:
        number, rows = self._spill.write(near.table), near.table.num_rows
        for slot, start, count in near.parts:
            self._spilled.setdefault(slot, []).append(_Piece(count, size * count // rows, number=number, start=start))

    def _put_on_disk(self, slot: int, piece: pa.Table, size: int) -> None:
        step = _SORTED_PIECE_ROWS if self._order else piece.num_rows
        for start in range(0, piece.num_rows, step):
            part = piece.slice(start, step)
            number = self._spill.write(part)
            own = size if part.num_rows == piece.num_rows else part.nbytes
            self._spilled.setdefault(slot, []).append(_Piece(part.num_rows, own, number=number))

    def _read(self, piece: _Piece) -> pa.Table:
        if piece.table is not None:
            return piece.table
        return self._spill.read(piece.number).slice(piece.start, piece.rows)

    def _at_hand(self, partitions: _Partitions) -> _Partitions:
        """Read what lies together on disk once for all partitions that have rows in it."""
        numbers = {piece.number for _, pieces in partitions for piece in pieces if piece.table is None}
        read = {number: self._spill.read(number) for number in sorted(numbers)}
        return [
            (
                slot,
                [p if p.table is not None else replace(p, table=read[p.number].slice(p.start, p.rows)) for p in pieces],
            )
            for slot, pieces in partitions
        ]

    # ---- row groups ----

    def _groups(self, pieces: Sequence[_Piece]) -> Iterator[tuple[pa.Table, int]]:
        """Yield the rows of a partition as row groups, and how many bytes each takes."""
        if self._order and len(pieces) > 1:
            yield from self._merged(pieces)
            return
        group: list[pa.Table] = []
        rows = size = 0
        for piece in pieces:
            group.append(self._read(piece))
            rows, size = rows + piece.rows, size + piece.nbytes
            if fills_group(rows, size):
                yield from _row_groups(pa.concat_tables(group), size)
                group, rows, size = [], 0, 0
        if group:
            yield from _row_groups(pa.concat_tables(group), size)

    def _merged(self, pieces: Sequence[_Piece]) -> Iterator[tuple[pa.Table, int]]:
        """Yield sorted pieces as one sorted sequence: range by range, each of which fits in memory."""
        ranges = -(-_bytes(pieces) // self._waiting.limit)
        if ranges == 1:
            yield from self._sorted_groups([self._read(p) for p in pieces])
            return
        splitters = self._splitters(pieces, ranges)
        cuts = [[0, *self._order.cuts(self._read(p), splitters), p.rows] for p in pieces]
        for number in range(splitters.num_rows + 1):
            bounds = [(piece, cut[number], cut[number + 1]) for piece, cut in zip(pieces, cuts, strict=True)]
            parts = [self._read(p).slice(start, stop - start) for p, start, stop in bounds if start < stop]
            if parts:
                yield from self._sorted_groups(parts)

    def _splitters(self, pieces: Sequence[_Piece], ranges: int) -> pa.Table:
        """Return rows that cut all rows into ranges of about the same size, by a sample."""
        step = max(1, sum(p.rows for p in pieces) // (ranges * _SAMPLES))
        samples = []
        for piece in pieces:
            picked = pa.array(range(min(step // 2, piece.rows - 1), piece.rows, step), pa.int64())
            samples.append(self._read(piece).take(picked))
        sample = pa.concat_tables(samples).combine_chunks()
        sample = sample.take(self._order.indices(sample))
        places = sorted({sample.num_rows * number // ranges for number in range(1, ranges)})
        return sample.take(pa.array(places, pa.int64()))

    def _sorted_groups(self, parts: Sequence[pa.Table]) -> Iterator[tuple[pa.Table, int]]:
        table = pa.concat_tables(parts).combine_chunks()
        yield from _row_groups(table.take(self._order.indices(table)), table.nbytes)

    # ---- files ----

    def _write_piece(self, slot: int, piece: pa.Table, size: int) -> None:
        if slot not in self._writers:
            self._writers[slot] = self._writer(slot)
        self._writers.move_to_end(slot)
        self._writers[slot].write_group(piece, size)
        if len(self._writers) > _OPEN_FILES:
            self._close(next(iter(self._writers)))

    def _writer(self, slot: int) -> FileWriter:
        place = self._slots.places[slot] if self._slots else PartitionPlace()
        return FileWriter(self._target, self._form, place)

    def _close(self, slot: int) -> None:
        writer = self._writers.get(slot)
        if writer is not None:
            self.files += writer.finish()
            del self._writers[slot]


def _bytes(pieces: Sequence[_Piece]) -> int:
    return sum(piece.nbytes for piece in pieces)


def _row_groups(table: pa.Table, nbytes: int) -> Iterator[tuple[pa.Table, int]]:
    """Cut rows of some bytes, which take long to be counted; yield each part and about its bytes."""
    count = max(1, -(-table.num_rows // GROUP_ROWS), -(-nbytes // GROUP_BYTES))
    step = -(-table.num_rows // count)
    for start in range(0, table.num_rows, step):
        part = table.slice(start, step)
        yield part, nbytes * part.num_rows // table.num_rows


Writer = FileWriter | ArrangedWriter


def writer_of(target: FileTarget, waiting: Waiting) -> Writer:
    """Return the writer of a table's data files: the plain one where rows may stay as they come."""
    if target.spec.fields or target.order:
        return ArrangedWriter(target, waiting)
    return FileWriter(target)

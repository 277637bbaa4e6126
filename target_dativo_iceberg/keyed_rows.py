"""Rows of an epoch by their key: kept in order, the last of each key found, in bounded memory.

Rows wait in memory up to a limit and then on disk. Of each row an entry is kept: a hash of its key, its number, a
digest of its values. Entries are cut by their hash into parts of which one at a time fits in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.rules.key_index import Run, placed, run_of
from target_dativo_iceberg.contract.rules.key_words import KeyReader, Keys
from target_dativo_iceberg.contract.rules.row_digest import RowDigest, plain
from target_dativo_iceberg.spill import Spill

# Entries of one part: about 60 MB with the work on them.
PART_ENTRIES = 500_000
_BUCKET_BITS = 8
_ENTRY = pa.schema(
    [
        ("first", pa.uint64()),
        ("second", pa.uint64()),
        ("row", pa.int64()),
        ("digest_first", pa.uint64()),
        ("digest_second", pa.uint64()),
    ]
)
_KEY = ("first", "second")
_MORTAL = _ENTRY.append(pa.field("deleted_at", pa.int64()))


class KeptBatches:
    """Batches in their order, in memory and beyond a limit on disk.

    Args:
        limit: bytes of Arrow memory.

    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0
        self._spills: list[tuple[Spill, list[int]]] = []
        self._schema: pa.Schema | None = None
        self.rows = 0

    def add(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Take batches.

        Raises:
            StoreError: the folder for temporary files is full.

        """
        for batch in batches:
            self._held.append(batch)
            self._bytes += batch.nbytes
            self.rows += batch.num_rows
        if self._bytes > self._limit:
            self._put_away()

    def _put_away(self) -> None:
        for batch in self._held:
            if self._schema is None or not batch.schema.equals(self._schema):
                self._schema = batch.schema
                self._spills.append((Spill(batch.schema), []))
            spill, numbers = self._spills[-1]
            numbers.append(spill.write(pa.Table.from_batches([batch])))
        self._held, self._bytes = [], 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Read all batches; after that none can be added to those on disk."""
        for spill, numbers in self._spills:
            for number in numbers:
                yield from spill.read(number).to_batches()
        yield from self._held

    def close(self) -> None:
        """Give memory and disk space back."""
        for spill, _ in self._spills:
            spill.close()
        self._held, self._spills, self._schema = [], [], None


@dataclass(frozen=True, slots=True)
class Deletions:
    """What the rows of a part say of deletion.

    Attributes:
        at: of each, since when it is deleted, in microseconds since 1970; null if it is not.
        buried: of each, whether another row deletes it, which comes after it.

    """

    at: pa.Array
    buried: pa.BooleanArray


@dataclass(frozen=True, slots=True)
class Part:
    """The row that counts of each key whose hash is in a range: the last, or the last before the key was deleted.

    Attributes:
        run: the keys.
        rows: number of the row of each, in the order of the run.
        digests: the two halves of the digest of each.
        superseded: numbers of the other rows.
        deletions: what is said of each key's deletion; None when no row of the table can say so.

    """

    run: Run
    rows: pa.Array
    digests: tuple[pa.Array, pa.Array]
    superseded: pa.Array
    deletions: Deletions | None = None


class KeyedRows:
    """Rows of a table by key.

    Args:
        key: names of the key's columns.
        compared: names of the columns by whose values rows are the same.
        batches: gives the rows, all columns of the table under its names, each time in the same order.
        deleted_at: the timestamp column by which a row says that it is deleted, None when there is none.

    """

    def __init__(
        self,
        key: Sequence[str],
        compared: Sequence[str],
        batches: Callable[[], Iterator[pa.RecordBatch]],
        deleted_at: str | None = None,
    ) -> None:
        self.key = tuple(key)
        self.deleted_at = deleted_at
        self._reader = KeyReader(key)
        self._digest = RowDigest(compared)
        self._batches = batches
        self._entries = _Entries(_ENTRY if deleted_at is None else _MORTAL)
        row = 0
        for batch in batches():
            self._entries.add(self._entry(batch, row))
            row += batch.num_rows
        self._entries.seal()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows in order."""
        return self._batches()

    def parts(self) -> Iterator[Part]:
        """Yield the last row of each key, part by part."""
        for entries in self._entries.parts():
            yield _part(entries)

    def keys(self, batch: pa.RecordBatch) -> Keys:
        """Return the keys of other rows of the table, to be looked for in the parts."""
        columns = [plain(batch.column(name)) for name in self.key]
        return self._reader.read(pa.RecordBatch.from_arrays(columns, names=list(self.key)))

    def digests(self, batch: pa.RecordBatch) -> tuple[pa.Array, pa.Array]:
        """Return the digests of other rows of the table."""
        return self._digest.read(pa.Table.from_batches([batch]))

    def _entry(self, batch: pa.RecordBatch, row: int) -> pa.Table:
        keys = self.keys(batch)
        second = pa.repeat(pa.scalar(0, pa.uint64()), batch.num_rows) if keys.second is None else keys.second
        rows = pa.arange(row, row + batch.num_rows)
        columns = [keys.first, second, rows, *self.digests(batch)]
        if self.deleted_at is None:
            return pa.Table.from_arrays(columns, schema=_ENTRY)
        at = batch.column(self.deleted_at).cast(pa.int64())
        return pa.Table.from_arrays([*columns, at], schema=_MORTAL)

    def close(self) -> None:
        """Give memory and disk space back."""
        self._entries.close()


class _Entries:
    """Entries, in memory while they make one part, else on disk by the upper bits of their hash."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._held: list[pa.Table] = []
        self._count = 0
        self._spill: Spill | None = None
        self._buckets: list[list[tuple[int, int]]] = [[] for _ in range(1 << _BUCKET_BITS)]

    def add(self, entries: pa.Table) -> None:
        self._held.append(entries)
        self._count += entries.num_rows
        if self._count > PART_ENTRIES:
            self._put_away()

    def seal(self) -> None:
        if self._spill is not None and self._count:
            self._put_away()

    def _put_away(self) -> None:
        self._spill = self._spill or Spill(self._schema)
        table = pa.concat_tables(self._held).combine_chunks()
        self._held, self._count = [], 0
        bucket = pc.shift_right(table.column("first"), pa.scalar(64 - _BUCKET_BITS, pa.uint64())).cast(pa.uint16())
        order = pc.array_sort_indices(bucket.combine_chunks())
        counts = pc.value_counts(bucket.take(order))
        table, start = table.take(order), 0
        for number, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True):
            self._buckets[number].append((self._spill.write(table.slice(start, count)), count))
            start += count

    def parts(self) -> Iterator[pa.Table]:
        if self._spill is None:
            if self._held:
                yield pa.concat_tables(self._held)
            return
        numbers: list[int] = []
        rows = 0
        for bucket in self._buckets:
            own = sum(count for _, count in bucket)
            if numbers and rows + own > PART_ENTRIES:
                yield self._read(numbers)
                numbers, rows = [], 0
            numbers += [number for number, _ in bucket]
            rows += own
        if numbers:
            yield self._read(numbers)

    def _read(self, numbers: Sequence[int]) -> pa.Table:
        assert self._spill is not None
        return pa.concat_tables([self._spill.read(number) for number in numbers])

    def close(self) -> None:
        if self._spill is not None:
            self._spill.close()
        self._held, self._spill = [], None


def _part(entries: pa.Table) -> Part:
    chosen = _last(entries)
    superseded = pa.array([], pa.int64())
    if chosen.num_rows < entries.num_rows:
        is_last = pc.is_in(entries.column("row"), value_set=chosen.column("row"))
        superseded = entries.column("row").filter(pc.invert(is_last)).combine_chunks()
    chosen = chosen.combine_chunks()
    first = plain(chosen.column("first"))
    order = placed(first)
    columns = {name: plain(chosen.column(name)).take(order) for name in chosen.column_names}
    run = run_of(columns["first"], columns["second"])
    digests = columns["digest_first"], columns["digest_second"]
    deletions = Deletions(columns["deleted_at"], columns["buried"]) if "deleted_at" in columns else None
    return Part(run, columns["row"], digests, superseded, deletions)


def _last(entries: pa.Table) -> pa.Table:
    """Return the entry of each key that counts."""
    if "deleted_at" not in entries.column_names:
        return _one_of_each(entries, "max")
    living = _one_of_each(entries.filter(pc.is_null(entries.column("deleted_at"))), "max")
    dead = entries.filter(pc.is_valid(entries.column("deleted_at")))
    if not dead.num_rows:
        return living.append_column("buried", pa.repeat(pa.scalar(value=False), living.num_rows))
    # The first that deletes the row as it was last; a row that is deleted already is not deleted again.
    before = living.select([*_KEY, "row"]).rename_columns([*_KEY, "living"])
    dead = dead.join(before, list(_KEY))
    dead = _one_of_each(dead.filter(pc.fill_null(pc.less(dead.column("living"), dead.column("row")), True)), "min")
    buries = pc.is_valid(dead.column("living"))
    deaths = dead.filter(buries).select([*_KEY, "deleted_at"])
    living = living.drop_columns(["deleted_at"]).join(deaths, list(_KEY)).select(_MORTAL.names)
    alone = dead.filter(pc.invert(buries)).select(_MORTAL.names)
    of_the_living = living.column("deleted_at").is_valid().chunks
    buried = pa.chunked_array([*of_the_living, pa.repeat(pa.scalar(value=False), alone.num_rows)])
    return pa.concat_tables([living, alone]).append_column("buried", buried)


def _one_of_each(entries: pa.Table, which: Literal["min", "max"]) -> pa.Table:
    """Return the first or the last entry of each key."""
    found = entries.group_by(_KEY).aggregate([("row", which)])
    if found.num_rows == entries.num_rows:
        return entries
    return entries.filter(pc.is_in(entries.column("row"), value_set=found.column(f"row_{which}")))

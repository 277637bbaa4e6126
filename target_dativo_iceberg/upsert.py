"""Rows that replace those with the same key: copy-on-write of the data files that hold them, and of no others.

The epoch's rows wait until the publish. Then the key columns of the files whose bounds allow it are read, row group by
row group; where keys meet, the rows are compared. Rows that are the same stay where they are; files with others are
written anew without them, and the epoch's rows are added. All that is said against one snapshot of the table; should
another writer be faster, it is done again against the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.arranged import writer_of
from target_dativo_iceberg.contract.rules.key_words import Keys
from target_dativo_iceberg.files import FileForm, FileTarget
from target_dativo_iceberg.key_bounds import KeyBounds
from target_dativo_iceberg.keyed_rows import KeptBatches, KeyedRows, Part
from target_dativo_iceberg.row_groups import RowGroups
from target_dativo_iceberg.row_marks import RowMarks
from target_dativo_iceberg.stored_rows import StoredFile, stored, tasks_of

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import FileScanTask, Table

    from target_dativo_iceberg.tables import Destination, Store


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of a table's files.

    Attributes:
        files: to be added.
        removes: to be removed in the same snapshot.
        summary: snapshot properties, for people.

    """

    files: Sequence[DataFile]
    removes: Sequence[DataFile] = ()
    summary: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Segment:
    """Rows that were written by one contract: column of the batches → the table's column, where names differ."""

    batches: KeptBatches
    columns: Mapping[str, str]


class Upsert:
    """The rows of one table in an epoch.

    Args:
        limit: bytes of Arrow memory in which rows may wait.

    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._segments: list[_Segment] = []
        self._destination: Destination | None = None
        self._merged: Merged | None = None
        self._against: tuple[object, ...] = ()

    def bind(self, destination: Destination) -> None:
        """Take rows for a table as it is to be from now on: names of columns may have changed."""
        before, self._destination = self._destination, destination
        if before is not None:
            for segment in self._segments:
                segment.columns = _names_after(segment, before, destination)
        self._segments.append(_Segment(KeptBatches(self._limit), destination.columns))

    def write(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Take batches of contract columns."""
        self._segments[-1].batches.add(batches)

    @property
    def rows(self) -> int:
        """Rows taken so far."""
        return sum(segment.batches.rows for segment in self._segments)

    def against(self, store: Store, destination: Destination, table: Table | None, prefix: str) -> Merged:
        """Return what becomes of the table's files; the same again while the table is the same.

        Args:
            store: the catalog.
            destination: the table as the publish will leave it.
            table: as it is now, None when the publish creates it.
            prefix: starts the names of new files.

        Raises:
            StoreError: the file store refused.

        """
        head = table.metadata.current_snapshot_id if table else None
        state = (destination.metadata.table_uuid, head, destination.schema, destination.metadata.default_spec_id)
        if self._merged is None or self._against != state:
            target = store.file_target(destination, prefix)
            rows = self._keyed(destination, target)
            try:
                self._merged = _Merging(store, destination, target, table, rows).run()
            finally:
                rows.close()
            self._against = state
        return self._merged

    def _keyed(self, destination: Destination, target: FileTarget) -> KeyedRows:
        before = self._destination
        assert before is not None
        for segment in self._segments:
            segment.columns = _names_at(segment, before, destination)
        self._destination = destination
        forms = [(FileForm(replace(target, columns=s.columns)), s) for s in self._segments]
        contract = destination.contracts[-1]
        key = [destination.columns.get(name, name) for name in contract.primary_key]
        compared = [f.name for f in destination.schema.fields if f.name not in target.fills]

        def batches() -> Iterator[pa.RecordBatch]:
            for form, segment in forms:
                for batch in segment.batches:
                    yield from form.named(batch).to_batches()

        return KeyedRows(key, compared, batches)

    @property
    def files(self) -> Sequence[DataFile]:
        """The files of the latest merge."""
        return self._merged.files if self._merged else ()

    def discard(self, destination: Destination) -> None:
        """Delete the files made so far; nothing refers to them."""
        self.close()
        for file in self.files:
            with suppress(OSError):
                destination.table.io.delete(file.file_path)

    def close(self) -> None:
        """Give memory and disk space back."""
        for segment in self._segments:
            segment.batches.close()


def _names_after(segment: _Segment, before: Destination, after: Destination) -> dict[str, str]:
    """Follow renamed columns by their field ids."""
    ids = {f.name: f.field_id for f in before.schema.fields}
    found = {}
    for name in {*ids, *segment.columns}:
        own = segment.columns.get(name, name)
        now = after.schema.find_column_name(ids[own]) if own in ids else None
        found[name] = now or own
    return {name: column for name, column in found.items() if name != column}


def _names_at(segment: _Segment, before: Destination, now: Destination) -> Mapping[str, str]:
    """Return the columns of a segment in the table as another writer may have left it."""
    if before.columns == now.columns:
        return segment.columns
    contract = {column: name for name, column in before.columns.items()}
    names = {*segment.columns, *before.columns}
    found = {}
    for name in names:
        own = segment.columns.get(name, name)
        meant = contract.get(own, own)
        found[name] = now.columns.get(meant, meant)
    return found


class _Merging:
    """One merge against one snapshot of a table.

    Args:
        store: the catalog.
        destination: the table as the publish will leave it.
        target: how new files are written.
        table: as it is now, None when the publish creates it.
        rows: of the epoch, by key.

    """

    def __init__(
        self, store: Store, destination: Destination, target: FileTarget, table: Table | None, rows: KeyedRows
    ) -> None:
        self._store = store
        self._schema: Schema = destination.schema
        self._target = replace(target, columns={}, fills={})
        self._form = FileForm(self._target)
        self._table = table
        self._rows = rows
        self._left_out = RowMarks()
        self._replaced: dict[str, RowMarks] = {}
        self._unchanged = 0

    def run(self) -> Merged:
        tasks = self._candidates()
        for part in self._rows.parts():
            self._left_out.add(part.superseded)
            unchanged = self._match(part, tasks)
            self._left_out.add(part.rows.filter(unchanged))
            self._unchanged += unchanged.true_count
        touched = [task for task in tasks if self._replaced.get(task.file.file_path)]
        files = self._written(touched)
        updated = sum(marks.count for marks in self._replaced.values())
        summary = {"dativo.rows-updated": str(updated), "dativo.rows-unchanged": str(self._unchanged)}
        return Merged(files, [task.file for task in touched], summary)

    def _candidates(self) -> Sequence[FileScanTask]:
        """Return the files that may hold keys of the epoch, by bounds and partitions."""
        if self._table is None or self._table.metadata.current_snapshot_id is None:
            return ()
        if any(self._table.schema().find_column_name(i) is None for i in self._key_ids()):
            return ()  # the key's column is new: no row has one
        return tasks_of(self._table, self._bounds())

    def _key_ids(self) -> list[int]:
        return [self._schema.find_field(name).field_id for name in self._rows.key]

    def _bounds(self) -> BooleanExpression:
        assert self._table is not None
        bounds = KeyBounds(self._rows.key)
        for batch in self._rows.batches():
            bounds.add(batch)
        columns = (self._table.schema().find_column_name(i) for i in self._key_ids())
        return bounds.expression({name: column or name for name, column in zip(self._rows.key, columns, strict=True)})

    # ---- finding ----

    def _match(self, part: Part, tasks: Sequence[FileScanTask]) -> pa.BooleanArray:
        """Mark the rows of files that a part replaces; return which of its keys a file has with the same values."""
        unchanged = pa.repeat(pa.scalar(value=False), len(part.rows))
        for task in tasks:
            assert self._table is not None
            with stored(self._table, task) as file:
                marks = self._replaced.setdefault(task.file.file_path, RowMarks())
                for group, start in file.groups():
                    places, members = self._meeting(part, file, group, start)
                    if len(places):
                        same = self._same(part, file, group, places, members)
                        kept, unchanged = _first_of_each(members, same, unchanged)
                        marks.add(pc.add(places.filter(pc.invert(kept)), start))
        return unchanged

    def _meeting(self, part: Part, file: StoredFile, group: int, start: int) -> tuple[pa.Array, pa.Array]:
        """Return which rows of a row group, counted from its first, have keys of the part, and which keys of it."""
        schema = self._schema.select(*self._rows.key)
        places, members, row = [], [], 0
        for batch in file.batches(group, schema):
            keys = self._rows.keys(self._typed(batch))
            second = pa.repeat(pa.scalar(0, pa.uint64()), len(keys.first)) if keys.second is None else keys.second
            if len(keys.first):
                found, those = part.run.pairs(keys.first, second)
                own = _rows_of(keys, found)
                if file.gone:
                    there = pc.invert(file.gone.mask(start + row, batch.num_rows).take(own))
                    own, those = own.filter(there), those.filter(there)
                places.append(pc.add(own.cast(pa.int64()), row))
                members.append(those.cast(pa.int64()))
            row += batch.num_rows
        return _joined(places), _joined(members)

    def _same(self, part: Part, file: StoredFile, group: int, places: pa.Array, members: pa.Array) -> pa.BooleanArray:
        """Return which of the rows found have the values that the epoch has for their key."""
        met = RowMarks()
        met.add(places)
        first, second, row = [], [], 0
        for batch in file.batches(group, self._schema):
            own = self._typed(batch.filter(met.mask(row, batch.num_rows)))
            halves = self._rows.digests(own)
            first.append(halves[0])
            second.append(halves[1])
            row += batch.num_rows
        ours = [half.take(members) for half in part.digests]
        return pc.and_(pc.equal(_joined(first), ours[0]), pc.equal(_joined(second), ours[1]))

    def _typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows of a file as the epoch's rows are: the types of the table's own files."""
        return self._form.typed(batch)

    # ---- writing ----

    def _written(self, touched: Sequence[FileScanTask]) -> Sequence[DataFile]:
        groups = RowGroups(writer_of(self._target, self._store.waiting))
        try:
            for task in touched:
                for batch in self._staying(task):
                    groups.add(batch)
            row = 0
            for batch in self._rows.batches():
                keep = pc.invert(self._left_out.mask(row, batch.num_rows))
                groups.add(batch.filter(keep))
                row += batch.num_rows
            return groups.finish()
        except BaseException:
            groups.writer.discard()
            raise

    def _staying(self, task: FileScanTask) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file that nothing replaces."""
        assert self._table is not None
        marks = self._replaced[task.file.file_path]
        with stored(self._table, task) as file:
            if marks.count + file.gone.count >= file.rows:
                return
            for group, row in file.groups():
                for batch in file.batches(group, self._schema):
                    away = pc.or_(marks.mask(row, batch.num_rows), file.gone.mask(row, batch.num_rows))
                    row += batch.num_rows  # noqa: PLW2901 - counts on within the group
                    yield self._typed(batch.filter(pc.invert(away)))


def _rows_of(keys: Keys, found: pa.Array) -> pa.Array:
    """Return the rows of a batch whose keys were found."""
    return found if keys.valid is None else pc.indices_nonzero(keys.valid).take(found)


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    return pa.concat_arrays(parts) if parts else pa.array([], pa.int64())


def _first_of_each(
    members: pa.Array, same: pa.BooleanArray, unchanged: pa.BooleanArray
) -> tuple[pa.BooleanArray, pa.BooleanArray]:
    """Return which of the rows found stay, one for each key that has none yet, and the keys that have one now."""
    fit = pc.and_(same, pc.invert(unchanged.take(members)))
    if not fit.true_count:
        return fit, unchanged
    found = pc.indices_nonzero(fit)
    table = pa.table({"member": members.take(found), "place": found})
    chosen = table.group_by("member").aggregate([("place", "min")])
    kept = pc.is_in(pa.arange(0, len(members)), value_set=chosen.column("place_min").cast(pa.int64()))
    satisfied = pc.is_in(pa.arange(0, len(unchanged)), value_set=chosen.column("member"))
    return kept, pc.or_(unchanged, satisfied)

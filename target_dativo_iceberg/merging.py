"""One merge of an epoch's rows with those of a table: these are read, compared and written anew where they must be.

The key columns of the files whose bounds allow it are read, row group by row group; where keys meet, the rows are
compared. Rows that are the same stay where they are, as do those that the epoch only calls deleted, but for the mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.arranged import writer_of
from target_dativo_iceberg.contract.record_metadata import DELETED_AT
from target_dativo_iceberg.contract.rules.key_words import Keys
from target_dativo_iceberg.files import FileForm, FileTarget
from target_dativo_iceberg.key_bounds import KeyBounds
from target_dativo_iceberg.keyed_rows import Deletions, KeyedRows, Part
from target_dativo_iceberg.retirement import Retired, named, retire
from target_dativo_iceberg.rewriting import Dying, Merged, Rewriting
from target_dativo_iceberg.row_groups import RowGroups
from target_dativo_iceberg.row_marks import RowMarks
from target_dativo_iceberg.stored_rows import StoredFile, stored, tasks_of

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import FileScanTask, Table

    from target_dativo_iceberg.activation import Activation
    from target_dativo_iceberg.tables import Destination, Store

# Rows that are hashed at once: each call of Arrow costs as much as some thousand values.
HASHED_ROWS = 16_384
HASHED_BYTES = 16 << 20


class Merging:
    """One merge against one snapshot of a table.

    Args:
        store: the catalog.
        destination: the table as the publish will leave it.
        target: how new files are written.
        table: as it is now, None when the publish creates it.
        rows: of the epoch, by key.
        activation: what is said of rows of older versions, if anything.

    """

    def __init__(
        self,
        store: Store,
        destination: Destination,
        target: FileTarget,
        table: Table | None,
        rows: KeyedRows,
        activation: Activation | None,
    ) -> None:
        self._store = store
        self._destination = destination
        self._schema: Schema = destination.schema
        self._target = replace(target, columns={}, fills={})
        self._form = FileForm(self._target)
        self._table = table
        self._rows = rows
        self._activation = activation
        self._hard = destination.settings.hard_delete
        self._rewriting = Rewriting(table, self._schema, target, named(destination, DELETED_AT)) if table else None
        self._left_out = RowMarks()
        self._buried = Dying()
        self._kept: dict[str, RowMarks] = {}
        self._updated = self._unchanged = 0
        self._retired = Retired()

    def run(self) -> Merged:
        """Write the files of the merge.

        Raises:
            StoreError: the file store refused.

        """
        tasks = self._candidates()
        for part in self._rows.parts():
            self._left_out.add(part.superseded)
            settled = self._match(part, tasks)
            self._left_out.add(part.rows.filter(settled))
            if part.deletions is not None:
                self._bury(part, part.deletions, settled)
        if self._rewriting is not None and self._table is not None and self._activation is not None:
            older = retire(self._rewriting, self._table, self._destination, self._activation, self._kept)
            self._retired += older
        files = self._written()
        summary = {"dativo.rows-updated": str(self._updated), "dativo.rows-unchanged": str(self._unchanged)}
        removes = self._rewriting.removes if self._rewriting else ()
        retired = self._retired
        if self._activation is not None or self._rows.deleted_at is not None:
            summary |= retired.summary
        return Merged(files, removes, summary, retired.deleted, retired.marked)

    def _bury(self, part: Part, deletions: Deletions, settled: pa.BooleanArray) -> None:
        """Have rows of the epoch added as deleted ones that it deletes itself."""
        rows = pc.and_not(deletions.buried, settled)
        if rows.true_count:
            self._buried.add(part.rows.filter(rows), deletions.at.filter(rows))
            self._retired += Retired(marked=rows.true_count)

    def _candidates(self) -> Sequence[FileScanTask]:
        """Return the files that may hold keys of the epoch, by bounds and partitions."""
        if self._table is None or self._table.metadata.current_snapshot_id is None:
            return ()
        if any(self._table.schema().find_column_name(i) is None for i in self._key_ids()):
            return ()  # the key's column is new: no row has one
        bounds = self._bounds()
        return () if bounds is None else tasks_of(self._table, bounds)

    def _key_ids(self) -> list[int]:
        return [self._schema.find_field(name).field_id for name in self._rows.key]

    def _bounds(self) -> BooleanExpression | None:
        """Return a filter for files, None when the epoch has no row."""
        assert self._table is not None
        bounds, rows = KeyBounds(self._rows.key), 0
        for batch in self._rows.batches():
            bounds.add(batch)
            rows += batch.num_rows
        if not rows:
            return None
        columns = (self._table.schema().find_column_name(i) for i in self._key_ids())
        return bounds.expression({name: column or name for name, column in zip(self._rows.key, columns, strict=True)})

    # ---- finding ----

    def _match(self, part: Part, tasks: Sequence[FileScanTask]) -> pa.BooleanArray:
        """Say of the rows of files whose keys a part has what becomes of them; return which of its rows are not added.

        These are the keys of which a file has a row with the same values, or one that is marked instead, and all that
        are deleted for good.
        """
        settled = pa.repeat(pa.scalar(value=False), len(part.rows))
        for task in tasks:
            assert self._table is not None
            with stored(self._table, task) as file:
                for group, start in file.groups():
                    places, members = self._meeting(part, file, group, start)
                    if len(places):
                        found = self._compared(part, file, group, places, members)
                        settled = self._decide(part, task, pc.add(places, start), members, found, settled)
        if part.deletions is not None and self._hard:
            return pc.or_(settled, part.deletions.at.is_valid())
        return settled

    def _decide(
        self,
        part: Part,
        task: FileScanTask,
        places: pa.Array,
        members: pa.Array,
        found: _Compared,
        settled: pa.BooleanArray,
    ) -> pa.BooleanArray:
        """Keep, mark or remove rows of a file; return which keys of the part have their row now."""
        assert self._rewriting is not None
        stays, marked = found.same, None
        if part.deletions is not None:
            at = part.deletions.at.take(members)
            deleted = at.is_valid()
            told = pc.and_not(deleted, part.deletions.buried.take(members))
            stays = pc.and_not(stays, deleted) if self._hard else pc.or_(stays, told)
            marked = None if self._hard else pc.and_not(deleted, found.deleted)
            self._retired += Retired(deleted=deleted.true_count if self._hard else 0)
        kept, settled = _first_of_each(members, stays, settled)
        gone = pc.invert(kept)
        self._rewriting.remove(task, places.filter(gone))
        self._updated += gone.true_count
        if marked is not None:
            marked = pc.and_(marked, kept)
            self._rewriting.mark(task, places.filter(marked), at.filter(marked))
            self._retired += Retired(marked=marked.true_count)
        elif part.deletions is not None:
            self._updated -= deleted.true_count
        same = kept if marked is None else pc.and_not(kept, marked)
        self._unchanged += same.true_count
        self._kept.setdefault(task.file.file_path, RowMarks()).add(places.filter(same))
        return settled

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

    def _compared(self, part: Part, file: StoredFile, group: int, places: pa.Array, members: pa.Array) -> _Compared:
        """Compare the rows found with what the epoch has for their keys."""
        first, second, deleted = [], [], []
        for batch in self._met(file, group, places):
            own = self._typed(batch)
            halves = self._rows.digests(own)
            first.append(halves[0])
            second.append(halves[1])
            if part.deletions is not None:
                deleted.append(own.column(named(self._destination, DELETED_AT)).is_valid())
        ours = [half.take(members) for half in part.digests]
        same = pc.and_(pc.equal(_joined(first), ours[0]), pc.equal(_joined(second), ours[1]))
        return _Compared(same, pa.concat_arrays(deleted) if deleted else None)

    def _met(self, file: StoredFile, group: int, places: pa.Array) -> Iterator[pa.RecordBatch]:
        """Read some rows of a row group, as many at once as are hashed well together."""
        met = RowMarks()
        met.add(places)
        held: list[pa.RecordBatch] = []
        row = rows = size = 0
        for batch in file.batches(group, self._schema):
            own = batch.filter(met.mask(row, batch.num_rows))
            row += batch.num_rows
            if own.num_rows:
                held.append(own)
                rows += own.num_rows
                size += own.nbytes
            if rows >= HASHED_ROWS or size >= HASHED_BYTES:
                yield pa.concat_batches(held)
                held, rows, size = [], 0, 0
        if held:
            yield pa.concat_batches(held)

    def _typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows of a file as the epoch's rows are: the types of the table's own files."""
        return self._form.typed(batch)

    # ---- writing ----

    def _written(self) -> Sequence[DataFile]:
        with ThreadPoolExecutor(1, "merged") as aside:
            return RowGroups(writer_of(self._target, self._store.waiting), aside).all(self._remaining())

    def _remaining(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows that stay of files written anew, then those of the epoch that are added."""
        if self._rewriting is not None:
            yield from self._rewriting.rows()
        row = 0
        for batch in self._rows.batches():
            keep = pc.invert(self._left_out.mask(row, batch.num_rows))
            keep = pc.and_(keep, self._whole(batch))
            column = self._rows.deleted_at
            rows = batch if column is None or not self._buried else self._buried.marked(batch, row, column)
            row += batch.num_rows
            yield rows.filter(keep)

    def _whole(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return which rows can be in the table: a record of a deleted row may have nothing but its key."""
        found = pa.repeat(pa.scalar(value=True), batch.num_rows)
        if self._rows.deleted_at is not None:
            for field in self._schema.fields:
                if field.required:
                    found = pc.and_(found, batch.column(field.name).is_valid())
        return found


@dataclass(frozen=True, slots=True)
class _Compared:
    """Rows of files beside those that the epoch has for their keys.

    Attributes:
        same: which have the same values.
        deleted: which are marked as deleted; None when no row can be.

    """

    same: pa.BooleanArray
    deleted: pa.BooleanArray | None


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

"""Rows that replace those with the same key: copy-on-write of the data files that hold them, and of no others.

The epoch's rows wait until the publish. Then they are merged with one snapshot of the table (`merging`); should another
writer be faster, it is done again with the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.record_metadata import DELETED_AT, OF_THE_LOAD
from target_dativo_iceberg.files import FileForm, FileTarget
from target_dativo_iceberg.keyed_rows import KeptBatches, KeyedRows
from target_dativo_iceberg.merging import Merging
from target_dativo_iceberg.retirement import named
from target_dativo_iceberg.rewriting import Merged

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from target_dativo_iceberg.activation import Activation
    from target_dativo_iceberg.tables import Destination, Store


@dataclass(slots=True)
class _Segment:
    """Rows that were written by one contract: column of the batches → the table's column, where names differ."""

    batches: KeptBatches
    columns: Mapping[str, str]


class Upsert:
    """The rows of one table in an epoch.

    Args:
        limit: bytes of Arrow memory in which rows may wait.

    Attributes:
        activation: what is said of rows of older versions, if anything.

    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.activation: Activation | None = None
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
                self._merged = Merging(store, destination, target, table, rows, self.activation).run()
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
        told = {named(destination, n) for n in OF_THE_LOAD} if destination.settings.add_record_metadata else set()
        compared = [f.name for f in destination.schema.fields if f.name not in told and f.name not in target.fills]

        def batches() -> Iterator[pa.RecordBatch]:
            for form, segment in forms:
                for batch in segment.batches:
                    yield from form.named(batch).to_batches()

        return KeyedRows(key, compared, batches, _deleted_at(destination))

    @property
    def result(self) -> Merged | None:
        """What the latest merge said."""
        return self._merged

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


def _deleted_at(destination: Destination) -> str | None:
    """Return the table's column by which rows say that they are deleted, None when there is none."""
    name = named(destination, DELETED_AT)
    field = next((f for f in destination.schema.fields if f.name == name), None)
    return name if field is not None and str(field.field_type) in ("timestamptz", "timestamp") else None


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

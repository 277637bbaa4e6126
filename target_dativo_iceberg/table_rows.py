"""Rows of tables for audits and key checks: as they are published, and as a publish is about to leave them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa

from target_dativo_iceberg.contract.model import Contract
from target_dativo_iceberg.contract.values.arrow import arrow_schema
from target_dativo_iceberg.refit import staged_groups
from target_dativo_iceberg.store_errors import store_errors
from target_dativo_iceberg.table_state import columns_of

if TYPE_CHECKING:
    from target_dativo_iceberg.publish import TableChange
    from target_dativo_iceberg.tables import Store

# Gives the rows of a table that a contract writes: some of the contract's columns, in its types.
Rows = Callable[[tuple[str, ...], Contract, Sequence[str]], Iterator[pa.RecordBatch]]


def published(store: Store) -> Rows:
    """Return what reads tables as they are in a catalog; one that does not exist has no rows.

    Raises:
        StoreError: by the reader: the catalog or the file store refused.

    """

    def rows(identifier: tuple[str, ...], contract: Contract, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        table = store.load(identifier)
        if table is None:
            return
        stored = columns_of(table.metadata, contract, store.leeway)
        there = {f.name for f in table.schema().fields}
        wanted = {stored.get(name, name): name for name in names if stored.get(name, name) in there}
        with store_errors(f"reading table {'.'.join(identifier)}"):
            for batch in table.scan(selected_fields=tuple(wanted)).to_arrow_batch_reader():
                yield _typed(batch.rename_columns([wanted[n] for n in batch.schema.names]), contract, names)

    return rows


def about_to_be(store: Store, changes: Sequence[TableChange]) -> Rows:
    """Return what reads tables as they will be after changes that are staged and not published yet."""
    before = published(store)

    def staged(identifier: tuple[str, ...], contract: Contract, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for change in changes:
            if change.destination.identifier == identifier:
                for file in change.files:
                    for group in staged_groups(change.destination, file):
                        for batch in group.to_batches():
                            yield _typed(batch, contract, names)

    return lambda identifier, contract, names: chain(
        before(identifier, contract, names), staged(identifier, contract, names)
    )


def _typed(batch: pa.RecordBatch, contract: Contract, names: Sequence[str]) -> pa.RecordBatch:
    """Return columns in the contract's types; one that the table does not have yet is null."""
    schema = arrow_schema(contract)
    fields = [schema.field(name) for name in names]
    have = set(batch.schema.names)
    columns = [
        _cast(batch.column(f.name), f.type) if f.name in have else pa.nulls(batch.num_rows, f.type) for f in fields
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _cast(column: pa.Array, type_: pa.DataType) -> pa.Array:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    return storage.cast(type_)

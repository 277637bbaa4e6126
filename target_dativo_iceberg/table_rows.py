"""Rows of tables for audits and key checks: as they are published, and as a publish is about to leave them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa

from target_dativo_iceberg.contract.model import Contract
from target_dativo_iceberg.contract.values.arrow import arrow_schema, as_contract, picked
from target_dativo_iceberg.refit import staged_groups
from target_dativo_iceberg.stored_rows import stored, tasks_of
from target_dativo_iceberg.table_state import columns_of

if TYPE_CHECKING:
    from target_dativo_iceberg.publish import TableChange
    from target_dativo_iceberg.tables import Store

# Gives the rows of a table that a contract writes: some of the contract's columns, in its types.
Rows = Callable[[tuple[str, ...], Contract, Sequence[str]], Iterator[pa.RecordBatch]]


def published(store: Store, without: Container[str] = ()) -> Rows:
    """Return what reads tables as they are in a catalog; one that does not exist has no rows.

    Args:
        store: the catalog.
        without: paths of data files whose rows are left out.

    Raises:
        StoreError: by the reader: the catalog or the file store refused.

    """

    def rows(identifier: tuple[str, ...], contract: Contract, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        table = store.load(identifier)
        if table is None:
            return
        columns = columns_of(table.metadata, contract, store.leeway)
        there = {f.name for f in table.schema().fields}
        wanted = {columns.get(name, name): name for name in names if columns.get(name, name) in there}
        schema, selected = picked(arrow_schema(contract), names), table.schema().select(*wanted)
        for task in tasks_of(table):
            if task.file.file_path not in without:
                with stored(table, task) as file:
                    for batch in file.rows_of(selected):
                        yield as_contract(batch.rename_columns([wanted[n] for n in batch.schema.names]), schema)

    return rows


def about_to_be(store: Store, changes: Sequence[TableChange]) -> Rows:
    """Return what reads tables as they will be after changes that are staged and not published yet."""
    before = published(store, {file.file_path for change in changes for file in change.removes})

    def staged(identifier: tuple[str, ...], contract: Contract, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        schema = picked(arrow_schema(contract), names)
        for change in changes:
            if change.destination.identifier == identifier:
                made = [(change.destination, file) for file in change.files]
                if change.retirement is not None:
                    made += [(change.retirement.destination, file) for file in change.rewritten]
                for destination, file in made:
                    for group in staged_groups(destination, file):
                        for batch in group.to_batches():
                            yield as_contract(batch, schema)

    return lambda identifier, contract, names: chain(
        before(identifier, contract, names), staged(identifier, contract, names)
    )

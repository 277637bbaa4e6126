"""Rows of tables for audits and key checks: as they are published, and as a publish is about to leave them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa

from target_dativo_iceberg.contract.model import Contract
from target_dativo_iceberg.contract.values.arrow import arrow_schema, as_contract, picked
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
        schema = picked(arrow_schema(contract), names)
        with store_errors(f"reading table {'.'.join(identifier)}"):
            for batch in table.scan(selected_fields=tuple(wanted)).to_arrow_batch_reader():
                yield as_contract(batch.rename_columns([wanted[n] for n in batch.schema.names]), schema)

    return rows


def about_to_be(store: Store, changes: Sequence[TableChange]) -> Rows:
    """Return what reads tables as they will be after changes that are staged and not published yet."""
    before = published(store)

    def staged(identifier: tuple[str, ...], contract: Contract, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        schema = picked(arrow_schema(contract), names)
        for change in changes:
            if change.destination.identifier == identifier:
                for file in change.files:
                    for group in staged_groups(change.destination, file):
                        for batch in group.to_batches():
                            yield as_contract(batch, schema)

    return lambda identifier, contract, names: chain(
        before(identifier, contract, names), staged(identifier, contract, names)
    )

"""Data files written for columns that another writer has changed since: written again under the table's new field ids.

Two runs that evolve a table at once plan the same steps, but the one that loses the race finds other columns at the
field ids it has used. Its rows are right; only the files are made anew. The old ones stay: a commit that names them
may have been sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from target_dativo_iceberg.arranged import writer_of
from target_dativo_iceberg.file_columns import file_schema, renamed
from target_dativo_iceberg.store_errors import store_errors

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile

    from target_dativo_iceberg.tables import Destination, Store


def same_columns(before: Destination, now: Destination) -> bool:
    """Whether files written for one destination mean the same in the other."""
    wanted = {i: before.schema.find_column_name(i) for i in before.schema.field_ids}
    return before.columns == now.columns and all(now.schema.find_column_name(i) == n for i, n in wanted.items())


def same_partitions(files: Sequence[DataFile], before: Destination, now: Destination) -> bool:
    """Whether files written for one destination have the partitions and the order that they would have in the other."""
    orders = {file.sort_order_id for file in files} - {None}
    return before.metadata.spec() == now.metadata.spec() and all(
        before.metadata.sort_order_by_id(i) == now.metadata.sort_order_by_id(i) for i in orders if i is not None
    )


def refitted(
    store: Store, before: Destination, now: Destination, files: Sequence[DataFile], prefix: str
) -> list[DataFile]:
    """Write data files anew.

    Args:
        store: the catalog.
        before: what the files were written for.
        now: the table as it will be.
        files: the data files.
        prefix: starts the names of the new ones.

    Raises:
        StoreError: the file store refused.

    """
    writer = writer_of(store.file_target(now, prefix), store.waiting)
    try:
        with store_errors(f"writing files of table {'.'.join(now.identifier)} for its new columns"):
            for file in files:
                for group in staged_groups(before, file):
                    writer.write(group.to_batches())
        return writer.finish()
    except BaseException:
        writer.discard()
        raise


def staged_groups(before: Destination, file: DataFile) -> Iterator[pa.Table]:
    """Read a data file of this run by row groups, its columns under the contract's names."""
    named = file_schema(before.schema)
    contract = {column: name for name, column in before.columns.items()}
    kept = [f for f in named if f.name in contract or f.name not in before.columns]
    with before.table.io.new_input(file.file_path).open() as source:
        parquet = pq.ParquetFile(source)
        places = {_field_id(f): i for i, f in enumerate(parquet.schema_arrow)}
        for number in range(parquet.num_row_groups):
            group = parquet.read_row_group(number, use_threads=False)
            columns = [_column(group, places.get(_field_id(f)), f) for f in kept]
            yield pa.Table.from_arrays(columns, names=[contract.get(f.name, f.name) for f in kept])


def _column(group: pa.Table, place: int | None, column: pa.Field) -> pa.ChunkedArray:
    """Return a column of a file; one that was added to the table after the file was written has no values in it."""
    if place is None:
        return pa.chunked_array([pa.nulls(group.num_rows, column.type)])
    return renamed(group.column(place), column.type)


def _field_id(column: pa.Field) -> bytes:
    """Return the field id of a column: a file that was adopted has its columns in an order of its own."""
    found: bytes = column.metadata[b"PARQUET:field_id"]
    return found

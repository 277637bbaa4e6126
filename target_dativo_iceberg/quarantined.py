"""Rows of a quarantine table that wait for a replay: read in batches, and marked by writing their files anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from target_dativo_iceberg.contract.values.arrow import arrow_schema
from target_dativo_iceberg.errors import StoreError
from target_dativo_iceberg.quarantine import contract_of
from target_dativo_iceberg.store_errors import store_errors

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table


MARK = "_replayed_at"
_BATCH_ROWS = 8192
_NEEDED = ("_run_id", "_stream", "_errors", "_record", MARK)


@dataclass(slots=True)
class Selection:
    """Which waiting rows are to be replayed.

    Attributes:
        rules: ids of rules; a row that broke one of them is meant. Empty: whatever it broke.
        runs: ids of the runs that rejected them. Empty: all runs.
        left: how many more rows may be taken, None for no limit.

    """

    rules: Sequence[str] = ()
    runs: Sequence[str] = ()
    left: int | None = None

    def take(self, batch: pa.RecordBatch) -> pa.Array:
        """Return the indices of the batch's rows that are meant, and count them off the limit."""
        mask = batch.column(MARK).is_null()
        if self.runs:
            mask = pc.and_(mask, pc.is_in(batch.column("_run_id"), pa.array(self.runs)))
        if self.rules:
            mask = pc.and_(mask, _broke(batch.column("_errors"), self.rules))
        rows = pc.indices_nonzero(mask)
        if self.left is not None:
            rows = rows.slice(0, self.left)
            self.left -= len(rows)
        return rows


def _broke(errors: pa.ListArray, rules: Sequence[str]) -> pa.BooleanArray:
    """Mask of the rows one of whose reasons is one of the rules."""
    named = pc.is_in(pc.struct_field(errors.flatten(), ["rule"]), pa.array(rules))
    rows = pc.list_parent_indices(errors).filter(named)
    return pc.is_in(pa.array(range(len(errors)), pa.int64()), rows.cast(pa.int64()))


def waiting_files(table: Table) -> list[DataFile]:
    """Return the data files of a quarantine table that hold rows not replayed yet.

    Raises:
        StoreError: the manifests cannot be read, or an engine has deleted rows by delete files.

    """
    name = ".".join(table.name())
    with store_errors(f"reading table {name}"):
        tasks = list(table.scan(row_filter=f"{MARK} is null").plan_files())
    if any(task.delete_files for task in tasks):
        raise StoreError(f"table {name} has delete files, which a replay does not apply", "have an engine compact it")
    return sorted((task.file for task in tasks), key=lambda file: file.file_path)


def batches(table: Table, file: DataFile, columns: Sequence[str] | None = _NEEDED) -> Iterator[pa.RecordBatch]:
    """Read a data file in small batches, in order.

    Args:
        table: it belongs to.
        file: the data file.
        columns: which to read; None reads all.

    Raises:
        StoreError: the file cannot be read.

    """
    names = None if columns is None else list(columns)
    with store_errors(f"reading table {'.'.join(table.name())}"), table.io.new_input(file.file_path).open() as source:
        yield from pq.ParquetFile(source).iter_batches(_BATCH_ROWS, columns=names, use_threads=False)


def marked(table: Table, file: DataFile, replayed: pa.BooleanArray, at: datetime) -> Iterator[pa.RecordBatch]:
    """Read a data file with its replayed rows marked.

    Args:
        table: it belongs to.
        file: the data file.
        replayed: mask over all its rows.
        at: when they were replayed.

    """
    start = 0
    for batch in batches(table, file, None):
        index = batch.schema.get_field_index(MARK)
        column = batch.column(index)
        here = replayed.slice(start, batch.num_rows)
        start += batch.num_rows
        yield _whole(
            batch.set_column(index, batch.schema.field(index), pc.if_else(here, pa.scalar(at, column.type), column))
        )


def _whole(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give rows of an older file the columns that quarantine tables have got since."""
    for field in arrow_schema(contract_of("quarantine")):
        if field.name not in batch.schema.names:
            batch = batch.append_column(field, pa.nulls(batch.num_rows, field.type))
    return batch

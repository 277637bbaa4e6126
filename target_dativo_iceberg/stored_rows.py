"""Rows of a table's data files as the table has them now: read group by group, in bounded memory, in a stable order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.io.pyarrow import (
    _get_column_projection_values,
    _read_all_delete_files,
    pyarrow_to_schema,
)
from pyiceberg.manifest import FileFormat
from pyiceberg.schema import Schema, prune_columns
from pyiceberg.types import ListType, MapType

from target_dativo_iceberg.errors import StoreError
from target_dativo_iceberg.projection import projected
from target_dativo_iceberg.row_marks import RowMarks
from target_dativo_iceberg.store_errors import store_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask, Table

# Rows and bytes, before encoding, that are read at once.
_BATCH_ROWS = 65_536
_BATCH_BYTES = 8 << 20


class StoredFile:
    """One data file of a table, open for reading.

    Args:
        table: it belongs to.
        task: the file, and what deletes rows of it.
        parquet: its reader.

    Attributes:
        gone: rows that a delete file deletes, by their number in the file.

    """

    def __init__(self, table: Table, task: FileScanTask, parquet: pq.ParquetFile) -> None:
        self._table = table
        self._parquet = parquet
        self.file: DataFile = task.file
        self.gone = _gone(table, task)
        mapping = table.metadata.name_mapping()
        self._schema = pyarrow_to_schema(
            parquet.schema_arrow,
            mapping,
            downcast_ns_timestamp_to_us=table.metadata.format_version <= 2,
            format_version=table.metadata.format_version,
        )

    def rows_of(self, schema: Schema) -> Iterator[pa.RecordBatch]:
        """Read all rows that no delete file deletes."""
        for group, row in self.groups():
            for batch in self.batches(group, schema):
                there = pc.invert(self.gone.mask(row, batch.num_rows)) if self.gone else None
                row += batch.num_rows  # noqa: PLW2901 - counts on within the group
                yield batch if there is None else batch.filter(there)

    @property
    def rows(self) -> int:
        """Rows in the file, deleted ones too."""
        return int(self._parquet.metadata.num_rows)

    def groups(self) -> Iterator[tuple[int, int]]:
        """Yield each row group's number and that of its first row."""
        start = 0
        for number in range(self._parquet.num_row_groups):
            yield number, start
            start += self._parquet.metadata.row_group(number).num_rows

    def _rows_at_once(self, group: int) -> int:
        found = self._parquet.metadata.row_group(group)
        fitting = _BATCH_BYTES * found.num_rows // max(1, found.total_byte_size)
        return int(min(_BATCH_ROWS, max(1, fitting)))

    def batches(self, group: int, schema: Schema) -> Iterator[pa.RecordBatch]:
        """Read a row group in batches of some megabytes, with the columns of a schema of the table."""
        # A list or map is chosen by what is in it: PyIceberg refuses to choose it by its own id.
        ids = {i for i in schema.field_ids if not isinstance(schema.find_type(i), ListType | MapType)}
        own = prune_columns(self._schema, ids, select_full_types=False)
        spec = self._table.specs().get(self.file.spec_id)
        missing = _get_column_projection_values(self.file, schema, self._table.schema(), spec, self._schema.field_ids)
        names = [column.name for column in own.columns]
        rows = self._rows_at_once(group)
        for batch in self._parquet.iter_batches(rows, row_groups=[group], columns=names):
            yield projected(batch.select(names), own, schema, missing, v2=self._table.metadata.format_version <= 2)


@contextmanager
def stored(table: Table, task: FileScanTask) -> Iterator[StoredFile]:
    """Open a data file of a table.

    Raises:
        StoreError: it cannot be read, or is no Parquet file.

    """
    name = ".".join(table.name())
    if task.file.file_format != FileFormat.PARQUET:
        raise StoreError(f"table {name} has data files that are not Parquet", "have an engine rewrite them")
    with store_errors(f"reading table {name}"), table.io.new_input(task.file.file_path).open() as source:
        yield StoredFile(table, task, pq.ParquetFile(source))


def tasks_of(table: Table, row_filter: BooleanExpression | None = None) -> Sequence[FileScanTask]:
    """Return the data files that may hold rows which a filter matches, in the order of their names.

    Raises:
        StoreError: the manifests cannot be read, or say more than PyIceberg understands.

    """
    name = ".".join(table.name())
    with store_errors(f"reading table {name}"):
        try:
            found = list(table.scan(row_filter=row_filter or AlwaysTrue()).plan_files())
        except ValueError as error:  # deletes by equality
            raise StoreError(
                f"table {name} has delete files that cannot be applied ({type(error).__name__})",
                "have an engine compact it",
            ) from error
    return sorted(found, key=lambda task: str(task.file.file_path))


def _gone(table: Table, task: FileScanTask) -> RowMarks:
    marks = RowMarks()
    for positions in _read_all_delete_files(table.io, [task]).get(task.file.file_path, []) if task.delete_files else []:
        marks.add(positions.combine_chunks())
    return marks

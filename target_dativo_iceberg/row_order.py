"""The order of rows inside a file, as Iceberg has it: NaN after all numbers, nulls where the sort order says."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder

from target_dativo_iceberg.partition_slots import column_at, source_of
from target_dativo_iceberg.transforms import transformed


class RowOrder:
    """Sorts rows by a table's sort order; without one, only by what is put before it.

    Args:
        order: of the table, None for none.
        schema: of the table.

    """

    def __init__(self, order: SortOrder | None, schema: Schema) -> None:
        self._fields = [(field, *source_of(schema, field)) for field in order.fields] if order else []

    def __bool__(self) -> bool:
        """Whether rows have an order."""
        return bool(self._fields)

    def indices(self, table: pa.Table, first: pa.Array | None = None) -> pa.Array:
        """Return the indices that sort a table: by `first`, then by the order."""
        keys = [] if first is None else [(first, "ascending")]
        return _sorted(keys + self._keys(table))

    def _keys(self, table: pa.Table) -> list[tuple[pa.Array, str]]:
        found = []
        for field, path, source in self._fields:
            column = transformed(column_at(table, path), field.transform, source)
            found += _compared(column.storage if isinstance(column, pa.ExtensionArray) else column, field)
        return found

    def cuts(self, piece: pa.Table, splitters: pa.Table) -> list[int]:
        """Return how many rows of a sorted piece come before or at each of some sorted rows."""
        both = pa.concat_tables([piece, splitters]).combine_chunks()
        behind = pa.concat_arrays([
            pa.repeat(pa.scalar(False), piece.num_rows), pa.repeat(pa.scalar(True), splitters.num_rows)
        ])  # fmt: skip
        order = _sorted([*self._keys(both), (behind, "ascending")])
        places = pc.indices_nonzero(pc.greater_equal(order, pa.scalar(piece.num_rows, order.type))).to_pylist()
        return [place - index for index, place in enumerate(places)]


def _sorted(keys: list[tuple[pa.Array, str]]) -> pa.Array:
    names = [str(index) for index in range(len(keys))]
    table = pa.Table.from_arrays([column for column, _ in keys], names=names)
    directions = [direction for _, direction in keys]
    return pc.sort_indices(table, sort_keys=list(zip(names, directions, strict=True)))


def _compared(column: pa.Array, field: SortField) -> list[tuple[pa.Array, str]]:
    """Return a sort field as keys that Arrow compares right: nulls and NaN have keys of their own before the value."""
    direction = "ascending" if field.direction is SortDirection.ASC else "descending"
    found = [(column, direction)]
    if pa.types.is_floating(column.type):
        found.insert(0, (pc.is_nan(column), direction))
    if column.null_count:
        first = field.null_order is NullOrder.NULLS_FIRST
        found.insert(0, (column.is_valid(), "ascending" if first else "descending"))
    return found

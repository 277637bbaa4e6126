"""Which partition each row belongs to: partitions are numbered as they are met, rows carry the number."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from pyiceberg.types import IcebergType, NestedField, StructType

from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.files import PartitionPlace
from target_dativo_iceberg.transforms import transformed

_MOST = 50_000
# Names of folders may have 255 bytes in most file systems.
_FOLDER_CHARACTERS = 200


class PartitionSlots:
    """Numbers the partitions of one table that its rows fall into.

    Args:
        spec: partition spec of the rows.
        schema: of the table.

    Attributes:
        places: the partition of each number.

    """

    def __init__(self, spec: PartitionSpec, schema: Schema) -> None:
        self._spec = spec
        self._schema = schema
        self._fields = [(field, *source_of(schema, field)) for field in spec.fields]
        self._known: dict[tuple[Any, ...], int] = {}
        self.places: list[PartitionPlace] = []

    def of(self, table: pa.Table) -> pa.Array:
        """Return the partition number of each row of a table as it is written, int32.

        Raises:
            InputError: there are too many partitions to be meant.

        """
        values: list[tuple[Any, ...]] = [()]
        codes = pa.repeat(pa.scalar(0, pa.int64()), table.num_rows)
        for field, path, source in self._fields:
            column = _physical(transformed(column_at(table, path), field.transform, source))
            encoded = column.dictionary_encode("encode")
            own = [_hashable(v) for v in encoded.dictionary.to_pylist()]
            width = pa.scalar(max(len(own), 1), pa.int64())
            both = pc.add(pc.multiply(codes, width), encoded.indices.cast(pa.int64())).dictionary_encode()
            values = [(*values[c // len(own)], own[c % len(own)]) for c in both.dictionary.to_pylist()]
            codes = both.indices.cast(pa.int64())
        numbers = pa.array([self._number(v) for v in values], pa.int32())
        return numbers.take(codes)

    def _number(self, values: tuple[Any, ...]) -> int:
        found = self._known.get(values)
        if found is None:
            if len(self.places) >= _MOST:
                raise InputError(
                    f"the rows of one epoch fall into more than {_MOST} partitions",
                    "partition by a coarser transform, such as day, bucket or truncate",
                )
            found = self._known[values] = len(self.places)
            self.places.append(PartitionPlace(Record(*values), self._path(values)))
        return found

    def _path(self, values: Sequence[Any]) -> str:
        return "/".join(_short(part) for part in self._spec.partition_to_path(Record(*values), self._schema).split("/"))


def _short(folder: str) -> str:
    if len(folder) <= _FOLDER_CHARACTERS:
        return folder
    return folder[: _FOLDER_CHARACTERS - 17] + "-" + hashlib.sha256(folder.encode()).hexdigest()[:16]


def _physical(column: pa.Array) -> pa.Array:
    """Return values as a manifest holds them: moments as integers, a UUID as its bytes."""
    if isinstance(column, pa.ExtensionArray):
        return column.storage
    if pa.types.is_temporal(column.type):
        return column.view({32: pa.int32(), 64: pa.int64()}[column.type.bit_width])
    return column


def _hashable(value: Any) -> Any:
    """Every NaN is the same partition: the same object, which is how a dict finds it."""
    return math.nan if isinstance(value, float) and math.isnan(value) else value


# ---- columns by their source id ----


def source_of(schema: Schema, field: PartitionField | Any) -> tuple[tuple[int, ...], IcebergType]:
    """Return where the source column of a partition or sort field is (indices, from the top), and its type."""
    return next(_found(schema.fields, field.source_id, ()))


def _found(fields: Sequence[NestedField], source: int, at: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Any]]:
    for index, field in enumerate(fields):
        if field.field_id == source:
            yield (*at, index), field.field_type
        elif isinstance(field.field_type, StructType):
            yield from _found(field.field_type.fields, source, (*at, index))


def column_at(table: pa.Table, path: Sequence[int]) -> pa.Array:
    """Return the column at a path of indices as one array."""
    column = table.column(path[0])
    if len(path) > 1:
        column = pc.struct_field(column, list(path[1:]))
    found = column.combine_chunks()
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found

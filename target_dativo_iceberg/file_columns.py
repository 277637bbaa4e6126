"""Columns of contract batches as the columns of a table's data files."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema


def as_type(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Bring a column to the table's type: the same, wider, or with a struct's members in the table's order."""
    if column.type == type_:
        return column
    return pa.chunked_array([_array_as(chunk, type_) for chunk in column.chunks], type_)


def renamed(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Give nested members the file's names; they are in the same places."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return pa.chunked_array([_array_renamed(chunk, type_) for chunk in chunks], type_)


def _array_renamed(array: pa.Array, type_: pa.DataType) -> pa.Array:
    if array.type == type_:
        return array
    if pa.types.is_struct(type_):
        children = [_array_renamed(array.field(i), f.type) for i, f in enumerate(type_)]
        return pa.StructArray.from_arrays(children, fields=list(type_), mask=array.is_null())
    if pa.types.is_list(type_):
        return _list_of(array, _array_renamed(array.flatten(), type_.value_type), type_)
    return array.cast(type_)


def _list_of(array: pa.Array, values: pa.Array, type_: pa.DataType) -> pa.Array:
    """Return a list array with other values; offsets are made anew, since a slice's do not start at zero."""
    # A cast behind this would give the offsets a validity map, which Arrow takes for nulls among them.
    lengths = pc.fill_null(pc.list_value_length(array).cast(pa.int32()), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    return pa.ListArray.from_arrays(offsets, values, type=type_, mask=array.is_null())


def _array_as(array: pa.Array, type_: pa.DataType) -> pa.Array:
    if array.type == type_:
        return array
    if pa.types.is_struct(type_):
        have = {f.name for f in array.type}
        children = [
            _array_as(array.field(f.name), f.type) if f.name in have else pa.nulls(len(array), f.type) for f in type_
        ]
        return pa.StructArray.from_arrays(children, fields=list(type_), mask=array.is_null())
    if pa.types.is_list(type_):
        return _list_of(array, _array_as(array.flatten(), type_.value_type), type_)
    if pa.types.is_map(type_):
        # Taking all rows leaves no entries that belong to no row; Arrow masks no others.
        array = array.take(pa.array(range(len(array)), pa.int64()))
        items = _array_as(array.items, type_.item_type)
        keys = _array_as(array.keys, type_.key_type)
        return pa.MapArray.from_arrays(array.offsets, keys, items, type_, mask=array.is_null())
    if isinstance(type_, pa.UuidType):
        return pa.ExtensionArray.from_storage(type_, array)
    return array.cast(type_)


def file_schema(schema: Schema) -> pa.Schema:
    """Return the Arrow schema of a table's data files, with field ids in each field's metadata."""
    return pa.schema([_compact(f) for f in schema_to_pyarrow(schema, include_field_ids=True)])


def _compact(field: pa.Field) -> pa.Field:
    """Use 32-bit offsets: a row group never holds 2 GiB of one column, and they cost half the memory."""
    return field.with_type(_compact_type(field.type))


def _compact_type(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(type_):
        return pa.string()
    if pa.types.is_large_binary(type_):
        return pa.binary()
    if pa.types.is_struct(type_):
        # A member may be required; where its struct is null it is null all the same, which Arrow refuses to write.
        return pa.struct([_compact(f).with_nullable(True) for f in type_])
    if pa.types.is_large_list(type_) or pa.types.is_list(type_):
        return pa.list_(_compact(type_.value_field))
    if pa.types.is_map(type_):
        return pa.map_(_compact(type_.key_field), _compact(type_.item_field))
    return type_

"""Arrow's many layouts of the same values, brought to one each: files may come in any of them."""

from __future__ import annotations

import functools

import pyarrow as pa
import pyarrow.compute as pc


def plain(array: pa.Array) -> pa.Array:
    """Return an array in the layout that casts and kernels know: no dictionary, view, run or extension type."""
    type_ = array.type
    if isinstance(type_, pa.BaseExtensionType):
        return plain(array.storage)
    if pa.types.is_dictionary(type_):
        return plain(array.dictionary_decode())
    if pa.types.is_run_end_encoded(type_):
        return plain(pc.run_end_decode(array))
    layout = _layout(type_)
    return array if layout == type_ else array.cast(layout)


@functools.lru_cache(1024)
def _layout(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    if pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_):
        return pa.binary()
    if pa.types.is_map(type_):
        return pa.list_(pa.struct([("key", type_.key_type), ("value", type_.item_type)]))
    return pa.list_(type_.value_type) if is_list_like(type_) and not pa.types.is_list(type_) else type_


def is_list_like(type_: pa.DataType) -> bool:
    """Whether a type is one of Arrow's five lists."""
    types = pa.types
    return any(
        test(type_)
        for test in (
            types.is_list,
            types.is_large_list,
            types.is_fixed_size_list,
            types.is_list_view,
            types.is_large_list_view,
        )
    )


# ---- elements and the rows they are in ----


def list_offsets(array: pa.Array) -> pa.Array:
    """Return offsets of lists into `array.flatten()`, in which a null list is empty."""
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])


def elements(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the elements of lists, or the values of maps, and for each the index of the list it is in."""
    is_map = pa.types.is_map(array.type)
    lists = plain(array) if is_map else array
    values = lists.flatten()
    parents = pc.list_parent_indices(pa.ListArray.from_arrays(list_offsets(lists), values))
    return (pc.struct_field(values, ["value"]) if is_map else values), parents


def rows_mask(rows: pa.Array, count: int) -> pa.BooleanArray:
    """Return a mask of `count` rows in which the given ones are true."""
    numbers = pc.subtract(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), count)), 1)
    return pc.is_in(numbers, rows)

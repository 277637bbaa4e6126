"""Whole columns from the form they arrive in to their contract type, exactly or not at all.

A cast never explains and never guesses: rows it is not sure of come back as a mask, and the record-by-record
reader in `coerce` decides them. So this module must only be sound: what it does convert, `coerce` would
convert to the same value.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.layout import list_offsets, plain, rows_mask
from target_dativo_iceberg.contract.model import Kind, Type
from target_dativo_iceberg.contract.values import cast_text, coercions
from target_dativo_iceberg.contract.values.arrow import arrow_type
from target_dativo_iceberg.contract.values.masks import Cast, UnsureError, either, flagged, nulled, refuse

# Below it every integer is a double, so that a double this small is the number that came.
_EXACT_DOUBLE = 2.0**53
# Every double up to here rounds to a finite 32-bit float.
_SURE_FLOAT = 3.4e38
_ALL_DIGITS = Context(prec=38)
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_DAY = 86_400_000_000
_UTC = pa.timestamp("us", "UTC")
_NAIVE = pa.timestamp("us")
_PER_EPOCH = {"s": 1_000_000, "ms": 1_000, "us": 1}


def cast(array: pa.Array, type_: Type) -> Cast:
    """Cast a column.

    Args:
        array: the column as parsed from JSON or read from a Parquet or Arrow file, n rows.
        type_: its contract type.

    Returns:
        The column in the contract's Arrow type (n rows, null where unsure) and the mask of unsure rows, or None.

    """
    if array.null_count == len(array):
        return pa.nulls(len(array), arrow_type(type_)), None
    of_map = pa.types.is_map(array.type)
    array = plain(array)
    try:
        refuse(of_map and type_.kind is Kind.LIST)  # which plain arrays would make of it
        return _CASTS[type_.kind](array, type_)
    except (UnsureError, pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return pa.nulls(len(array), arrow_type(type_)), array.is_valid()


def _is_text(array: pa.Array) -> bool:
    return bool(pa.types.is_string(array.type))


def _is_written(array: pa.Array, type_: Type) -> bool:
    """Whether a column that is none of texts holds texts; they may not be read then in every manner."""
    refuse(_is_text(array) and type_.manner.strict)
    return _is_text(array)


# ---- scalars ----


def _string(array: pa.Array, type_: Type) -> Cast:
    refuse(type_.manner.strict and not _is_text(array))
    refuse(not (_is_text(array) or pa.types.is_signed_integer(array.type) or pa.types.is_binary(array.type)))
    return array.cast(pa.string()), None


def _integer(array: pa.Array, type_: Type) -> Cast:
    if _is_written(array, type_):
        values, unsure = cast_text.integers(array)
    elif pa.types.is_decimal(array.type) or pa.types.is_floating(array.type):
        refuse(type_.manner.strict)
        values, unsure = _whole(array)
    else:
        refuse(not pa.types.is_integer(array.type))
        values, unsure = array.cast(pa.int64()), None
    if type_.bits == 64:
        return values, unsure
    wide = flagged(pc.or_(pc.less(values, -(2**31)), pc.greater(values, 2**31 - 1)))
    values, unsure = nulled(values, either(unsure, wide))
    return values.cast(pa.int32()), unsure


def _whole(array: pa.Array) -> Cast:
    """Integers among decimals or doubles."""
    whole = pc.floor(array)
    limit = pa.scalar(int(_EXACT_DOUBLE), pa.int64()).cast(array.type)
    values, unsure = nulled(whole, flagged(pc.invert(pc.and_(pc.less(pc.abs(whole), limit), pc.equal(whole, array)))))
    return values.cast(pa.int64()), unsure


def _double(array: pa.Array, type_: Type) -> Cast:
    if _is_written(array, type_):
        values, unsure = cast_text.doubles(array)
    else:
        refuse(not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)))
        values, unsure = array.cast(pa.float64()), None
    # What is larger may be an integer that was rounded; infinities and NaN are not smaller than anything.
    odd = flagged(pc.invert(pc.less(pc.abs(values), _EXACT_DOUBLE)))
    values, unsure = nulled(values, either(unsure, odd))
    if type_.kind is Kind.FLOAT:
        values, unsure = nulled(values, either(unsure, flagged(pc.greater(pc.abs(values), _SURE_FLOAT))))
        values = values.cast(pa.float32(), safe=False)
    return values, unsure


def _decimal(array: pa.Array, type_: Type) -> Cast:
    target = pa.decimal128(type_.precision, type_.scale)
    largest = Decimal(10**type_.precision - 1).scaleb(-type_.scale, _ALL_DIGITS)
    if array.type == target and _is_at_most(array, largest):
        return array, None
    unsure = None
    if _is_written(array, type_):
        values, unsure = cast_text.decimals(array, type_.precision, type_.scale)
    elif pa.types.is_integer(array.type):
        values = array.cast(target)
    else:
        refuse(not pa.types.is_decimal(array.type))
        values = array if array.type.scale == type_.scale else _rescaled(array, type_.scale)
    # The parsers check the digits that came, not those that the scale adds.
    if pa.types.is_decimal128(values.type):
        values = values.cast(pa.decimal128(_ALL_DIGITS.prec, type_.scale))
    if values.type.precision > type_.precision:
        most = pa.scalar(largest, values.type)
        values, unsure = nulled(values, either(unsure, flagged(pc.greater(pc.abs(values), most))))
    return values.cast(target), unsure


def _is_at_most(array: pa.Array, largest: Decimal) -> bool:
    """Whether no number is larger, whatever its sign: to ask for the extremes costs a fifth of looking at each."""
    found = pc.min_max(array).as_py()
    return found["min"] is None or (-largest <= found["min"] and found["max"] <= largest)


def _rescaled(array: pa.Array, scale: int) -> pa.Array:
    """Change a scale where nothing can overflow, which Arrow would not notice."""
    refuse(array.type.precision > _ALL_DIGITS.prec)
    return array.cast(pa.decimal256(2 * _ALL_DIGITS.prec, scale))


def _boolean(array: pa.Array, type_: Type) -> Cast:
    if _is_written(array, type_):
        words = coercions.WORDS if type_.manner.lenient else coercions.TRUTHS
        texts = pc.ascii_lower(array) if type_.manner.lenient else array
        unsure = flagged(pc.invert(pc.is_in(texts, pa.array([*words, None]))))
        return nulled(_kept_null(pc.is_in(texts, pa.array([w for w, truth in words.items() if truth])), array), unsure)
    if type_.manner.lenient and pa.types.is_integer(array.type):
        unsure = flagged(pc.invert(pc.is_in(array, pa.array([0, 1, None], array.type))))
        return nulled(pc.equal(array, pa.scalar(1, array.type)), unsure)
    refuse(not pa.types.is_boolean(array.type))
    return array, None


def _kept_null(values: pa.Array, like: pa.Array) -> pa.Array:
    """Return values with null where another array has it."""
    return pc.if_else(like.is_valid(), values, pa.scalar(None, values.type)) if like.null_count else values


def _date(array: pa.Array, type_: Type) -> Cast:
    if _is_text(array):
        refuse(bool(type_.formats))
        values, unsure = cast_text.dates(array)
    else:
        refuse(not pa.types.is_date(array.type))
        values, unsure = array.cast(pa.date32()), None
    return _within(values, unsure, pa.scalar(_FIRST_DAY, pa.date32()), pa.scalar(_LAST_DAY, pa.date32()))


def _within(values: pa.Array, unsure: pa.BooleanArray | None, first: pa.Scalar, last: pa.Scalar) -> Cast:
    """Years 1 to 9999: what every reader of the table can hold."""
    found = pc.min_max(values)
    if found["min"].value is None or (first.value <= found["min"].value and found["max"].value <= last.value):
        return values, unsure
    outside = flagged(pc.or_(pc.less(values, first), pc.greater(values, last)))
    return nulled(values, either(unsure, outside))


def _time(array: pa.Array, type_: Type) -> Cast:
    if _is_text(array):
        refuse(bool(type_.formats))
        return cast_text.times(array)
    refuse(not pa.types.is_time(array.type))
    return array.cast(pa.time64("us")), None


def _timestamptz(array: pa.Array, type_: Type) -> Cast:
    if _is_text(array):
        refuse(bool(type_.formats or type_.epoch))
        values, unsure = _timed(array, cast_text.instants(array, type_.naive_zone == "UTC"), type_)
    elif pa.types.is_integer(array.type):
        values, unsure = _since_epoch(array, type_).cast(_UTC), None
    else:
        values, unsure = _converted(array, _UTC, type_), None
    return _within_instants(values, unsure)


def _timestamp(array: pa.Array, type_: Type) -> Cast:
    if _is_text(array):
        refuse(bool(type_.formats or type_.epoch))
        values, unsure = _timed(array, cast_text.date_times(array, type_.naive_zone == "UTC"), type_)
    elif pa.types.is_integer(array.type):
        refuse(type_.naive_zone not in ("UTC", None))
        values, unsure = _since_epoch(array, type_).cast(_NAIVE), None
    else:
        values, unsure = _converted(array, _NAIVE, type_), None
    return _within_instants(values, unsure)


def _timed(texts: pa.Array, read: Cast, type_: Type) -> Cast:
    """Leave out dates without a time of day when a value must be written as its column is."""
    values, unsure = read
    return nulled(values, either(unsure, flagged(coercions.is_date(texts)))) if type_.manner.strict else read


def _since_epoch(array: pa.Array, type_: Type) -> pa.Array:
    """Microseconds since 1970 from the unit that the contract gives; what overflows is left to the other reader."""
    refuse(not type_.epoch)
    return pc.multiply_checked(array.cast(pa.int64()), _PER_EPOCH[type_.epoch])


def _converted(array: pa.Array, target: pa.DataType, type_: Type) -> pa.Array:
    """Cast timestamps of an Arrow file; where one side has a zone and the other has none, only if it is UTC."""
    refuse(not pa.types.is_timestamp(array.type))
    refuse((array.type.tz is None) != (target.tz is None) and type_.naive_zone != "UTC")
    return array.cast(_NAIVE if array.type.tz is None else _UTC).cast(target)


def _within_instants(values: pa.Array, unsure: pa.BooleanArray | None) -> Cast:
    first, last = (pa.scalar(n, values.type) for n in (_FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1))
    return _within(values, unsure, first, last)


def _uuid(array: pa.Array, _: Type) -> Cast:
    if _is_text(array):
        return cast_text.uuids(array)
    refuse(array.type != pa.binary(16))
    return array, None


def _bytes(array: pa.Array, type_: Type) -> Cast:
    if _is_text(array):
        values, unsure = cast_text.encoded(array, type_.encoding)
    else:
        refuse(not (pa.types.is_binary(array.type) or pa.types.is_fixed_size_binary(array.type)))
        values, unsure = array.cast(pa.binary()), None
    if type_.kind is Kind.FIXED:
        odd = flagged(pc.not_equal(pc.binary_length(values), type_.length))
        values, unsure = nulled(values, either(unsure, odd))
    return values.cast(arrow_type(type_)), unsure


# ---- nested: a value that is unsure makes its row unsure ----


def _struct(array: pa.Array, type_: Type) -> Cast:
    refuse(not pa.types.is_struct(array.type))
    refuse(bool({f.name for f in array.type} - {f.name for f in type_.fields}))
    unsure, children = None, []
    for f in type_.fields:
        child, mask = _child(array, f.name, f.type)
        if f.required:
            mask = either(mask, flagged(pc.and_(array.is_valid(), child.is_null())))
        children.append(child)
        unsure = either(unsure, mask)
    missing = array.is_null() if unsure is None else pc.or_(array.is_null(), unsure)
    return pa.StructArray.from_arrays(children, fields=list(arrow_type(type_)), mask=missing), unsure


def _child(array: pa.Array, name: str, type_: Type) -> Cast:
    if array.type.get_field_index(name) < 0:
        return pa.nulls(len(array), arrow_type(type_)), None
    return cast(pc.struct_field(array, [name]), type_)


def _list(array: pa.Array, type_: Type) -> Cast:
    refuse(not pa.types.is_list(array.type))
    assert type_.item is not None
    values, odd = cast(array.flatten(), type_.item.type)
    if type_.item.required:
        odd = either(odd, flagged(values.is_null()))
    built = pa.ListArray.from_arrays(list_offsets(array), values, type=arrow_type(type_), mask=array.is_null())
    return _nulled_lists(built, odd)


def _nulled_lists(lists: pa.ListArray, odd: pa.BooleanArray | None) -> Cast:
    """Return lists with null where an element is unsure, and the mask of these lists."""
    if odd is None:
        return lists, None
    unsure = rows_mask(pc.list_parent_indices(lists).filter(odd), len(lists))
    missing = pc.or_(unsure, lists.is_null())
    return pa.ListArray.from_arrays(lists.offsets, lists.values, type=lists.type, mask=missing), unsure


def _map(array: pa.Array, type_: Type) -> Cast:
    """Maps of Arrow files; in JSON a map is an object, which no column type of Arrow stands for."""
    refuse(not pa.types.is_list(array.type) or not pa.types.is_struct(array.type.value_type))
    refuse([f.name for f in array.type.value_type] != ["key", "value"])
    assert type_.item is not None
    assert type_.key is not None
    pairs = array.flatten()
    keys, odd_keys = cast(pc.struct_field(pairs, ["key"]), type_.key)
    items, odd_items = cast(pc.struct_field(pairs, ["value"]), type_.item.type)
    refuse(either(odd_keys, odd_items) is not None or keys.null_count > 0)
    refuse(type_.item.required and items.null_count > 0)
    offsets = list_offsets(array)
    refuse(_repeats(pc.list_parent_indices(pa.ListArray.from_arrays(offsets, keys)), keys))
    return pa.MapArray.from_arrays(offsets, keys, items, type=arrow_type(type_), mask=array.is_null()), None


def _repeats(parents: pa.Array, keys: pa.Array) -> bool:
    pairs = pa.table({"parent": parents, "key": keys}).group_by(["parent", "key"]).aggregate([])
    return int(pairs.num_rows) != len(keys)


def _json(array: pa.Array, type_: Type) -> Cast:
    refuse(pa.types.is_signed_integer(array.type))
    return _string(array, type_)


_CASTS: dict[Kind, Callable[[pa.Array, Type], Cast]] = {
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _double,
    Kind.DOUBLE: _double,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamptz,
    Kind.UUID: _uuid,
    Kind.BINARY: _bytes,
    Kind.FIXED: _bytes,
    Kind.STRUCT: _struct,
    Kind.LIST: _list,
    Kind.MAP: _map,
    Kind.JSON: _json,
}

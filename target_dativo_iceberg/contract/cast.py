"""Whole columns from the form they arrive in to their contract type, exactly or not at all.

A cast never explains and never guesses: rows it is not sure of come back as a mask, and the record-by-record
reader in `coerce` decides them. So this module must only be sound: what it does convert, `coerce` would
convert to the same value.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.arrow import arrow_type
from target_dativo_iceberg.contract.model import Kind, Type

# Largest integer up to which every integer is a double.
_EXACT_DOUBLE = 2.0**53
_ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_ISO_NAIVE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$"
_ISO_ZONED = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:?[0-9]{2})$"
_ISO_TIME = r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$"
_UUID = r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
_WHOLE = r"^-?[0-9]{1,18}$"
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"

Cast = tuple[pa.Array, pa.BooleanArray | None]


class UnsureError(Exception):
    """No row of the column could be cast; all go to the record-by-record reader."""


def cast(array: pa.Array, type_: Type) -> Cast:
    """Cast a column.

    Args:
        array: the column as parsed from JSON or read from a Parquet or Arrow file, n rows.
        type_: its contract type.

    Returns:
        The column in the contract's Arrow type (n rows, null where unsure) and the mask of unsure rows, or None.

    Raises:
        UnsureError: the whole column is unsure.

    """
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), arrow_type(type_)), None
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        return _CASTS[type_.kind](array, type_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UnsureError from error


def _matching(array: pa.Array, pattern: str, convert: Callable[[pa.Array], pa.Array]) -> Cast:
    """Convert the texts that match a pattern; the others are unsure. Mostly all do, so that is tried first."""
    try:
        return convert(array), None
    except pa.ArrowInvalid:
        fits = pc.match_substring_regex(array, pattern)
        return convert(pc.if_else(fits, array, pa.scalar(None, array.type))), _mask(pc.invert(fits))


def _mask(array: pa.Array) -> pa.BooleanArray | None:
    mask = pc.fill_null(array, False)
    return mask if pc.any(mask, min_count=0).as_py() else None


def _nulled(array: pa.Array, mask: pa.BooleanArray | None) -> Cast:
    return (array, None) if mask is None else (pc.if_else(mask, pa.scalar(None, array.type), array), mask)


def _is_text(array: pa.Array) -> bool:
    return pa.types.is_string(array.type) or pa.types.is_large_string(array.type)


def _refuse(condition: bool) -> None:
    if condition:
        raise UnsureError


# ---- scalars ----


def _string(array: pa.Array, _: Type) -> Cast:
    _refuse(not (_is_text(array) or pa.types.is_signed_integer(array.type)))
    return array.cast(pa.string()), None


def _integer(array: pa.Array, type_: Type) -> Cast:
    target = arrow_type(type_)
    if _is_text(array):
        return _narrowed(_matching(array, _WHOLE, lambda a: a.cast(pa.int64())), target)
    if pa.types.is_decimal(array.type):
        floor = pc.floor(array)
        return _nulled(floor.cast(target), _mask(pc.not_equal(floor, array)))
    _refuse(not pa.types.is_integer(array.type))
    return _narrowed((array, None), target)


def _narrowed(found: Cast, target: pa.DataType) -> Cast:
    return (found[0] if found[0].type == target else found[0].cast(target)), found[1]


def _double(array: pa.Array, type_: Type) -> Cast:
    if _is_text(array):
        values, unsure = _matching(array, _NUMBER, lambda a: a.cast(pa.float64()))
    else:
        _refuse(not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)))
        values, unsure = array.cast(pa.float64()), None
    # Integers above 2**53 may not be doubles, and infinities are not numbers: let the slow reader look.
    odd = _mask(pc.invert(pc.less_equal(pc.abs(values), _EXACT_DOUBLE)))
    unsure = unsure if odd is None else (odd if unsure is None else pc.or_(odd, unsure))
    values, unsure = _nulled(values, unsure)
    if type_.kind is Kind.FLOAT:
        values, unsure = _nulled(values, _either(unsure, _mask(pc.greater(pc.abs(values), 3.0e38))))
        values = values.cast(pa.float32(), safe=False)
    return values, unsure


def _either(left: pa.BooleanArray | None, right: pa.BooleanArray | None) -> pa.BooleanArray | None:
    if left is None or right is None:
        return right if left is None else left
    return pc.or_(left, right)


def _decimal(array: pa.Array, type_: Type) -> Cast:
    target = pa.decimal128(type_.precision, type_.scale)
    if _is_text(array):
        whole, scale = type_.precision - type_.scale, type_.scale
        fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
        return _matching(array, rf"^-?[0-9]{{1,{max(whole, 1)}}}{fraction}$", lambda a: a.cast(target))
    _refuse(not (pa.types.is_decimal(array.type) or pa.types.is_integer(array.type)))
    return array.cast(target), None


def _boolean(array: pa.Array, _: Type) -> Cast:
    if _is_text(array):
        unsure = _mask(pc.invert(pc.is_in(array, pa.array(["true", "false", None], array.type))))
        return _nulled(pc.equal(array, "true"), unsure)
    _refuse(not pa.types.is_boolean(array.type))
    return array, None


def _date(array: pa.Array, type_: Type) -> Cast:
    if _is_text(array):
        _refuse(bool(type_.formats))
        return _matching(array, _ISO_DATE, lambda a: a.cast(pa.date32()))
    _refuse(not pa.types.is_date32(array.type))
    return array, None


def _time(array: pa.Array, type_: Type) -> Cast:
    if _is_text(array):
        _refuse(bool(type_.formats))
        return _matching(array, _ISO_TIME, _time_of_text)
    _refuse(not (pa.types.is_time(array.type) and array.type.unit in ("s", "ms", "us")))
    return array.cast(pa.time64("us")), None


def _time_of_text(array: pa.Array) -> pa.Array:
    # Arrow casts no text to a time; it does cast a timestamp.
    moment = pc.binary_join_element_wise(pa.scalar("1970-01-01", array.type), array, pa.scalar("T", array.type))
    return moment.cast(pa.timestamp("us")).cast(pa.time64("us"))


_UTC = pa.timestamp("us", "UTC")
_NAIVE = pa.timestamp("us")


def _timestamptz(array: pa.Array, type_: Type) -> Cast:
    if not _is_text(array):
        _refuse(not pa.types.is_timestamp(array.type) or array.type.tz is None)
        return array.cast(_UTC), None
    _refuse(bool(type_.formats))
    try:
        return array.cast(_UTC), None
    except pa.ArrowInvalid:
        return _mixed_zones(array, type_, _UTC)


def _timestamp(array: pa.Array, type_: Type) -> Cast:
    if not _is_text(array):
        _refuse(not pa.types.is_timestamp(array.type) or array.type.tz is not None)
        return array.cast(_NAIVE), None
    _refuse(bool(type_.formats))
    try:
        return array.cast(_NAIVE), None
    except pa.ArrowInvalid:
        return _mixed_zones(array, type_, _NAIVE)


def _mixed_zones(array: pa.Array, type_: Type, target: pa.DataType) -> Cast:
    """Read texts with and without a zone; the zone of the others is UTC if the type says so, else they are unsure."""
    none = pa.scalar(None, array.type)
    zoned = pc.match_substring_regex(array, _ISO_ZONED)
    naive = pc.match_substring_regex(array, _ISO_NAIVE)
    if type_.naive_zone != "UTC":
        own, other = (zoned, _UTC) if target == _UTC else (naive, _NAIVE)
        return pc.if_else(own, array, none).cast(other), _mask(pc.invert(own))
    values = pc.if_else(zoned, array, none).cast(_UTC).cast(target)
    others = pc.if_else(naive, array, none).cast(_NAIVE).cast(target)
    return pc.coalesce(values, others), _mask(pc.invert(pc.or_(zoned, naive)))


def _uuid(array: pa.Array, _: Type) -> Cast:
    if not _is_text(array):
        _refuse(array.type != pa.binary(16))
        return array, None
    return _matching(array, _UUID, _uuid_of_text)


def _uuid_of_text(array: pa.Array) -> pa.Array:
    return pa.array([None if t is None else bytes.fromhex(t.replace("-", "")) for t in array.to_pylist()], pa.binary(16))


def _bytes(array: pa.Array, type_: Type) -> Cast:
    _refuse(not (pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)
                 or pa.types.is_fixed_size_binary(array.type)))  # fmt: skip
    return array.cast(arrow_type(type_)), None


# ---- nested: one unsure value makes the whole column unsure, since a child's row is not the record's row ----


def _sure(array: pa.Array, type_: Type) -> pa.Array:
    values, unsure = cast(array, type_)
    _refuse(unsure is not None)
    return values


def _struct(array: pa.Array, type_: Type) -> Cast:
    _refuse(not pa.types.is_struct(array.type))
    known = {f.name for f in array.type}
    _refuse(bool(known - {f.name for f in type_.fields}))
    children = [
        _sure(pc.struct_field(array, [f.name]), f.type) if f.name in known else pa.nulls(len(array), arrow_type(f.type))
        for f in type_.fields
    ]
    _refuse(any(f.required for f in type_.fields) and _lacks_required(array, children, type_))
    fields = list(arrow_type(type_))
    return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null()), None


def _lacks_required(array: pa.Array, children: list[pa.Array], type_: Type) -> bool:
    present = array.is_valid()
    return any(
        f.required and pc.any(pc.and_(present, c.is_null()), min_count=0).as_py()
        for f, c in zip(type_.fields, children, strict=True)
    )


def _list(array: pa.Array, type_: Type) -> Cast:
    _refuse(not (pa.types.is_list(array.type) or pa.types.is_large_list(array.type)))
    assert type_.item is not None
    values = _sure(array.flatten(), type_.item.type)
    _refuse(type_.item.required and values.null_count > 0)
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    built = pa.ListArray.from_arrays(offsets, values, type=arrow_type(type_), mask=array.is_null())
    return built, None


def _never(_array: pa.Array, _type: Type) -> Cast:
    raise UnsureError


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
    Kind.MAP: _never,
    Kind.JSON: _string,
}

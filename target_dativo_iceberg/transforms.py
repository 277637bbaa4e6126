"""Iceberg's partition transforms of whole Arrow columns, as the specification has them.

PyIceberg's own need its Rust extension, which this target does not ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    TruncateTransform,
    VoidTransform,
    YearTransform,
)
from pyiceberg.types import BinaryType, IcebergType

from target_dativo_iceberg.murmur import hash_bytes, hash_decimals, hash_integers

KNOWN = (
    BucketTransform, DayTransform, HourTransform, IdentityTransform, MonthTransform, TruncateTransform, VoidTransform,
    YearTransform,
)  # fmt: skip
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_INT64_DIGITS = 18


def transformed(column: pa.Array, transform: Transform[Any, Any], source: IcebergType) -> pa.Array:
    """Return the partition value of each row; null of null.

    Args:
        column: of the table's Arrow type.
        transform: one of KNOWN.
        source: the column's Iceberg type.

    """
    match transform:
        case IdentityTransform():
            return column
        case VoidTransform():
            return pa.nulls(len(column), pa.int32())
        case BucketTransform():
            return _bucket(column, transform.num_buckets)
        case TruncateTransform():
            return _truncate(column, transform, source)
        case YearTransform() | MonthTransform():
            return _calendar(column, months=isinstance(transform, MonthTransform))
        case DayTransform():
            return _day(column)
    return floor_divide(_micros(column), _HOUR_US).cast(pa.int32())


# ---- buckets ----


def _bucket(column: pa.Array, buckets: int) -> pa.Array:
    valid = column.drop_null() if column.null_count else column
    positive = pc.bit_wise_and(_hashes(valid), pa.scalar(0x7FFFFFFF, pa.uint32())).view(pa.int32())
    width = pa.scalar(buckets, pa.int32())
    found = pc.subtract(positive, pc.multiply(pc.divide(positive, width), width))
    if len(valid) == len(column):
        return found
    place = pc.indices_nonzero(column.is_valid()).cast(pa.int64())
    return pc.scatter(found, place, max_index=len(column) - 1)


def _hashes(column: pa.Array) -> pa.Array:
    type_ = column.type
    if pa.types.is_decimal(type_):
        return hash_decimals(column)
    if pa.types.is_integer(type_) or pa.types.is_temporal(type_):
        return hash_integers(_integers(column).cast(pa.int64()))
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    one = BucketTransform(1).transform(BinaryType(), bucket=False)
    return hash_bytes(storage.cast(pa.binary()), one)  # type: ignore[arg-type]


def _integers(column: pa.Array) -> pa.Array:
    """Return numbers and moments as the integers they are stored as."""
    return column.view({32: pa.int32(), 64: pa.int64()}[column.type.bit_width])


# ---- truncation ----


def _truncate(column: pa.Array, transform: TruncateTransform[Any], source: IcebergType) -> pa.Array:
    type_, width = column.type, transform.width
    if pa.types.is_string(type_):
        return pc.utf8_slice_codeunits(column, 0, width)
    if pa.types.is_binary(type_):
        return pc.binary_slice(column, 0, width)
    if pa.types.is_integer(type_):
        return _truncate_integers(column, width)
    if pa.types.is_decimal(type_) and type_.precision <= _INT64_DIGITS:
        unscaled = _as_decimal(column, pa.decimal128(_INT64_DIGITS, 0)).cast(pa.int64())
        return _as_decimal(_truncate_integers(unscaled, width).cast(pa.decimal128(19, 0)), type_)
    return _truncate_wide(column, transform.transform(source))


def _truncate_integers(column: pa.Array, width: int) -> pa.Array:
    return pc.multiply(floor_divide(column, width), pa.scalar(width, column.type))


def _as_decimal(column: pa.Array, type_: pa.DataType) -> pa.Array:
    """Read the same unscaled numbers under another precision and scale."""
    return pa.Array.from_buffers(type_, len(column), column.buffers(), column.null_count, column.offset)


def _truncate_wide(column: pa.Array, one: Callable[[Any], Any]) -> pa.Array:
    """Truncate decimals beyond 64 bits, each distinct one by itself; far below zero it may get a digit more."""
    encoded = column.dictionary_encode()
    unscaled = (_unscaled(one(value)) for value in encoded.dictionary.to_pylist())
    data = b"".join(number.to_bytes(16, "little", signed=True) for number in unscaled)
    values = pa.Array.from_buffers(column.type, len(encoded.dictionary), [None, pa.py_buffer(data)])
    return values.take(encoded.indices)


def _unscaled(value: Decimal) -> int:
    sign, digits, _ = value.as_tuple()
    number = int("".join(map(str, digits)))
    return -number if sign else number


# ---- time ----


def _calendar(column: pa.Array, *, months: bool) -> pa.Array:
    """Return years or months since 1970; the zone is UTC, and arithmetic without one needs no time zone data."""
    plain = column.view(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column
    years = pc.subtract(pc.year(plain), pa.scalar(1970, pa.int64()))
    if not months:
        return years.cast(pa.int32())
    month = pc.subtract(pc.month(plain), pa.scalar(1, pa.int64()))
    return pc.add(pc.multiply(years, pa.scalar(12, pa.int64())), month).cast(pa.int32())


def _day(column: pa.Array) -> pa.Array:
    if pa.types.is_date(column.type):
        return column.view(pa.int32())
    return floor_divide(_micros(column), _DAY_US).cast(pa.int32())


def _micros(column: pa.Array) -> pa.Array:
    return column.view(pa.int64())


def floor_divide(column: pa.Array, divisor: int) -> pa.Array:
    """Divide integers and round down, below zero too."""
    by = pa.scalar(divisor, column.type)
    quotient = pc.divide(column, by)
    below = pc.less(pc.subtract(column, pc.multiply(quotient, by)), pa.scalar(0, column.type))
    return pc.subtract(quotient, below.cast(column.type))

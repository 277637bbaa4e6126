"""Coercions: values that came as another JSON type than their column has, and what the contract lets be given up.

`scalars` names them value by value; here they are counted over whole columns, from what Arrow parsed them as.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.json_text import TooLong
from target_dativo_iceberg.contract.layout import plain
from target_dativo_iceberg.contract.model import Kind, Type

# Kinds that do not come from the JSON type: digits given up because the contract says so, midnight added to a date.
ROUNDED, CUT, DATED = "rounded", "cut to microseconds", "date to timestamp"

TRUTHS = {"true": True, "false": False}
# What dativo reads as booleans, whatever its case.
WORDS = {**TRUTHS, "1": True, "0": False, "yes": True, "no": False, "on": True, "off": False}

# How decoded values are called; the first that fits.
SOURCES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    ((Decimal, TooLong), "number"),
    (str, "text"),
    (bytes, "bytes"),
)
_INSTANTS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_FROM_TEXT = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL, Kind.BOOLEAN})
# Length of an ISO 8601 date; none with a time of day is as short.
_DATE = 10


def kind_of(source: str, type_: Type) -> str:
    """Return the kind of coercion that a type's values from a source go through, empty when it is their own.

    Args:
        source: text, integer, number or bytes.
        type_: what they become. A number for a time since 1970 is its own, when the contract says that it is one.

    """
    kind = type_.kind
    source = "number" if type_.numeric and source == "text" else source
    if source == "text":
        coerced = kind in _FROM_TEXT
    elif source == "bytes":
        coerced = kind in (Kind.STRING, Kind.JSON)
    elif kind is Kind.INTEGER:
        coerced = source == "number" or type_.numeric
        source = "number"
    else:
        coerced = kind in (Kind.STRING, Kind.BOOLEAN)
        source = "number"
    return f"{source} to {'text' if kind in (Kind.STRING, Kind.JSON) else kind.value}" if coerced else ""


def counted(array: pa.Array, type_: Type) -> Mapping[str, int]:
    """Count the coercions that reading a parsed column takes, by kind.

    Args:
        array: values as JSON or a file gave them, each of which the column's cast converts.
        type_: the contract type.

    """
    found: Counter[str] = Counter()
    if array.null_count < len(array):
        _count(plain(array), type_, found)
    return found


def _count(array: pa.Array, type_: Type, found: Counter[str]) -> None:
    if array.null_count == len(array):
        return  # whatever its type: a file may have any for a column without values
    if type_.kind is Kind.STRUCT:
        members = dict(zip([f.name for f in array.type], array.flatten(), strict=True))
        for f in type_.fields:
            if f.name in members:
                _count(plain(members[f.name]), f.type, found)
    elif type_.item is not None:
        values = array.flatten()
        of_map = type_.kind is Kind.MAP
        _count(plain(pc.struct_field(values, ["value"]) if of_map else values), type_.item.type, found)
    else:
        _count_scalars(array, type_, found)


def _count_scalars(array: pa.Array, type_: Type, found: Counter[str]) -> None:
    source = _source(array.type)
    kind = kind_of(source, type_) if source else ""
    count = len(array) - array.null_count
    if type_.kind in _INSTANTS and source == "text":
        kind, count = DATED, is_date(array).true_count
    if kind and count:
        found[kind] += count


def is_date(texts: pa.Array) -> pa.BooleanArray:
    """Return which texts that stand for date-times are a date alone."""
    return pc.equal(pc.binary_length(texts), _DATE)


def _source(type_: pa.DataType) -> str:
    types = pa.types
    if types.is_string(type_):
        return "text"
    if types.is_integer(type_):
        return "integer"
    if types.is_decimal(type_) or types.is_floating(type_):
        return "number"
    return "bytes" if types.is_binary(type_) or types.is_fixed_size_binary(type_) else ""

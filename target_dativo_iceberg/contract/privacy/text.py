"""The text a value stands for when it is hashed, encrypted or cut: one per value, whatever column type held it.

Equal values have equal texts across types, so a customer number that is an integer in one table, `decimal(10,2)`
in another and text in a third gives the same hash in all three. docs/privacy.md has the table for others.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.model import Kind
from target_dativo_iceberg.contract.privacy.json import NotJsonError, parse, written


def texts(array: pa.Array, kind: Kind) -> pa.StringArray:
    """Return the text of each value; null stays null.

    Args:
        array: values in the Arrow type of a contract type, n rows.
        kind: of that type; not STRUCT, LIST or MAP.

    """
    return _TEXTS[kind](array)


def plain_number(number: Decimal) -> str:
    """Return a number without exponent, without zeros after the last digit of its fraction, zero without sign."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def canonical_json(text: str) -> str:
    """Return a JSON object or array without spaces, its members in the order of their names.

    Other text, and what is nested deeper than 100 levels, stays as it is.
    """
    try:
        node = parse(text)
        return written(node, ordered=True) if isinstance(node, list) else text
    except NotJsonError:
        return text


def _same(array: pa.Array) -> pa.Array:
    return array


def _cast(array: pa.Array) -> pa.Array:
    return array.cast(pa.string())


def _moment(array: pa.Array) -> pa.Array:
    return pc.replace_substring(array.cast(pa.string()), " ", "T", max_replacements=1)


def _by_value(text: Callable[[Any], str]) -> Callable[[pa.Array], pa.Array]:
    return lambda array: pa.array([None if v is None else text(v) for v in array.to_pylist()], pa.string())


_of_float = _by_value(lambda number: plain_number(Decimal(repr(number))))
_TEXTS: Mapping[Kind, Callable[[pa.Array], pa.Array]] = {
    Kind.STRING: _same,
    Kind.INTEGER: _cast,
    Kind.FLOAT: _of_float,
    Kind.DOUBLE: _of_float,
    Kind.DECIMAL: _by_value(plain_number),
    Kind.BOOLEAN: _cast,
    Kind.DATE: _cast,
    Kind.TIME: _cast,
    Kind.TIMESTAMP: _moment,
    Kind.TIMESTAMPTZ: _moment,
    Kind.UUID: _by_value(lambda data: str(uuid.UUID(bytes=data))),
    Kind.BINARY: _by_value(bytes.hex),
    Kind.FIXED: _by_value(bytes.hex),
    Kind.JSON: _by_value(canonical_json),
}

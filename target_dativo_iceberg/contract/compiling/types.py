"""Types of single values: a property's words → a `Type`, by the precedence of the type table.

`dativo.icebergType`, then a `physicalType` that refines the logical type, then `format`, then the logical
type's default. Nested types are put together in `compile_fields`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.compiling.custom_properties import (
    Implied,
    Reading,
    Typed,
    chosen,
    options_of,
    setting,
    settings,
)
from target_dativo_iceberg.contract.compiling.instants import date_type, temporal, time_type, timestamp_type
from target_dativo_iceberg.contract.compiling.numbers import decimal, integer_type, number_type
from target_dativo_iceberg.contract.model import Kind, RuleKind, Severity, Type
from target_dativo_iceberg.contract.reading.document import Place, nearest
from target_dativo_iceberg.contract.reading.physical_types import Physical, physical
from target_dativo_iceberg.contract.reading.vocabulary import LOGICAL_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGICAL_OF = {
    "string": "string", "uuid": "string", "binary": "string", "fixed": "string", "integer": "integer",
    "decimal": "number", "float": "number", "double": "number", "boolean": "boolean", "date": "date", "time": "time",
    "zoned_time": "time", "timestamp": "timestamp", "timestamp_ntz": "timestamp", "timestamp_tz": "timestamp",
    "json": "object", "struct": "object", "map": "object", "array": "array",
}  # fmt: skip
# Physical families that may stand under a logical type, because they say the same more exactly.
_REFINES: dict[str, frozenset[str]] = {
    "string": frozenset({"string", "uuid", "binary", "fixed"}),
    "integer": frozenset({"integer", "decimal"}),
    "number": frozenset({"integer", "decimal", "float", "double"}),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date"}),
    "timestamp": frozenset({"timestamp", "timestamp_ntz", "timestamp_tz"}),
    "time": frozenset({"time", "zoned_time"}),
    "object": frozenset({"json", "struct", "map"}),
    "array": frozenset({"array", "json"}),
    "map": frozenset({"map", "json"}),
    "vector": frozenset({"array", "json"}),
}
_ICEBERG = {
    "boolean": Type(Kind.BOOLEAN), "int": Type(Kind.INTEGER, bits=32), "long": Type(Kind.INTEGER),
    "float": Type(Kind.FLOAT), "double": Type(Kind.DOUBLE), "date": Type(Kind.DATE), "time": Type(Kind.TIME),
    "timestamp": Type(Kind.TIMESTAMP), "timestamptz": Type(Kind.TIMESTAMPTZ), "string": Type(Kind.STRING),
    "uuid": Type(Kind.UUID), "binary": Type(Kind.BINARY),
}  # fmt: skip
_ICEBERG_DIGITS = re.compile(r"(decimal|fixed) ?[(\[] ?([0-9]{1,9}) ?(?:, ?([0-9]{1,9}) ?)?[)\]]")
_ENCODINGS = ("base64", "hex", "utf8")


def declared(place: Place, reading: Reading) -> tuple[str, Physical | None]:
    """Return the logical type of a property and the physical type that refines it.

    Raises:
        ContractError: neither says what the property holds.

    """
    logical, known = place.text("logicalType"), physical(place.text("physicalType"))
    if known is None and place.text("physicalType"):
        reading.say(place, "physicalType is not a known type; it is not used", "physicalType", "info")
    if logical and logical not in LOGICAL_TYPES:
        logical, known = "", known or _misplaced(place, reading)
    if not logical:
        return _undeclared(place, known), known
    if known and known.family not in _REFINES[logical]:
        message = f"physicalType {known.name.upper()} does not refine logicalType '{logical}'; it is not used"
        reading.say(place, message, "physicalType")
        known = None
    return logical, known


def scalar_type(place: Place, logical: str, known: Physical | None, reading: Reading) -> Typed:
    """Return the type of a property that holds single values, and the rules it implies."""
    return _BUILDERS[logical](place, known, reading)


def iceberg_type(place: Place) -> Type | None:
    """Return what `dativo.icebergType` names, None if it is not given."""
    text = " ".join(setting(place, "icebergType").lower().split())
    if not text:
        return None
    where = settings(place)["icebergType"]
    digits = _ICEBERG_DIGITS.fullmatch(text)
    if digits and digits[1] == "decimal":
        return decimal(int(digits[2]), int(digits[3] or 0), where, "value")
    if digits and not digits[3]:
        return _fixed(int(digits[2]), where, "value", place)
    if text not in _ICEBERG:
        hint = nearest(text, _ICEBERG, f"use one of {', '.join(_ICEBERG)}, decimal(p,s), fixed[n]")
        raise where.error("dativo.icebergType is not an Iceberg type", hint, "value")
    named = _ICEBERG[text]
    if named.kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return temporal(place, named.kind)
    return replace(named, encoding=_encoding(place)) if named.kind is Kind.BINARY else named


def _misplaced(place: Place, reading: Reading) -> Physical:
    """Read a logicalType that is no ODCS word but a SQL type."""
    spelled = physical(place.text("logicalType"))
    if spelled is None:
        hint = nearest(place.text("logicalType"), LOGICAL_TYPES, f"use one of {', '.join(sorted(LOGICAL_TYPES))}")
        raise place.error(f"logicalType '{place.shown('logicalType')[:40]}' is not known", hint, "logicalType")
    reading.say(place, "logicalType is a physical type; move it to physicalType", "logicalType")
    return spelled


def _undeclared(place: Place, known: Physical | None) -> str:
    for key, logical in (("properties", "object"), ("items", "array"), ("map", "map")):
        if place.block.get(key) is not None:
            return logical
    if known:
        return _LOGICAL_OF[known.family]
    name = place.shown("name")[:60]
    raise place.error(f"property '{name}' has no type", "add `logicalType:`, such as string or integer", "name")


# ---- text and bytes ----


def _string(place: Place, known: Physical | None, _reading: Reading) -> Typed:
    family = known.family if known else "string"
    if family == "uuid":
        return Type(Kind.UUID), ()
    if known and family == "fixed" and known.arguments:
        return _fixed(known.arguments[0], place, "physicalType", place), ()
    if family in ("binary", "fixed") or options_of(place).text("format") in ("byte", "binary"):
        return Type(Kind.BINARY, encoding=_encoding(place)), ()
    if known and known.arguments and options_of(place).block.get("maxLength") is None:
        # The length describes the source's column; only the option makes it a promise.
        return Type(Kind.STRING), (Implied(RuleKind.MAX_LENGTH, known.arguments[0], Severity.WARNING),)
    return Type(Kind.STRING), ()


def _fixed(length: int, where: Place, key: str, place: Place) -> Type:
    if length < 1:
        raise where.error("a fixed length of 0 bytes holds nothing", "give a length of at least 1", key)
    return Type(Kind.FIXED, length=length, encoding=_encoding(place))


def _encoding(place: Place) -> str:
    return chosen(place, "encoding", _ENCODINGS) or "base64"


def _boolean(_place: Place, _known: Physical | None, _reading: Reading) -> Typed:
    return Type(Kind.BOOLEAN), ()


_BUILDERS: dict[str, Callable[[Place, Physical | None, Reading], Typed]] = {
    "string": _string,
    "integer": integer_type,
    "number": number_type,
    "boolean": _boolean,
    "date": date_type,
    "timestamp": timestamp_type,
    "time": time_type,
}

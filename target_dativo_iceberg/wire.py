"""In which form a property travels from JSON to Arrow: a native type, or text that is read afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

import pyarrow as pa

from target_dativo_iceberg.contract.model import Kind, Type
from target_dativo_iceberg.contract.singer import ANY_JSON, Property, json_types
from target_dativo_iceberg.contract.values.cast_text import roomy_decimal

_NUMBERS = frozenset({"number", "integer"})
# Integers of a column of numbers: digits after the point are seen, not dropped.
_FRACTIONAL = pa.decimal128(38, 9)


class Keep(Enum):
    """How the JSON text of a column's values is kept."""

    JSON = "texts as they are, everything else as its JSON text"
    NUMBERS = "texts as they are, numbers as their digits"
    WHOLE = "everything as its JSON text"

    def wants_quotes(self, value: bytes) -> bool:
        """Whether a value, given as JSON text, must be put in quotes to be kept."""
        first = value[:1]
        if self is Keep.NUMBERS:
            return first in b"-0123456789" and value != b"-0"  # which `coerce` writes as 0
        return first != b"n" and (self is Keep.WHOLE or first != b'"')


def kept_as(type_: Type, evidence: Property | None) -> Keep | None:
    """Return how a column is kept as text, or None when it has a native form."""
    arrives = _arriving(evidence)
    if type_.kind is Kind.STRING and type_.manner.strict:
        return None
    if type_.kind is Kind.STRING and arrives & {"number", "integer"} and arrives != {"integer"}:
        return Keep.NUMBERS if evidence is not None else None
    if type_.kind is Kind.JSON:
        return None if evidence is None or arrives == {"string"} else Keep.JSON
    return Keep.WHOLE if wire_type(type_, evidence) is None else None


def wire_type(type_: Type, evidence: Property | None) -> pa.DataType | None:
    """Return the Arrow type to parse a property as, or None when nothing but its JSON text can be had."""
    node = evidence.node if evidence else {}
    arrives = _arriving(evidence)
    if type_.kind is Kind.JSON and (evidence is None or arrives == {"string"}):
        return pa.string()
    if type_.kind is Kind.STRUCT:
        return _struct_wire(type_, node)
    if type_.kind is Kind.LIST:
        assert type_.item is not None
        item = wire_type(type_.item.type, _child(node.get("items")))
        return None if item is None else pa.list_(item)
    if type_.kind in (Kind.JSON, Kind.MAP):
        return None
    if type_.kind is Kind.DECIMAL and type_.manner.strict and arrives != {"string"}:
        return None  # the parser would also take texts of numbers
    return _scalar_wire(type_, arrives)


def _arriving(evidence: Property | None) -> frozenset[str]:
    return (evidence.json_types if evidence else ANY_JSON) - {"null"}


def _struct_wire(type_: Type, node: Mapping[str, Any]) -> pa.DataType | None:
    declared = node.get("properties") or {}
    members: list[pa.Field] = []
    for f in type_.fields:
        wire = wire_type(f.type, _child(declared.get(f.name)))
        if wire is None:
            return None
        members.append(pa.field(f.name, wire))
    return pa.struct(members)


def _child(node: Any) -> Property | None:
    if not isinstance(node, Mapping):
        return None
    return Property(json_types(node), node, Type(Kind.JSON))


def _scalar_wire(type_: Type, arrives: frozenset[str]) -> pa.DataType:
    if arrives == {"string"}:
        return pa.string()
    if type_.kind is Kind.INTEGER:
        return _FRACTIONAL if type_.numeric else pa.int64()
    if type_.kind in (Kind.FLOAT, Kind.DOUBLE):
        return pa.float64()
    if type_.kind is Kind.DECIMAL:
        return roomy_decimal(type_.precision, type_.scale)
    if arrives and arrives <= _NUMBERS and _takes_numbers(type_, arrives):
        return pa.int64()
    return pa.bool_() if type_.kind is Kind.BOOLEAN else pa.string()


def _takes_numbers(type_: Type, arrives: frozenset[str]) -> bool:
    """Whether whole numbers are read as what is none, and so in bulk."""
    if type_.kind is Kind.STRING:
        return arrives == {"integer"} and not type_.manner.strict
    return type_.manner.lenient if type_.kind is Kind.BOOLEAN else bool(type_.epoch)


# ---- what a SCHEMA adds to a type ----


def informed(type_: Type, evidence: Property | None) -> Type:
    """Return a type that knows which of its numbers the parser of lines does not tell from texts of numbers."""
    node = evidence.node if evidence else {}
    if type_.kind is Kind.STRUCT:
        declared = node.get("properties") or {}
        members = (replace(f, type=informed(f.type, _child(declared.get(f.name)))) for f in type_.fields)
        return replace(type_, fields=tuple(members))
    if type_.kind is Kind.LIST:
        assert type_.item is not None
        return replace(type_, item=replace(type_.item, type=informed(type_.item.type, _child(node.get("items")))))
    arrives = _arriving(evidence)
    if type_.kind is Kind.INTEGER and not type_.manner.strict:
        return replace(type_, numeric="number" in arrives and arrives <= _NUMBERS)
    return replace(type_, numeric=True) if type_.kind is Kind.DECIMAL and arrives != {"string"} else type_

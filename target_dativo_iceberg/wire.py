"""In which form a property travels from JSON to Arrow: a native type, or text that is read afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pyarrow as pa

from target_dativo_iceberg.contract.model import Kind, Type
from target_dativo_iceberg.contract.singer import ANY_JSON, Property, json_types
from target_dativo_iceberg.contract.values.cast_text import roomy_decimal


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
        return (
            pa.decimal128(38, 9) if arrives and arrives <= {"number", "integer"} and "number" in arrives else pa.int64()
        )
    if type_.kind in (Kind.FLOAT, Kind.DOUBLE):
        return pa.float64()
    if type_.kind is Kind.DECIMAL:
        return roomy_decimal(type_.precision, type_.scale)
    if type_.kind is Kind.BOOLEAN:
        return pa.bool_()
    if type_.kind is Kind.STRING and arrives == {"integer"}:
        return pa.int64()
    return pa.string()

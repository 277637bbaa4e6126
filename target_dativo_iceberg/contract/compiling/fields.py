"""Properties → fields: scalar and nested types, flags, rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.compiling.custom_properties import (
    OF_PROPERTY,
    Implied,
    Reading,
    Typed,
    action_of,
    manner_of,
    options_of,
)
from target_dativo_iceberg.contract.compiling.quality import property_quality
from target_dativo_iceberg.contract.compiling.rules import Column, numbered, rules_of
from target_dativo_iceberg.contract.compiling.types import declared, iceberg_type, scalar_type
from target_dativo_iceberg.contract.model import Field, Kind, RuleKind, Type

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_dativo_iceberg.contract.reading.document import Place

# Not columns of the table: they are computed by those who read it (ODCS 3.2).
_COMPUTED = frozenset({"measure", "dimension"})
_NESTED_LOGICAL = frozenset({"object", "array", "map", "vector"})


def fields_of(owner: Place, path: str, reading: Reading) -> tuple[Field, ...]:
    """Return the fields of an object or struct, in order.

    Raises:
        ContractError: a property has no usable name or type, or two names differ only by case.

    """
    fields: list[Field] = []
    seen: dict[str, int] = {}
    for place in owner.children("properties"):
        name = _name(place)
        if place.text("semanticType") in _COMPUTED:
            reading.say(place, f"'{name}' is a {place.text('semanticType')}, not a column", "semanticType", "info")
            continue
        earlier = seen.get(name.casefold())
        if earlier is not None:
            message = f"name '{name[:60]}' differs from the one on line {earlier} by case at most"
            raise place.error(message, "give each property a name of its own", "name")
        seen[name.casefold()] = place.line("name")
        fields.append(_field(place, name, f"{path}.{name}" if path else name, reading))
    return tuple(fields)


def _name(place: Place) -> str:
    name = place.text("name")
    if not name.strip():
        raise place.error("a property has no name", "add `name:`")
    if not name.isprintable():
        raise place.error("a property's name holds a control character", "use printable characters", "name")
    return name


def _field(place: Place, name: str, path: str, reading: Reading) -> Field:
    type_, implied = _type(place, path, reading)
    type_ = replace(type_, manner=manner_of(place))
    column = Column(place, type_, path, reading)
    by_row = property_quality(column)
    if place.text("physicalName") not in ("", name):
        reading.say(place, "physicalName is not used; records and table have 'name'", "physicalName", "info")
    return Field(
        name=name,
        type=type_,
        required=place.flag("required") or by_row.required,
        unique=place.flag("unique"),
        rules=numbered((*rules_of(column, implied), *by_row.rules)),
        description=place.text("description") or place.text("businessName"),
        classification=place.text("classification").lower(),
        tags=place.texts("tags"),
        critical=place.flag("criticalDataElement"),
        deprecated=place.flag("deprecated"),
        encrypted_name=place.text("encryptedName"),
        stable_id=place.text("id"),
        action=action_of(place, OF_PROPERTY),
    )


def _type(place: Place, path: str, reading: Reading) -> Typed:
    explicit = iceberg_type(place)
    if explicit and place.text("logicalType") in _NESTED_LOGICAL:
        if explicit.kind is not Kind.STRING:
            hint = "leave dativo.icebergType out, or give string to store JSON text"
            raise place.error("dativo.icebergType cannot hold a nested value", hint, "customProperties")
        return Type(Kind.JSON), ()
    if explicit:
        return explicit, ()
    logical, known = declared(place, reading)
    nested = _NESTED.get(logical)
    return nested(place, path, reading) if nested else scalar_type(place, logical, known, reading)


def _object(place: Place, path: str, reading: Reading) -> Typed:
    """An object without properties is JSON text: a struct without fields cannot be written."""
    members = fields_of(place, path, reading)
    return (Type(Kind.STRUCT, fields=members) if members else Type(Kind.JSON)), ()


def _array(place: Place, path: str, reading: Reading) -> Typed:
    element = place.child("items")
    if element is None:
        return Type(Kind.JSON), ()
    return Type(Kind.LIST, item=_field(element, "element", f"{path}[]", reading)), ()


def _map(place: Place, path: str, reading: Reading) -> Typed:
    block = place.child("map")
    key, value = (block.child("key"), block.child("value")) if block else (None, None)
    if key is None or value is None:
        raise place.error("a map does not say what it holds", "add `map: {key: …, value: …}`", "logicalType")
    key_field = _field(key, "key", f"{path}[]", reading)
    if key_field.type.kind in (Kind.STRUCT, Kind.LIST, Kind.MAP, Kind.JSON):
        raise key.error("a map's key is not a single value", "give the key a type such as string", "logicalType")
    if key_field.rules:
        reading.say(key, "rules of a map's key are not checked")
    return Type(Kind.MAP, key=key_field.type, item=_field(value, "value", f"{path}[]", reading)), ()


def _vector(place: Place, _path: str, _reading: Reading) -> Typed:
    options = options_of(place)
    dimensions = options.whole("dimensions") or 0
    if dimensions < 1:
        hint = "add `logicalTypeOptions: {dimensions: n}`"
        raise place.error("a vector does not say how many numbers it has", hint, "logicalType")
    element = Kind.DOUBLE if options.text("elementType") == "float64" else Kind.FLOAT
    exactly = (Implied(RuleKind.MIN_ITEMS, dimensions), Implied(RuleKind.MAX_ITEMS, dimensions))
    return Type(Kind.LIST, item=Field("element", Type(element), required=True)), exactly


_NESTED: dict[str, Callable[[Place, str, Reading], Typed]] = {
    "object": _object,
    "array": _array,
    "map": _map,
    "vector": _vector,
}

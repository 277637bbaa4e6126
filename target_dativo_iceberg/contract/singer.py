"""A Singer SCHEMA as evidence: what JSON each property carries, and, without a contract, the contract itself.

Reads the JSON Schema dialects that taps send: SDK taps (draft 7 and later), pipelinewise and singer-io taps
(draft 4: boolean `exclusiveMinimum`, `multipleOf` for decimals, `$ref` into `definitions`), `anyOf`/`oneOf`
with null, type lists, and no type at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Rule, RuleKind, Type
from target_dativo_iceberg.errors import InputError

ANY_JSON = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_DEPTH = 32
_MAX_DIGITS = 38
_FREE_SCALE = 18
_BOUNDS = {
    "minimum": RuleKind.MINIMUM,
    "maximum": RuleKind.MAXIMUM,
    "exclusiveMinimum": RuleKind.EXCLUSIVE_MINIMUM,
    "exclusiveMaximum": RuleKind.EXCLUSIVE_MAXIMUM,
}
_TEXT_FORMATS = {
    "date-time": Kind.TIMESTAMPTZ,
    "date": Kind.DATE,
    "time": Kind.TIME,
}


@dataclass(frozen=True, slots=True)
class Property:
    """What a SCHEMA says about one property.

    Attributes:
        json_types: the JSON types it may carry.
        node: its schema node, refs resolved.
        type: the type it would have if the SCHEMA were the contract.

    """

    json_types: frozenset[str]
    node: Mapping[str, Any]
    type: Type


def properties(stream: str, schema: Mapping[str, Any]) -> dict[str, Property]:
    """Return the properties of a SCHEMA message, by name.

    Raises:
        InputError: the schema has no `properties` object or a `$ref` that leads nowhere.

    """
    found = schema.get("properties")
    if not isinstance(found, Mapping):
        raise InputError(f"SCHEMA of stream '{stream}' has no 'properties' object", "mend the tap's catalog")
    return {
        name: Property(_json_types(node), node, _type(f"{stream}.{name}", node, 0))
        for name, node in ((str(n), _resolved(stream, schema, v, 0)) for n, v in found.items())
    }


def contract_of(stream: str, schema: Mapping[str, Any], keys: Sequence[str]) -> Contract:
    """Return the contract a SCHEMA amounts to: its types, keys and value rules.

    Raises:
        InputError: the schema cannot be read, a key is not one of its properties, or two properties differ only
            by case.

    """
    props = properties(stream, schema)
    missing = [k for k in keys if k not in props]
    if missing:
        raise InputError(f"SCHEMA of stream '{stream}' lacks its key properties {missing}", "mend the tap's catalog")
    required = set(keys) | _required(schema)
    fields = tuple(_field(f"{stream}.{n}", n, p.node, n in required, n in keys, 0) for n, p in props.items())
    return Contract(name=stream, fields=fields, primary_key=tuple(keys), inferred=True)


def _required(node: Mapping[str, Any]) -> set[str]:
    listed = node.get("required")
    return {str(n) for n in listed} if isinstance(listed, list) else set()


# ---- resolving ----


def _resolved(stream: str, root: Mapping[str, Any], node: Any, depth: int) -> Mapping[str, Any]:
    """Follow `$ref` and fold `anyOf`/`oneOf`/`allOf` of one shape and null into one node, recursively."""
    if not isinstance(node, Mapping) or depth > _DEPTH:
        return {}
    if "$ref" in node:
        return _resolved(stream, root, _pointer(stream, root, str(node["$ref"])), depth + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(node.get(word), list):
            parts = [_resolved(stream, root, part, depth + 1) for part in node[word]]
            rest = {k: v for k, v in node.items() if k != word}
            return _resolved(stream, root, {**rest, **_folded(parts, both=word == "allOf")}, depth + 1)
    out = dict(node)
    if isinstance(node.get("properties"), Mapping):
        out["properties"] = {n: _resolved(stream, root, p, depth + 1) for n, p in node["properties"].items()}
    if isinstance(node.get("items"), Mapping):
        out["items"] = _resolved(stream, root, node["items"], depth + 1)
    return out


def _pointer(stream: str, root: Mapping[str, Any], ref: str) -> Any:
    """Follow a local JSON pointer (RFC 6901); nothing is ever fetched."""
    node: Any = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not ref.startswith("#") or not isinstance(node, Mapping) or name not in node:
            raise InputError(f"SCHEMA of stream '{stream}' holds a '$ref' that leads nowhere", "mend the tap's catalog")
        node = node[name]
    return node


def _folded(parts: Sequence[Mapping[str, Any]], *, both: bool) -> dict[str, Any]:
    """One node for alternatives: their types together; the details only when one alternative has any."""
    solid = [p for p in parts if _json_types(p) != frozenset({"null"})]
    types = sorted({t for p in parts for t in _json_types(p)})
    if both:
        return {k: v for p in parts for k, v in p.items()}
    if len(solid) == 1:
        return {**solid[0], "type": types}
    dated = [p for p in solid if p.get("format") == "date-time"]
    if dated and all(_json_types(p) <= {"string", "null"} for p in solid):
        return {"type": types, **({"format": "date-time"} if len(dated) == len(solid) else {})}
    return {"type": types}


def _json_types(node: Mapping[str, Any]) -> frozenset[str]:
    declared = node.get("type")
    if isinstance(declared, str):
        return frozenset({declared})
    if isinstance(declared, list) and declared:
        return frozenset(str(t) for t in declared)
    if isinstance(node.get("properties"), Mapping):
        return frozenset({"object", "null"})
    if isinstance(node.get("enum"), list):
        return frozenset({"null", *(_json_type(v) for v in node["enum"])})
    return ANY_JSON


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, (float, Decimal)):
        return "number"
    return "string" if isinstance(value, str) else ("array" if isinstance(value, list) else "object")


# ---- types ----


def _field(path: str, name: str, node: Mapping[str, Any], required: bool, key: bool, depth: int) -> Field:
    type_ = _type(path, node, depth)
    nullable = "null" in _json_types(node)
    description = node.get("description")
    return Field(
        name=name,
        type=type_,
        required=key or (required and not nullable),
        rules=_rules(path, node, type_),
        description=description if isinstance(description, str) else "",
    )


def _type(path: str, node: Mapping[str, Any], depth: int) -> Type:
    kinds = _json_types(node) - {"null"}
    if kinds == {"object"} and node.get("properties") and depth < _DEPTH:
        required = _required(node)
        members = node["properties"].items()
        return Type(
            Kind.STRUCT,
            fields=tuple(_field(f"{path}.{n}", n, m, n in required, False, depth + 1) for n, m in members),
        )
    if kinds == {"array"} and isinstance(node.get("items"), Mapping) and node["items"]:
        return Type(Kind.LIST, item=_field(f"{path}[]", "element", node["items"], False, False, depth + 1))
    if kinds == {"boolean"}:
        return Type(Kind.BOOLEAN)
    if kinds == {"integer"}:
        return Type(Kind.INTEGER)
    if kinds and kinds <= {"integer", "number"}:
        return _number(node)
    if kinds == {"string"}:
        return _text(node)
    if kinds == {"string", "number"} and node.get("format") == "singer.decimal":
        return Type(Kind.DECIMAL, precision=_MAX_DIGITS, scale=_FREE_SCALE)
    return Type(Kind.JSON)


def _number(node: Mapping[str, Any]) -> Type:
    """Return double, or decimal(38, s) when `multipleOf` is 10**-s: how pipelinewise taps say NUMERIC."""
    step = _decimal(node.get("multipleOf"))
    if step is not None and step > 0 and step == Decimal(1).scaleb(step.adjusted()) and step.adjusted() <= 0:
        scale = -step.adjusted()
        most = _decimal(node.get("maximum"))
        if most is not None and most > 0 and most.adjusted() + 1 + scale > _MAX_DIGITS:
            # NUMERIC without limits, as some taps say it: what the SDK's singer.decimal holds.
            scale = min(scale, _FREE_SCALE)
        if scale <= _MAX_DIGITS:
            return Type(Kind.DECIMAL, precision=_MAX_DIGITS, scale=scale)
    return Type(Kind.DOUBLE)


def _text(node: Mapping[str, Any]) -> Type:
    format_ = node.get("format")
    if format_ == "singer.decimal":
        return Type(Kind.DECIMAL, precision=_MAX_DIGITS, scale=_FREE_SCALE)
    if node.get("contentEncoding") == "base64":
        return Type(Kind.BINARY)
    return Type(_TEXT_FORMATS.get(str(format_), Kind.STRING))


# ---- rules ----


def _rules(path: str, node: Mapping[str, Any], type_: Type) -> tuple[Rule, ...]:
    found: list[tuple[RuleKind, Any]] = []
    if type_.kind in (Kind.INTEGER, Kind.DOUBLE, Kind.DECIMAL):
        found += _bounds(node)
    if type_.kind is Kind.STRING:
        found += [(k, node[k.value]) for k in (RuleKind.MIN_LENGTH, RuleKind.MAX_LENGTH) if _whole(node.get(k.value))]
    if isinstance(node.get("enum"), list) and type_.kind in (Kind.STRING, Kind.INTEGER, Kind.BOOLEAN):
        allowed = tuple(v for v in node["enum"] if v is not None)
        if allowed and all(_json_type(v) == _JSON_OF[type_.kind] for v in allowed):
            found.append((RuleKind.ENUM, allowed))
    return tuple(Rule(f"{path}.{kind.value}", kind, argument) for kind, argument in found)


_JSON_OF = {Kind.STRING: "string", Kind.INTEGER: "integer", Kind.BOOLEAN: "boolean"}


def _bounds(node: Mapping[str, Any]) -> list[tuple[RuleKind, Any]]:
    """Numeric bounds; a draft-4 `exclusiveMinimum: true` makes its `minimum` exclusive."""
    found = []
    for word, kind in _BOUNDS.items():
        exclusive = f"exclusive{word.capitalize()}"
        bound = _decimal(node.get(word))
        if bound is not None:
            found.append((_BOUNDS[exclusive] if node.get(exclusive) is True else kind, bound))
    return found


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

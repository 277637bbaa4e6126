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
from target_dativo_iceberg.contract.patterns import PatternError, re2_pattern
from target_dativo_iceberg.contract.singer_nodes import (
    ANY_JSON,
    DEPTH,
    Node,
    Resolver,
    allowed_values,
    json_type,
    json_types,
)
from target_dativo_iceberg.errors import InputError

_MAX_DIGITS = 38
# Scale up to which a decimal leaves enough digits before the point, when the SCHEMA does not bound them.
_MAX_SCALE = 30
# Of a decimal without limits.
_FREE_SCALE = 18
_INT64 = (-(2**63), 2**63 - 1)
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
_NUMBERS = frozenset({Kind.INTEGER, Kind.DOUBLE, Kind.DECIMAL})


@dataclass(frozen=True, slots=True)
class Property:
    """What a SCHEMA says about one property.

    Attributes:
        json_types: the JSON types it may carry.
        node: its schema node, resolved.
        type: the type it would have if the SCHEMA were the contract.

    """

    json_types: frozenset[str]
    node: Node
    type: Type


def properties(stream: str, schema: Mapping[str, Any]) -> dict[str, Property]:
    """Return the properties of a SCHEMA message, by name.

    Raises:
        InputError: the schema has no `properties` object or a `$ref` that leads nowhere.

    """
    return _properties(_resolved(stream, schema))


def _resolved(stream: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    root = Resolver(stream, schema).resolve(schema)
    if not isinstance(root.get("properties"), Mapping):
        raise InputError(f"SCHEMA of stream '{stream}' has no 'properties' object", "mend the tap's catalog")
    return root


def _properties(root: Node) -> dict[str, Property]:
    return {name: Property(json_types(node), node, _type(name, node, 0)) for name, node in root["properties"].items()}


def contract_of(stream: str, schema: Mapping[str, Any], keys: Sequence[str]) -> Contract:
    """Return the contract a SCHEMA amounts to: its types, keys and value rules.

    Raises:
        InputError: the schema cannot be read, a property has no name, or a key is not one of the properties.

    """
    root = _resolved(stream, schema)
    props = root["properties"]
    missing = [k for k in keys if k not in props]
    if missing:
        raise InputError(f"SCHEMA of stream '{stream}' lacks its key properties {missing}", "mend the tap's catalog")
    required = set(keys) | _required(root)
    fields = [_field(f"{stream}.{n}", n, p, 0, required=n in required, key=n in keys) for n, p in props.items()]
    return Contract(name=stream, fields=tuple(fields), primary_key=tuple(keys), inferred=True, keys_repeat=True)


def _required(node: Node) -> set[str]:
    listed = node.get("required")
    return {str(n) for n in listed} if isinstance(listed, list) else set()


# ---- types ----


def _field(path: str, name: str, node: Node, depth: int, *, required: bool = False, key: bool = False) -> Field:
    if not name:
        raise InputError(f"the SCHEMA has a property without a name at '{path}'", "deselect it in the tap's catalog")
    type_ = _type(path, node, depth)
    description = node.get("description")
    return Field(
        name=name,
        type=type_,
        required=key or (required and "null" not in json_types(node)),
        rules=tuple(Rule(f"{path}.{kind.value}", kind, argument) for kind, argument in _rules(node, type_)),
        description=description if isinstance(description, str) else "",
    )


def _type(path: str, node: Node, depth: int) -> Type:
    kinds = json_types(node) - {"null"}
    if kinds == {"object"}:
        return _object(path, node, depth)
    if kinds == {"array"} and isinstance(node.get("items"), Mapping) and node["items"]:
        return Type(Kind.LIST, item=_field(f"{path}[]", "element", node["items"], depth + 1))
    if kinds == {"boolean"}:
        return Type(Kind.BOOLEAN)
    if kinds and kinds <= {"integer", "number"}:
        return _number(node) if "number" in kinds else _integer(node)
    if node.get("format") == "singer.decimal" and kinds <= {"string", "number", "integer"}:
        return _singer_decimal(node)
    return _text(node) if kinds == {"string"} else Type(Kind.JSON)


def _object(path: str, node: Node, depth: int) -> Type:
    """Return a struct of the declared members; when others are declared to come too, JSON text, which loses none."""
    members = node.get("properties")
    open_ = bool(node.get("patternProperties")) or isinstance(node.get("additionalProperties"), Mapping)
    if not members or (open_ and node.get("additionalProperties") != {}) or depth >= DEPTH:
        return Type(Kind.JSON)
    required = _required(node)
    fields = [_field(f"{path}.{n}", n, m, depth + 1, required=n in required) for n, m in members.items()]
    return Type(Kind.STRUCT, fields=tuple(fields))


def _integer(node: Node) -> Type:
    """Return a 64-bit integer, or a decimal when the bounds go beyond (an unsigned bigint)."""
    bounds = [b for b in (_decimal(node.get(word)) for word in _BOUNDS) if b is not None]
    digits = max((len(str(abs(int(b)))) for b in bounds if abs(b) < 10**_MAX_DIGITS), default=0)
    if any(not _INT64[0] <= b <= _INT64[1] for b in bounds) and digits > 18:
        return Type(Kind.DECIMAL, precision=digits, scale=0)
    return Type(Kind.INTEGER)


def _number(node: Node) -> Type:
    """Return double, or the decimal that `multipleOf` asks for: how pipelinewise taps say NUMERIC(p, s).

    Bounds that leave more digits than a decimal has are how they say NUMERIC without limits; it becomes what the SDK's
    `singer.decimal` is.
    """
    step = _decimal(node.get("multipleOf"))
    if step is None or step <= 0:
        return Type(Kind.DOUBLE, assumed=True)
    scale = max(0, -int(step.normalize().as_tuple().exponent))
    sides = [_digits_before_point(node, word) for word in ("minimum", "maximum")]
    largest = _MAX_SCALE if None in sides else _MAX_DIGITS - max(s for s in sides if s is not None)
    return Type(Kind.DECIMAL, precision=_MAX_DIGITS, scale=scale if scale <= largest else min(scale, _FREE_SCALE))


def _digits_before_point(node: Node, word: str) -> int | None:
    """Digits that a bound leaves before the point, or None when there is no such bound."""
    inclusive, exclusive = _decimal(node.get(word)), node.get(_exclusive(word))
    bound = _decimal(exclusive) if inclusive is None else inclusive
    if not bound:
        return bound if bound is None else 0
    is_power = bound.normalize().as_tuple().digits == (1,)
    return max(0, bound.adjusted() + (0 if is_power and (inclusive is None or exclusive is True) else 1))


def _singer_decimal(node: Node) -> Type:
    """Return the decimal of format `singer.decimal`; its digits, if they are told, are no JSON Schema words."""
    told = [node[word] for word in ("precision", "scale") if _whole(node.get(word))]
    if len(told) == 2 and 0 < told[0] <= _MAX_DIGITS and told[1] <= told[0]:
        return Type(Kind.DECIMAL, precision=told[0], scale=told[1])
    return Type(Kind.DECIMAL, precision=_MAX_DIGITS, scale=_FREE_SCALE)


def _text(node: Node) -> Type:
    if node.get("contentEncoding") == "base64":
        return Type(Kind.BINARY)
    return Type(_TEXT_FORMATS.get(str(node.get("format")), Kind.STRING))


# ---- rules ----


def _rules(node: Node, type_: Type) -> list[tuple[RuleKind, Any]]:
    found: list[tuple[RuleKind, Any]] = []
    if type_.kind in _NUMBERS:
        found += _bounds(node) + _multiple_of(node, type_)
    for kind in _LENGTHS.get(type_.kind, ()):
        if _whole(node.get(kind.value)):
            found.append((kind, node[kind.value]))
    if type_.kind is Kind.STRING and isinstance(node.get("pattern"), str):
        found += _pattern(node["pattern"])
    if type_.kind is Kind.LIST and node.get("uniqueItems") is True:
        found.append((RuleKind.UNIQUE_ITEMS, True))
    allowed = [v for v in allowed_values(node) or () if json_type(v) in _JSON_OF.get(type_.kind, ())]
    return [*found, (RuleKind.ENUM, tuple(allowed))] if allowed else found


def _pattern(text: str) -> list[tuple[RuleKind, Any]]:
    """Return the rule of a pattern that RE2 can run; of another there is none, since a SCHEMA is only evidence."""
    try:
        return [(RuleKind.PATTERN, re2_pattern(text))]
    except PatternError:
        return []


_LENGTHS = {
    Kind.STRING: (RuleKind.MIN_LENGTH, RuleKind.MAX_LENGTH),
    Kind.LIST: (RuleKind.MIN_ITEMS, RuleKind.MAX_ITEMS),
}
_JSON_OF = {
    Kind.STRING: ("string",),
    Kind.BOOLEAN: ("boolean",),
    Kind.INTEGER: ("integer",),
    Kind.DOUBLE: ("integer", "number"),
    Kind.DECIMAL: ("integer", "number"),
}


def _exclusive(word: str) -> str:
    return f"exclusive{word.capitalize()}"


def _bounds(node: Node) -> list[tuple[RuleKind, Any]]:
    """Numeric bounds; a draft-4 `exclusiveMinimum: true` makes its `minimum` exclusive."""
    found = []
    for word, kind in _BOUNDS.items():
        bound = _decimal(node.get(word))
        if bound is not None:
            found.append((_BOUNDS[_exclusive(word)] if node.get(_exclusive(word)) is True else kind, bound))
    return found


def _multiple_of(node: Node, type_: Type) -> list[tuple[RuleKind, Any]]:
    """A step that the type does not hold values to by itself."""
    step = _decimal(node.get("multipleOf"))
    if type_.kind is Kind.DOUBLE or step is None or step <= 0 or step == Decimal(1).scaleb(-type_.scale):
        return []
    return [(RuleKind.MULTIPLE_OF, step)]


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


__all__ = ["ANY_JSON", "Property", "contract_of", "json_types", "properties"]

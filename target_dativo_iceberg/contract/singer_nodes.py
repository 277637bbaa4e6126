"""The JSON Schema dialects of taps brought to one: no references, no alternatives, each node for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from target_dativo_iceberg.errors import InputError

ANY_JSON = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
DEPTH = 32
# No tap's stream has as many properties; definitions that refer to others twice each reach it in a few lines.
_LARGEST = 50_000
_NULL = frozenset({"null"})

Node = Mapping[str, Any]


class Resolver:
    """Resolves the nodes of one SCHEMA.

    Args:
        stream: its name, for messages.
        root: the schema, in which references are looked up; nothing is ever fetched.

    """

    def __init__(self, stream: str, root: Node) -> None:
        self._stream = stream
        self._root = root
        self._count = 0

    def resolve(self, node: Any, depth: int = 0, above: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Follow `$ref`, merge `allOf`, fold `anyOf` and `oneOf`, recursively.

        A reference to a definition that it is part of, and what lies too deep, becomes `{}`: any JSON.

        Args:
            node: a schema; `true`, `false` and what is no schema at all say nothing.
            depth: of the node.
            above: references that are being followed.

        Raises:
            InputError: a reference leads nowhere, or the schema is too large once all are followed.

        """
        self._count += 1
        if self._count > _LARGEST:
            raise InputError(f"SCHEMA of stream '{self._stream}' is too large", "mend the tap's catalog")
        if not isinstance(node, Mapping) or depth > DEPTH:
            return {}
        parts = [self._plain(node, depth, above)]
        if "$ref" in node:
            parts.append(self._referred(str(node["$ref"]), depth, above))
        if isinstance(node.get("allOf"), list):
            parts += [self.resolve(part, depth + 1, above) for part in node["allOf"]]
        for word in ("anyOf", "oneOf"):
            if isinstance(node.get(word), list):
                parts.append(_folded([self.resolve(part, depth + 1, above) for part in node[word]]))
        merged: dict[str, Any] = {}
        for part in parts:
            merged = _merged(merged, part)
        return merged

    def _plain(self, node: Node, depth: int, above: frozenset[str]) -> dict[str, Any]:
        out = {k: v for k, v in node.items() if k not in ("$ref", "allOf", "anyOf", "oneOf", "definitions", "$defs")}
        if isinstance(node.get("properties"), Mapping):
            out["properties"] = {str(n): self.resolve(p, depth + 1, above) for n, p in node["properties"].items()}
        if isinstance(node.get("items"), Mapping):
            out["items"] = self.resolve(node["items"], depth + 1, above)
        return out

    def _referred(self, reference: str, depth: int, above: frozenset[str]) -> dict[str, Any]:
        if reference in above:
            return {}
        return self.resolve(self._target(reference), depth + 1, above | {reference})

    def _target(self, reference: str) -> Any:
        """Follow a local JSON pointer (RFC 6901)."""
        node: Any = self._root
        parts = unquote(reference).removeprefix("#").split("/")[1:]
        for part in parts:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            elif isinstance(node, Mapping) and name in node:
                node = node[name]
            else:
                raise self._nowhere()
        if not reference.startswith("#") or (not parts and reference != "#"):
            raise self._nowhere()
        return node

    def _nowhere(self) -> InputError:
        return InputError(
            f"SCHEMA of stream '{self._stream}' holds a '$ref' that leads nowhere", "mend the tap's catalog"
        )


def _folded(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One node for alternatives: their types together, and what all of them say that are not null alone."""
    types = [stated_types(p) for p in parts]
    if not parts or any(t is None for t in types):
        return {}
    solid = [p for p, t in zip(parts, types, strict=True) if t != _NULL]
    shared = {k: v for k, v in solid[0].items() if all(p.get(k) == v for p in solid)} if solid else {}
    return {**shared, "type": sorted(frozenset().union(*(t for t in types if t)))}


def _merged(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """One node for two that both hold; where they contradict each other the right one holds."""
    out = left | right
    types = [t for t in (stated_types(left), stated_types(right)) if t is not None]
    if len(types) == 2:
        out["type"] = sorted(types[0] & types[1] or types[1])
    if "properties" in left and "properties" in right:
        names = [*left["properties"], *(n for n in right["properties"] if n not in left["properties"])]
        pairs = {n: [p["properties"][n] for p in (left, right) if n in p["properties"]] for n in names}
        out["properties"] = {n: _merged(*found) if len(found) == 2 else found[0] for n, found in pairs.items()}
    if isinstance(left.get("required"), list) and isinstance(right.get("required"), list):
        out["required"] = [*left["required"], *right["required"]]
    return out


# ---- types ----


def json_types(node: Node) -> frozenset[str]:
    """Return the JSON types a resolved node allows; all of them when it does not say."""
    stated = stated_types(node)
    return ANY_JSON if stated is None else stated


def stated_types(node: Node) -> frozenset[str] | None:
    """Return the JSON types a resolved node states, or None."""
    declared = node.get("type")
    if isinstance(declared, str):
        return frozenset({declared})
    if isinstance(declared, list) and declared:
        return frozenset(str(t) for t in declared)
    if isinstance(node.get("properties"), Mapping):
        return frozenset({"object", "null"})
    allowed = allowed_values(node)
    return None if allowed is None else frozenset({"null", *(json_type(v) for v in allowed)})


def allowed_values(node: Node) -> list[Any] | None:
    """Return the values that `enum` or `const` allow, or None."""
    if "const" in node:
        return [node["const"]]
    listed = node.get("enum")
    return listed if isinstance(listed, list) else None


def json_type(value: Any) -> str:
    """Return the JSON type of a decoded value; of a whole number `integer`."""
    return next((name for types, name in _TYPE_NAMES if isinstance(value, types)), "null")


_TYPE_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    ((float, Decimal), "number"),
    (str, "string"),
    (list, "array"),
    (Mapping, "object"),
)

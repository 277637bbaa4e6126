"""Selected columns: which members of a row go on, without a look into the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder, encode

Path = tuple[str, ...]
Mask = dict[str, "Mask | None"]
"""The members that are kept; None where a member is kept whole."""

_decode = Decoder(dict[str, Raw]).decode


def select(
    schema: Mapping[str, Any], metadata: Mapping[Path, Mapping[str, Any]], path: Path = ()
) -> tuple[dict[str, Any], Mask | None]:
    """Return the schema of what is selected, and a mask, None if that is everything.

    A member goes by its own `selected`, then `selected-by-default`, then its parent's; key columns are `automatic`.
    Items of arrays are kept whole.
    """
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return dict(schema), None
    kept: dict[str, Any] = {}
    mask: Mask = {}
    for name, node in properties.items():
        place = (*path, "properties", name)
        if not _selected(metadata.get(place, {})):
            continue
        kept[name], mask[name] = select(node, metadata, place) if isinstance(node, Mapping) else (node, None)
    if len(kept) == len(properties) and all(inner is None for inner in mask.values()):
        return dict(schema), None
    required = schema.get("required")
    narrowed = dict(schema) | {"properties": kept}
    if isinstance(required, list):
        narrowed["required"] = [name for name in required if name in kept]
    return narrowed, mask


def prune(data: Raw | bytes, mask: Mask) -> bytes:
    """Return the JSON object `data` with only the members of the mask, their values exactly as they came."""
    kept: dict[str, Raw] = {}
    for name, value in _decode(data).items():
        if name in mask:
            inner = mask[name]
            is_object = bytes(value)[:1] == b"{"
            kept[name] = Raw(prune(value, inner)) if inner is not None and is_object else value
    return encode(kept)


def _selected(metadata: Mapping[str, Any]) -> bool:
    inclusion = metadata.get("inclusion", "available")
    if inclusion != "available":
        return bool(inclusion == "automatic")
    explicit = metadata.get("selected")
    return bool(metadata.get("selected-by-default", True) if explicit is None else explicit)

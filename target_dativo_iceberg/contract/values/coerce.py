"""One record at a time: the reader that explains.

Decides what the whole-column casts were not sure of, with every reason by JSON path. A record that the
fast path accepts reads to the same values here (a property test holds the two together).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from target_dativo_iceberg.contract.findings import Findings, Violation, member, unknown
from target_dativo_iceberg.contract.json_text import (
    MAX_DEPTH,
    NonFinite,
    NotJsonError,
    Repeated,
    Text,
    decode,
    depth_of,
)
from target_dativo_iceberg.contract.model import Field, Kind, Type
from target_dativo_iceberg.contract.values import scalars


def typed(value: Any, type_: Type, path: str, found: Findings, text: Text) -> Any:
    """Return a decoded JSON value as the Python value of a contract type, or None with a violation noted.

    Args:
        value: as `decode` gave it; not None.
        type_: the contract type.
        path: JSON path of the value.
        found: collects violations.
        text: the JSON text of the value, for columns that keep it.

    """
    return _READERS[type_.kind](value, type_, path, found, text)


def members(
    record: Mapping[str, Any], fields: Iterable[Field], path: str, found: Findings, text: Text
) -> dict[str, Any]:
    """Read the fields of an object; members that the contract does not name are noted in `found.unknown`."""
    out: dict[str, Any] = {}
    known = set()
    twice = record.names() if isinstance(record, Repeated) else set()
    for f in fields:
        known.add(f.name)
        here = member(path, f.name)
        if path == "$":
            found.column = f.name
        value = record.get(f.name)
        if f.name in twice:
            found.wrong(here, "expected one member of this name, got more")
        elif value is not None:
            out[f.name] = typed(value, f.type, here, found, text.part(f.name))
        elif f.required and path != "$":  # of a column it is a rule of the batch
            found.missing(here)
    found.unknown.update(unknown(path, n) for n, v in record.items() if n not in known and v is not None)
    return out


# ---- nested ----


def _struct(value: Any, type_: Type, path: str, found: Findings, text: Text) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        found.type(path, "an object", value)
        return None
    return members(value, type_.fields, path, found, text)


def _list(value: Any, type_: Type, path: str, found: Findings, text: Text) -> list[Any] | None:
    assert type_.item is not None
    if not isinstance(value, list):
        found.type(path, "an array", value)
        return None
    return [_element(v, type_.item, f"{path}[{i}]", found, text.part(i)) for i, v in enumerate(value)]


def _element(value: Any, item: Field, path: str, found: Findings, text: Text) -> Any:
    if value is not None:
        return typed(value, item.type, path, found, text)
    if item.required:
        found.missing(path)
    return None


def _map(value: Any, type_: Type, path: str, found: Findings, text: Text) -> list[tuple[Any, Any]] | None:
    assert type_.item is not None
    assert type_.key is not None
    if not isinstance(value, dict):
        found.type(path, "an object", value)
        return None
    here = f"{path}.*"
    # JSON has no keys but texts: that one is read as a number is no conversion to be counted.
    of_keys = Findings(violations=found.violations)
    keys = [typed(key, type_.key, here, of_keys, text) for key in value]
    if None in keys:
        return None
    if isinstance(value, Repeated) or len(set(keys)) != len(keys):
        found.wrong(path, "expected distinct keys, got one twice")
        return None
    return [
        (k, _element(v, type_.item, here, found, text.part(n))) for k, (n, v) in zip(keys, value.items(), strict=True)
    ]


def _json(value: Any, type_: Type, path: str, found: Findings, text: Text) -> str | None:
    """Text stays as it is; everything else is kept as the JSON text that came."""
    if isinstance(value, (str, bytes)):
        return scalars.text_of(value, type_, path, found, text)
    if depth_of(text.cut()) > MAX_DEPTH:
        found.wrong(path, f"expected JSON of at most {MAX_DEPTH} levels, got more")
    elif _holds_non_finite(value):
        found.type(path, "JSON", NonFinite())
    else:
        return text.cut()
    return None


def _holds_non_finite(value: Any) -> bool:
    """Look for NaN and infinities anywhere in a value, however deep."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, NonFinite):
            return True
        if isinstance(one, Repeated):
            left.extend(value for _, value in one.pairs)
        elif isinstance(one, (dict, list)):
            left.extend(one.values() if isinstance(one, dict) else one)
    return False


_READERS: dict[Kind, Callable[[Any, Type, str, Findings, Text], Any]] = {
    Kind.STRING: scalars.text_of,
    Kind.INTEGER: scalars.integer_of,
    Kind.FLOAT: scalars.double_of,
    Kind.DOUBLE: scalars.double_of,
    Kind.DECIMAL: scalars.decimal_of,
    Kind.BOOLEAN: scalars.boolean_of,
    Kind.DATE: scalars.date_of,
    Kind.TIME: scalars.time_of,
    Kind.TIMESTAMP: scalars.timestamp_of,
    Kind.TIMESTAMPTZ: scalars.timestamptz_of,
    Kind.UUID: scalars.uuid_of,
    Kind.BINARY: scalars.bytes_of,
    Kind.FIXED: scalars.bytes_of,
    Kind.STRUCT: _struct,
    Kind.LIST: _list,
    Kind.MAP: _map,
    Kind.JSON: _json,
}

__all__ = ["Findings", "NotJsonError", "Violation", "decode", "members", "typed"]

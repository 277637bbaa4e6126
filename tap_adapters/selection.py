"""What is read of a stream, as Meltano's `select` patterns; and those patterns applied to a Singer catalog."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

Catalog = dict[str, Any]

_WILD = re.compile(r"([*?\[])")
_DOT = re.compile(r"(?<!\\)\.")


def patterns(
    stream: str, columns: Iterable[str], always: Iterable[str] = (), *, nested: bool = False
) -> tuple[str, ...]:
    """Return the patterns that select columns of a stream, and those it is never without; no columns mean all.

    Meltano deselects members of an object that no pattern names; `nested` says that the stream has such columns.
    """
    chosen = list(dict.fromkeys(columns))
    name = _literal(stream).replace(".", r"\.")
    if not chosen:
        return (f"{name}.*",)
    found = []
    for column in dict.fromkeys([*always, *chosen]):
        # Meltano takes every dot in a column for a step into it, so that only a wildcard can stand for one
        one = _literal(column).replace(".", "?")
        found += [f"{name}.{one}", f"{name}.{one}.*"] if nested else [f"{name}.{one}"]
    return tuple(found)


def applied(catalog: Mapping[str, Any], select: Iterable[str], metadata: Mapping[str, Mapping[str, Any]]) -> Catalog:
    """Return a copy of a catalog with the patterns and metadata applied as Meltano does, for a tap run without it."""
    parsed = [_DOT.split(pattern, maxsplit=1) for pattern in select]
    rules = [(stream.replace(r"\.", "."), column) for stream, column in parsed]
    found: Catalog = copy.deepcopy(dict(catalog))
    for stream in found["streams"]:
        name = stream["tap_stream_id"]
        columns = [column for pattern, column in rules if fnmatchcase(name, pattern)]
        for entry in stream["metadata"]:
            _select(entry["breadcrumb"], entry["metadata"], columns)
        root = next(entry["metadata"] for entry in stream["metadata"] if not entry["breadcrumb"])
        for pattern, values in metadata.items():
            root.update(values if fnmatchcase(name, pattern) else {})
        stream["selected"] = bool(columns)
    return found


def _select(breadcrumb: list[str], entry: dict[str, Any], columns: list[str]) -> None:
    path = ".".join(breadcrumb[1::2])
    chosen = any(fnmatchcase(path, column) or column.startswith(f"{path}.") for column in columns)
    wanted = chosen if breadcrumb else bool(columns)
    entry["selected"] = wanted and entry.get("inclusion") != "unsupported"


def _literal(name: str) -> str:
    return _WILD.sub(r"[\1]", name)

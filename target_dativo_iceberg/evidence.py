"""What a tap will send, before it sends it: SCHEMA messages out of a Singer catalog, or from a pipe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.messages import Schema


def from_catalog(path: str) -> list[Schema]:
    """Return the SCHEMA messages that the selected streams of a Singer catalog stand for.

    A stream's or property's selection is read as the Singer SDK reads it. A catalog in which no stream is selected
    is what a tap discovered: it stands for all its streams.

    Raises:
        InputError: the file cannot be read or is not a Singer catalog.

    """
    streams = _streams(path)
    try:
        masks = [_selection(stream) for stream in streams]
        whole = not any(mask[()] for mask in masks)
        return [_schema(s, None if whole else m) for s, m in zip(streams, masks, strict=True) if whole or m[()]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _not_a_catalog(path) from None


def _streams(path: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"catalog file '{path}' cannot be read ({error.strerror})", "check --catalog-file") from None
    except (ValueError, RecursionError):
        raise _not_a_catalog(path) from None
    streams = found.get("streams") if isinstance(found, dict) else None
    if not isinstance(streams, list) or not all(isinstance(s, dict) for s in streams):
        raise _not_a_catalog(path)
    return streams


def _not_a_catalog(path: str) -> InputError:
    return InputError(f"file '{path}' is not a Singer catalog", "make one with the tap's --discover")


def _selection(stream: Mapping[str, Any]) -> Mapping[tuple[str, ...], bool]:
    from singer_sdk.singerlib.catalog import MetadataMapping  # noqa: PLC0415 - heavy

    return MetadataMapping.from_iterable(stream.get("metadata") or []).resolve_selection()


def _schema(stream: Mapping[str, Any], mask: Mapping[tuple[str, ...], bool] | None) -> Schema:
    """Return a stream's SCHEMA; with no mask everything is selected."""
    root: dict[str, Any] = next((m["metadata"] for m in stream.get("metadata") or [] if not m["breadcrumb"]), {})
    keys = stream.get("key_properties") or root.get("table-key-properties") or ()
    name = stream.get("stream") or stream["tap_stream_id"]
    schema = dict(stream["schema"])
    return Schema(str(name), schema if mask is None else _pruned(schema, (), mask), tuple(map(str, keys)))


def _pruned(node: dict[str, Any], at: tuple[str, ...], mask: Mapping[tuple[str, ...], bool]) -> dict[str, Any]:
    properties = node.get("properties")
    if not isinstance(properties, dict):
        return node
    kept = {n: p for n, p in properties.items() if mask[(*at, "properties", n)]}
    return {**node, "properties": {n: _pruned(p, (*at, "properties", n), mask) for n, p in kept.items()}}


def from_messages(source: Iterable[bytes]) -> list[Schema]:
    """Return the last SCHEMA of each stream among Singer messages; all others are passed over.

    Raises:
        InputError: a SCHEMA cannot be read, or there is none.

    """
    found: dict[str, Schema] = {}
    for number, line in enumerate(source, 1):
        # Only a line that has the word can be a SCHEMA; records are not parsed.
        if b'"SCHEMA"' in line and (message := _message(line, number)) is not None:
            found[message.stream] = message
    if not found:
        raise InputError("standard input holds no SCHEMA", "pipe a tap into this command")
    return list(found.values())


def _message(line: bytes, number: int) -> Schema | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(f"line {number}: not JSON", "mend the tap") from None
    if not isinstance(value, dict) or value.get("type") != "SCHEMA":
        return None
    stream, schema, keys = value.get("stream"), value.get("schema"), value.get("key_properties") or []
    if not isinstance(stream, str) or not isinstance(schema, dict) or not isinstance(keys, list):
        raise InputError(f"line {number}: SCHEMA without 'stream' or 'schema'", "mend the tap")
    return Schema(stream, schema, tuple(map(str, keys)))

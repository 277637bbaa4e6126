"""From the source's streams to a Singer catalog, and back to the catalog that says what to read and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tap_adapters.airbyte.columns import Mask, Path, select
from tap_adapters.airbyte.protocol import FULL_REFRESH, INCREMENTAL, Descriptor
from tap_adapters.airbyte.settings import StreamDefaults
from tap_adapters.common.checking import check_known
from tap_adapters.common.errors import SettingsError

FACTS = "airbyte-stream"
"""Metadata of a stream that keeps what the source said of it, so that a run needs no second discovery."""

_METHODS = {"INCREMENTAL": INCREMENTAL, "LOG_BASED": INCREMENTAL, "FULL_TABLE": FULL_REFRESH}
_NO_DEFAULTS = StreamDefaults()


class Facts(msgspec.Struct, frozen=True):
    """What a source says of one of its streams; members not named here are kept in the catalog all the same."""

    name: str
    namespace: str | None = None
    supported_sync_modes: list[str] | None = None
    source_defined_cursor: bool | None = None
    default_cursor_field: list[str] | None = None
    source_defined_primary_key: list[list[str]] | None = None

    @property
    def id(self) -> str:
        """The name of the Singer stream."""
        return stream_id(Descriptor(self.name, self.namespace))

    @property
    def modes(self) -> list[str]:
        """The sync modes there are; a source that names none reads everything each time."""
        return self.supported_sync_modes or [FULL_REFRESH]


class Entry(msgspec.Struct):
    """A stream of the file given to `--catalog`."""

    tap_stream_id: str
    schema: dict[str, Any]
    metadata: list[dict[str, Any]] = []
    key_properties: list[str] | None = None


class Given(msgspec.Struct):
    """The file given to `--catalog`."""

    streams: list[Entry]


@dataclass(frozen=True, slots=True)
class Selected:
    """A stream to be read.

    Attributes:
        id: name of the Singer stream.
        descriptor: what the source calls it.
        schema: JSON schema of the selected columns.
        mask: what to keep of a row; None for all of it.
        keys: columns that identify a row.
        mode: sync mode.
        cursor: path of the cursor; empty where the source needs none.
        facts: what the source said of it.

    """

    id: str
    descriptor: Descriptor
    schema: Mapping[str, Any]
    mask: Mask | None
    keys: Sequence[str]
    mode: str
    cursor: Sequence[str]
    facts: Mapping[str, Any]

    @property
    def schema_message(self) -> dict[str, Any]:
        """The Singer SCHEMA."""
        message = {"type": "SCHEMA", "stream": self.id, "schema": self.schema, "key_properties": list(self.keys)}
        if self.mode == INCREMENTAL and len(self.cursor) == 1:
            message["bookmark_properties"] = list(self.cursor)
        return message

    @property
    def configured(self) -> dict[str, Any]:
        """The stream's entry in the catalog for the source."""
        return {
            "stream": {**self.facts, "json_schema": self.schema},
            "sync_mode": self.mode,
            "destination_sync_mode": "append",
            "cursor_field": list(self.cursor),
            "primary_key": [[key] for key in self.keys],
        }


def stream_id(descriptor: Descriptor) -> str:
    """Return the name of the Singer stream: with a namespace, both joined by a dash, as database taps have it."""
    return f"{descriptor.namespace}-{descriptor.name}" if descriptor.namespace else descriptor.name


def singer_catalog(streams: Sequence[Mapping[str, Any]], defaults: Mapping[str, StreamDefaults]) -> dict[str, Any]:
    """Return the Singer catalog of a source's streams; SettingsError if `defaults` do not fit them."""
    entries = [_entry(stream, defaults) for stream in streams]
    check_known(defaults, [entry["tap_stream_id"] for entry in entries], "streams.")
    return {"streams": entries}


def selected_streams(catalog: Given) -> list[Selected]:
    """Return the streams that a catalog selects; SettingsError if it wants of one what the source cannot do."""
    found = (_selected(entry) for entry in catalog.streams)
    return [stream for stream in found if stream]


def facts_missing(catalog: Given) -> bool:
    """Tell whether the catalog was not written by our discovery, so that the source must be asked again."""
    return any(FACTS not in _metadata(entry).get((), {}) for entry in catalog.streams)


def with_facts(catalog: Given, discovered: Mapping[str, Any]) -> Given:
    """Return the catalog with the facts of a discovery in its streams' metadata."""
    known = msgspec.convert(discovered, Given).streams
    facts = {entry.tap_stream_id: _metadata(entry)[()][FACTS] for entry in known}
    for entry in catalog.streams:
        if entry.tap_stream_id not in facts:
            raise SettingsError(f"Option --catalog: the source has no stream '{entry.tap_stream_id}'; discover anew.")
        top = _metadata(entry).get((), {})
        rest = [item for item in entry.metadata if item.get("breadcrumb")]
        entry.metadata = [{"breadcrumb": [], "metadata": {**top, FACTS: facts[entry.tap_stream_id]}}, *rest]
    return catalog


def _entry(stream: Mapping[str, Any], all_defaults: Mapping[str, StreamDefaults]) -> dict[str, Any]:
    facts = {name: value for name, value in stream.items() if name != "json_schema"}
    known = msgspec.convert(facts, Facts)
    defaults = all_defaults.get(known.id, _NO_DEFAULTS)
    schema = {"type": "object", "properties": {}} | _singer_schema(stream.get("json_schema") or {})
    keys = defaults.primary_key or _keys(known)
    mode, cursor = _default_mode(known, defaults)
    method = "INCREMENTAL" if mode == INCREMENTAL else "FULL_TABLE"
    top: dict[str, Any] = {
        "inclusion": "available",
        "selected-by-default": True,
        "table-key-properties": keys,
        "replication-method": method,
        FACTS: facts,
    }
    if len(known.modes) == 1:
        top["forced-replication-method"] = method
    if known.default_cursor_field and len(known.default_cursor_field) == 1:
        top["valid-replication-keys"] = known.default_cursor_field
    entry = {"tap_stream_id": known.id, "stream": known.id, "schema": schema, "key_properties": keys}
    automatic = {("properties", name) for name in keys}
    if mode == INCREMENTAL and len(cursor) == 1:
        top["replication-key"] = entry["replication_key"] = cursor[0]
        automatic.add(("properties", cursor[0]))
    columns = [
        {"breadcrumb": list(path), "metadata": {"inclusion": "automatic" if path in automatic else "available"}}
        for path in _paths(schema)
    ]
    return entry | {"replication_method": method, "metadata": [{"breadcrumb": [], "metadata": top}, *columns]}


def _keys(known: Facts) -> list[str]:
    """The source's key, unless it lies inside an object, where no column can be the key."""
    keys = known.source_defined_primary_key or []
    return [path[0] for path in keys] if all(len(path) == 1 for path in keys) else []


def _default_mode(known: Facts, defaults: StreamDefaults) -> tuple[str, list[str]]:
    cursor = [defaults.cursor_field] if defaults.cursor_field else known.default_cursor_field or []
    can = INCREMENTAL in known.modes and bool(cursor or known.source_defined_cursor)
    mode = defaults.sync_mode or (INCREMENTAL if can or FULL_REFRESH not in known.modes else FULL_REFRESH)
    _check_mode(known, mode, cursor)
    return mode, list(cursor)


def _check_mode(known: Facts, mode: str, cursor: Sequence[str]) -> None:
    if mode not in known.modes:
        raise SettingsError(f"Stream '{known.id}' cannot be read as {mode}: the source has {', '.join(known.modes)}.")
    if mode == INCREMENTAL and not cursor and not known.source_defined_cursor:
        raise SettingsError(
            f"Stream '{known.id}' has no cursor of its own: name one, as 'replication-key' in the catalog or "
            f"'cursor_field' in the setting 'streams', or read it as full_refresh."
        )


def _selected(entry: Entry) -> Selected | None:
    metadata = _metadata(entry)
    top = metadata.get((), {})
    explicit = top.get("selected")
    if not (top.get("selected-by-default") if explicit is None else explicit):
        return None
    facts = top[FACTS]
    known = msgspec.convert(facts, Facts)
    mode, cursor = _mode(known, top)
    keys = top.get("table-key-properties") or entry.key_properties or []
    automatic = {*keys, *cursor[:1]}
    for name in automatic:
        metadata[("properties", name)] = {"inclusion": "automatic"}
    schema, mask = select(entry.schema, metadata)
    return Selected(
        entry.tap_stream_id, Descriptor(known.name, known.namespace), schema, mask, keys, mode, cursor, facts
    )


def _mode(known: Facts, top: Mapping[str, Any]) -> tuple[str, list[str]]:
    method = top.get("forced-replication-method") or top.get("replication-method") or "FULL_TABLE"
    if method not in _METHODS:
        raise SettingsError(f"Stream '{known.id}': 'replication-method' must be one of {', '.join(_METHODS)}.")
    mode = _METHODS[method]
    key = top.get("replication-key")
    default = known.default_cursor_field or []
    # a key that stands for the source's own cursor may name only the first step of its path
    own = known.source_defined_cursor or not key or default[:1] == [key]
    cursor = list(default) if own else [str(key)]
    _check_mode(known, mode, cursor)
    return mode, cursor if mode == INCREMENTAL else []


def _metadata(entry: Entry) -> dict[Path, dict[str, Any]]:
    return {tuple(item.get("breadcrumb") or ()): item.get("metadata") or {} for item in entry.metadata}


def _singer_schema(node: Any) -> Any:
    """Whole numbers are a `number` with an annotation in Airbyte's types; for Singer they are integers."""
    if isinstance(node, list):
        return [_singer_schema(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    mapped = {name: _singer_schema(value) for name, value in node.items()}
    if mapped.get("airbyte_type") == "integer":
        kinds = mapped.get("type")
        if kinds == "number":
            mapped["type"] = "integer"
        elif isinstance(kinds, list):
            mapped["type"] = ["integer" if kind == "number" else kind for kind in kinds]
    return mapped


def _paths(schema: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    properties = schema.get("properties")
    for name, node in properties.items() if isinstance(properties, Mapping) else ():
        place = (*path, "properties", name)
        yield place
        if isinstance(node, Mapping):
            yield from _paths(node, place)

"""The settings of tap-markdown-kv: which files are documents of which entity, in which shape, named by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tap_adapters.common.checking import check_choice, converted, entries_of, entry_of
from tap_adapters.common.errors import SettingsError
from tap_adapters.common.text import encoding_named

RAW_FILE = "raw_file"
PATTERNS = ("document_level", "row_per_kv", "hybrid", "string", RAW_FILE)
ORIGINS = ("key", "path")


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of the setting `files`, as written by the user; null means the default."""

    entity: str
    path: str
    pattern: str | None = None
    doc_id_key: str | None = None
    doc_id_from: str | None = None
    encoding: str | None = None


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that hold for all files unless a file entry says otherwise."""

    pattern: str | None = None
    doc_id_key: str | None = None
    doc_id_from: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where one file entry points, and how its files are read."""

    path: str
    encoding: str
    doc_id_key: str | None
    doc_id_from: str


@dataclass(frozen=True, slots=True)
class Entity:
    """The documents of one name: their pattern, and the sources that feed them."""

    name: str
    pattern: str
    sources: tuple[Source, ...]


def read_entities(config: Mapping[str, Any]) -> tuple[Entity, ...]:
    """Return the entities of a configuration, in the order of their first entry; SettingsError if it is unusable."""
    defaults = converted(dict(config), Defaults, "")
    _check(defaults, "")
    merged: dict[str, Entity] = {}
    for place, raw in entries_of(config.get("files"), "files", "'entity' and 'path'"):
        entry = entry_of(raw, FileEntry, place)
        _check(entry, f"{place}.")
        if not entry.entity or not entry.path:
            raise SettingsError(f"Setting '{place}': 'entity' and 'path' must not be empty.")
        pattern = entry.pattern or defaults.pattern or PATTERNS[0]
        known = merged.get(entry.entity, Entity(entry.entity, pattern, ()))
        if known.pattern != pattern:
            raise SettingsError(f"Setting '{place}.pattern' differs from an earlier entry of entity '{entry.entity}'.")
        merged[entry.entity] = Entity(known.name, pattern, (*known.sources, _source(entry, defaults, place)))
    return tuple(merged.values())


def _source(entry: FileEntry, defaults: Defaults, place: str) -> Source:
    return Source(
        path=entry.path,
        encoding=encoding_named(entry.encoding, place),
        doc_id_key=entry.doc_id_key or defaults.doc_id_key or None,
        doc_id_from=entry.doc_id_from or defaults.doc_id_from or ORIGINS[0],
    )


def _check(settings: FileEntry | Defaults, place: str) -> None:
    check_choice(settings.pattern, PATTERNS, f"{place}pattern")
    check_choice(settings.doc_id_from, ORIGINS, f"{place}doc_id_from")

"""The setting `files`: which files of Drive feed which streams, and in which format they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tap_adapters.common.checking import entries_of, entry_of
from tap_adapters.common.errors import SettingsError
from tap_adapters.csv.settings import Defaults, Entity, Format, Source, entity_of, merge, read_defaults, source_of

DOCUMENT_ID = re.compile(r"[A-Za-z0-9_-]+")
ORIGINS = ("file_id", "folder_id", "query")


class FileEntry(Format, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of the setting `files`, as written by the user; null means the default."""

    file_id: str | None = None
    folder_id: str | None = None
    query: str | None = None
    recursive: bool | None = None
    drive_id: str | None = None
    name_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files that one entry means: one by its id, or those of a folder or a query whose names fit."""

    entry: FileEntry
    place: str
    defaults: Defaults

    def source(self, name: str) -> Source:
        """Return how a file of this name is to be read."""
        return source_of(self.entry, name, self.defaults, self.place)


@dataclass(frozen=True, slots=True)
class DriveEntity:
    """One stream and all entries that feed it."""

    entity: Entity
    wanted: tuple[Wanted, ...]


def read_entities(config: Mapping[str, Any]) -> tuple[DriveEntity, ...]:
    """Return the entities of a configuration, in the order of their first entry; SettingsError if it is unusable."""
    defaults = read_defaults(config)
    entities: dict[str, Entity] = {}
    wanted: dict[str, list[Wanted]] = {}
    for place, raw in entries_of(config.get("files"), "files", "'entity' and 'file_id', 'folder_id' or 'query'"):
        entry = entry_of(raw, FileEntry, place)
        _check(entry, place)
        found = Wanted(entry, place, defaults)
        found.source("")
        merge(entities, entity_of(entry, (), place), place)
        wanted.setdefault(entry.entity, []).append(found)
    return tuple(DriveEntity(entity, tuple(wanted[name])) for name, entity in entities.items())


def _check(entry: FileEntry, place: str) -> None:
    if not entry.entity:
        raise SettingsError(f"Setting '{place}.entity' must not be empty.")
    if sum(bool(getattr(entry, name)) for name in ORIGINS) != 1:
        raise SettingsError(f"Setting '{place}': set one of {', '.join(ORIGINS)}.")
    for name in ("file_id", "folder_id", "drive_id"):
        value = getattr(entry, name)
        if value and not DOCUMENT_ID.fullmatch(value):
            raise SettingsError(f"Setting '{place}.{name}' must be an id as in the URL of the file or folder.")
    if entry.recursive and not entry.folder_id:
        raise SettingsError(f"Setting '{place}.recursive' goes with 'folder_id' only.")
    if entry.file_id and entry.name_pattern:
        raise SettingsError(f"Setting '{place}.name_pattern' goes with 'folder_id' and 'query' only.")

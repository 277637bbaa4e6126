"""The `files` definition: from configuration to checked, resolved entities. No file but the definition is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tap_adapters.common.checking import check_choice, converted, entries_of, entry_of
from tap_adapters.common.columns import check_columns
from tap_adapters.common.errors import SettingsError
from tap_adapters.common.text import encoding_named
from tap_adapters.common.values import check_types, null_markers
from tap_adapters.csv.layout import Dialect

RAGGED_POLICIES = ("error", "skip")
SHAPE = "'entity' and 'path'"


class Format(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an entry says of its stream and of the format of its files, as written by the user; null is the default."""

    entity: str
    keys: list[str] | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quotechar: str | None = None
    doublequote: bool | None = None
    escapechar: str | None = None
    skipinitialspace: bool | None = None
    strict: bool | None = None
    header: bool | None = None
    columns: list[str] | None = None
    types: dict[str, str] | None = None
    null_values: list[str] | None = None
    empty_is_null: bool | None = None
    on_ragged_row: str | None = None


class FileEntry(Format, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of the setting `files`."""

    path: str


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that hold for all files unless a file entry says otherwise."""

    null_values: list[str] | None = None
    empty_is_null: bool | None = None
    on_ragged_row: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where one file entry points, and how its files are to be read."""

    path: str
    encoding: str
    dialect: Dialect
    header: bool
    columns: tuple[str, ...] | None
    null_markers: tuple[str, ...]
    skip_ragged: bool


@dataclass(frozen=True, slots=True)
class Entity:
    """One stream: its name, keys, column types and the sources that feed it."""

    name: str
    keys: tuple[str, ...]
    types: Mapping[str, str]
    sources: tuple[Source, ...]


def read_entities(config: Mapping[str, Any]) -> tuple[Entity, ...]:
    """Return the entities of a configuration, in the order of their first entry; SettingsError if it is unusable."""
    defaults = read_defaults(config)
    merged: dict[str, Entity] = {}
    for place, raw in _definition(config):
        entry = entry_of(raw, FileEntry, place)
        if not entry.entity or not entry.path:
            raise SettingsError(f"Setting '{place}': 'entity' and 'path' must not be empty.")
        entity = entity_of(entry, (source_of(entry, entry.path, defaults, place),), place)
        merge(merged, entity, place)
    return tuple(merged.values())


def read_defaults(config: Mapping[str, Any]) -> Defaults:
    """Return the settings that hold for all files; SettingsError if they are unusable."""
    defaults = converted(dict(config), Defaults, "")
    check_choice(defaults.on_ragged_row, RAGGED_POLICIES, "on_ragged_row")
    return defaults


def _definition(config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the file entries, each with its place; a definition file wins over `files`."""
    definition = config.get("csv_files_definition")
    if definition:
        return entries_of(_definition_file(str(definition)), "csv_files_definition", SHAPE)
    if not config.get("files"):
        raise SettingsError("No files to read: set 'files' or 'csv_files_definition' to at least one entry.")
    return entries_of(config["files"], "files", SHAPE)


def _definition_file(path: str) -> Any:
    try:
        return msgspec.json.decode(Path(path).read_bytes())
    except OSError as error:
        raise SettingsError(f"Setting 'csv_files_definition': cannot read '{path}': {error.strerror}.") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise SettingsError(f"Setting 'csv_files_definition': '{path}' is not valid JSON.") from error


def entity_of(entry: Format, sources: tuple[Source, ...], place: str) -> Entity:
    """Return the stream that an entry speaks of; SettingsError for a type that there is not."""
    types = entry.types or {}
    check_types(types, place)
    return Entity(entry.entity, tuple(entry.keys or ()), types, sources)


def source_of(entry: Format, path: str, defaults: Defaults, place: str) -> Source:
    """Return how the files of an entry are to be read; `path` may end in `.tsv`. SettingsError if that cannot be."""
    header = entry.header is not False
    if entry.columns is not None:
        check_columns(entry.columns, place, "files with 'header: false'", header=header)
    policy = entry.on_ragged_row or defaults.on_ragged_row or "error"
    check_choice(policy, RAGGED_POLICIES, f"{place}.on_ragged_row")
    return Source(
        path=path,
        encoding=encoding_named(entry.encoding, place),
        dialect=_dialect(entry, path, place),
        header=header,
        columns=None if entry.columns is None else tuple(entry.columns),
        null_markers=null_markers(
            entry.null_values if entry.null_values is not None else defaults.null_values,
            entry.empty_is_null if entry.empty_is_null is not None else defaults.empty_is_null,
        ),
        skip_ragged=policy == "skip",
    )


def _dialect(entry: Format, path: str, place: str) -> Dialect:
    tabbed = path.lower().removesuffix(".gz").endswith(".tsv")
    delimiter = entry.delimiter or ("\t" if tabbed else ",")
    dialect = Dialect(
        delimiter="\t" if delimiter == "\\t" else delimiter,
        quotechar='"' if entry.quotechar is None else entry.quotechar,
        doublequote=entry.doublequote is not False,
        escapechar=entry.escapechar or "",
        skipinitialspace=bool(entry.skipinitialspace),
        strict=bool(entry.strict),
    )
    _check_dialect(dialect, place)
    return dialect


def _check_dialect(dialect: Dialect, place: str) -> None:
    marks = {"delimiter": dialect.delimiter, "quotechar": dialect.quotechar, "escapechar": dialect.escapechar}
    given = [mark for mark in marks.values() if mark]
    for name, mark in marks.items():
        if len(mark) > 1 or mark in {"\r", "\n", "\0"}:
            raise SettingsError(f"Setting '{place}.{name}' must be one character, and no line break.")
    if len(set(given)) != len(given):
        raise SettingsError(f"Setting '{place}': delimiter, quotechar and escapechar must differ.")


def merge(merged: dict[str, Entity], more: Entity, place: str) -> None:
    """Join an entry into the entities so far; entries of one may differ in path and format, not in keys or types."""
    known = merged.setdefault(more.name, more)
    if known is more:
        return
    if known.keys != more.keys:
        raise SettingsError(f"Setting '{place}.keys' differs from an earlier entry of entity '{known.name}'.")
    for column, kind in more.types.items():
        if known.types.get(column, kind) != kind:
            raise SettingsError(f"Setting '{place}.types.{column}' differs from an earlier entry of its entity.")
    merged[more.name] = Entity(known.name, known.keys, {**known.types, **more.types}, known.sources + more.sources)

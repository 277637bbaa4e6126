"""The `files` definition: from configuration to checked, resolved entities. No file but the definition is opened."""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tap_adapters.csv.errors import SettingsError
from tap_adapters.csv.layout import Dialect
from tap_adapters.csv.values import KINDS

RAGGED_POLICIES = ("error", "skip")

T = TypeVar("T", bound=msgspec.Struct)


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of the setting `files`, as written by the user; null means the default."""

    entity: str
    path: str
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
    defaults = _convert(dict(config), Defaults, "")
    _check_policy(defaults.on_ragged_row, "on_ragged_row")
    where, entries = _definition(config)
    merged: dict[str, Entity] = {}
    for number, raw in enumerate(entries):
        place = f"{where}[{number}]"
        entity = _entity(_entry(raw, place), defaults, place)
        known = merged.get(entity.name)
        merged[entity.name] = entity if known is None else _merge(known, entity, place)
    return tuple(merged.values())


def check_known(given: Iterable[str], known: Iterable[str], place: str) -> None:
    """Refuse a name that is no setting, and name the nearest one."""
    names = sorted(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names)}."
            raise SettingsError(f"Setting '{place}{name}' is not known; {hint}")


def _definition(config: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    """Where the list of file entries comes from, and the list; a definition file wins over `files`."""
    definition = config.get("csv_files_definition")
    if definition:
        where, entries = "csv_files_definition", _definition_file(str(definition))
    else:
        where, entries = "files", config.get("files")
    if not entries:
        raise SettingsError("No files to read: set 'files' or 'csv_files_definition' to at least one entry.")
    if not isinstance(entries, list):
        raise SettingsError(f"Setting '{where}' must be an array of objects with 'entity' and 'path'.")
    return where, entries


def _definition_file(path: str) -> Any:
    try:
        return msgspec.json.decode(Path(path).read_bytes())
    except OSError as error:
        raise SettingsError(f"Setting 'csv_files_definition': cannot read '{path}': {error.strerror}.") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise SettingsError(f"Setting 'csv_files_definition': '{path}' is not valid JSON.") from error


def _entry(raw: Any, place: str) -> FileEntry:
    if isinstance(raw, Mapping):
        check_known(raw, FileEntry.__struct_fields__, f"{place}.")
    return _convert(raw, FileEntry, place)


def _convert(raw: Any, kind: type[T], place: str) -> T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        at = (place + path.strip("`").removeprefix("$")).strip(".") or place
        raise SettingsError(f"Setting '{at}': {what[:1].lower()}{what[1:]}.") from error


def _entity(entry: FileEntry, defaults: Defaults, place: str) -> Entity:
    if not entry.entity or not entry.path:
        raise SettingsError(f"Setting '{place}': 'entity' and 'path' must not be empty.")
    types = entry.types or {}
    for column, kind in types.items():
        if kind not in KINDS:
            raise SettingsError(f"Setting '{place}.types.{column}' must be one of {', '.join(KINDS)}.")
    return Entity(entry.entity, tuple(entry.keys or ()), types, (_source(entry, defaults, place),))


def _source(entry: FileEntry, defaults: Defaults, place: str) -> Source:
    header = entry.header is not False
    if entry.columns is not None:
        _check_columns(entry.columns, header, place)
    policy = entry.on_ragged_row or defaults.on_ragged_row or "error"
    _check_policy(policy, f"{place}.on_ragged_row")
    markers = entry.null_values if entry.null_values is not None else defaults.null_values or []
    empty_is_null = entry.empty_is_null if entry.empty_is_null is not None else defaults.empty_is_null
    return Source(
        path=entry.path,
        encoding=_encoding(entry.encoding, place),
        dialect=_dialect(entry, place),
        header=header,
        columns=None if entry.columns is None else tuple(entry.columns),
        null_markers=tuple(markers) if empty_is_null is False else ("", *(m for m in markers if m)),
        skip_ragged=policy == "skip",
    )


def _check_columns(columns: list[str], header: bool, place: str) -> None:
    if header:
        raise SettingsError(f"Setting '{place}.columns' names the columns of files with 'header: false' only.")
    if not columns or not all(columns) or len(set(columns)) != len(columns):
        raise SettingsError(f"Setting '{place}.columns' must list each column once, by a non-empty name.")


def _check_policy(policy: str | None, place: str) -> None:
    if policy is not None and policy not in RAGGED_POLICIES:
        raise SettingsError(f"Setting '{place}' must be 'error' or 'skip'.")


def _encoding(name: str | None, place: str) -> str:
    try:
        codec = codecs.lookup(name or "utf-8").name
        "".encode(codec)
    except (LookupError, UnicodeError) as error:
        raise SettingsError(f"Setting '{place}.encoding' is not the name of a text encoding.") from error
    return "utf-8" if codec == "utf-8-sig" else codec


def _dialect(entry: FileEntry, place: str) -> Dialect:
    tabbed = entry.path.lower().removesuffix(".gz").endswith(".tsv")
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


def _merge(known: Entity, more: Entity, place: str) -> Entity:
    """Join two entries of one entity; they may differ in path and format, not in keys or in a column's type."""
    if known.keys != more.keys:
        raise SettingsError(f"Setting '{place}.keys' differs from an earlier entry of entity '{known.name}'.")
    for column, kind in more.types.items():
        if known.types.get(column, kind) != kind:
            raise SettingsError(f"Setting '{place}.types.{column}' differs from an earlier entry of its entity.")
    return Entity(known.name, known.keys, {**known.types, **more.types}, known.sources + more.sources)

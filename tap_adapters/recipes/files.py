"""What sources that are files have in common: entries, where they lie, and their names in state.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from tap_adapters.cursors import files as file_cursors
from tap_adapters.errors import SourceError
from tap_adapters.extractor import Cursors
from tap_adapters.names import check_known
from tap_adapters.selection import patterns
from tap_adapters.source import Source
from tap_adapters.strategies import BY_FILE, BY_SPREADSHEET, Replication, method_of

Entry = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """One configured file or folder: its stream, the tap's path or id of it, and the user's name for it."""

    stream: str
    path: str
    name: str
    whole: bool
    """Whether it is one file, not a folder, glob or query."""


def entries(source: Source, key: str, known: Iterable[str]) -> list[tuple[str, Entry]]:
    """Return the entries of `source.files` or `source.sheets` with their places, keys checked.

    Raises:
        SourceError: there is none, or a key is unknown.

    """
    given: tuple[Mapping[str, Any], ...] = getattr(source, key)
    if not given:
        raise SourceError(f"a {source.type} source needs {key}", f"source.{key}", "list at least one")
    found = [(f"source.{key}[{number}]", dict(entry)) for number, entry in enumerate(given)]
    for place, entry in found:
        check_known(entry, known, place, "key")
    return found


def object_of(source: Source, entry: Mapping[str, Any], default: str, place: str) -> str:
    """Return the object that an entry feeds: its own, the only one of the source, else a default.

    Raises:
        SourceError: nothing names it.

    """
    found = entry.get("object") or (source.objects[0] if len(source.objects) == 1 else default)
    if not found:
        raise SourceError("an entry needs an object", place, "name the stream that it feeds")
    return str(found)


def stem(path: str) -> str:
    """Return the name of a file without what it ends in; that of a folder; empty for a glob."""
    name = PurePosixPath(path).name
    return "" if any(sign in path for sign in "*?[") else name.split(".")[0]


def replication(source: Source) -> Replication:
    """Return how files are read: those that changed, or all. A lookback makes the tap read them again."""
    return Replication(method_of(source.incremental, BY_FILE | BY_SPREADSHEET))


def selection(source: Source, streams: Iterable[str], keys: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the `select` of streams: the contract's columns and the keys, or all."""
    found: list[str] = []
    for stream in dict.fromkeys(streams):
        found += patterns(stream, source.columns.get(stream, ()), keys.get(stream, ()))
    return tuple(found)


def local_cursors(folder: Path, places: Iterable[Place]) -> Cursors:
    """Return the cursors of files on this machine; in state.json they go by `id`, else by path below the folder."""
    known = list(places)
    root = f"{folder}/"

    def id_of(path: str) -> str:
        named = next((place.name for place in known if place.whole and place.path == path), None)
        return named or path.removeprefix(root)

    def places_of(name: str) -> list[tuple[str, str]]:
        whole = [(place.stream, place.path) for place in known if place.whole and place.name == name]
        path = str(folder / name)
        return whole or [(p.stream, path) for p in known if not p.whole and _within(path, p.path)][:1]

    return file_cursors(id_of, places_of)


def remote_cursors(places: Iterable[Place]) -> Cursors:
    """Return the cursors of files by id; one that no entry names is of the only folder or query, if there is one."""
    known = list(places)
    folders = [place for place in known if not place.whole]

    def places_of(name: str) -> list[tuple[str, str]]:
        whole = [(place.stream, place.path) for place in known if place.whole and place.path == name]
        return whole or [(place.stream, name) for place in folders if len(folders) == 1]

    return file_cursors(lambda path: path, places_of)


def _within(path: str, pattern: str) -> bool:
    return path.startswith(f"{pattern}/") or fnmatchcase(path, pattern)

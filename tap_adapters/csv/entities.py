"""Entities against the disk: every file of the definition is looked at before anything is emitted."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tap_adapters.common.columns import unique_names
from tap_adapters.common.errors import FileError, SettingsError
from tap_adapters.common.listing import find
from tap_adapters.csv.exact import first_record
from tap_adapters.csv.layout import Layout
from tap_adapters.csv.settings import Entity, Source
from tap_adapters.csv.sources import SUFFIXES, Part, parts_of

SOURCE_FILE = "_sdc_source_file"
SOURCE_MTIME = "_sdc_source_file_mtime"
SOURCE_LINE = "_sdc_source_lineno"
METADATA_KINDS = {SOURCE_FILE: "string", SOURCE_MTIME: "date-time", SOURCE_LINE: "integer"}


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file on disk: the unit of bookmarks. It holds one CSV text, or several if it is a zip archive."""

    path: Path
    source: Source
    layouts: tuple[Layout, ...]


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the files of an entity hold: their union of columns, in the order of first sight, and the files."""

    columns: tuple[str, ...]
    files: tuple[DataFile, ...]


def inspect(entity: Entity, log: logging.Logger) -> Inspected:
    """Look at the header of every file of an entity; FileError or SettingsError for what cannot be read as defined."""
    files: dict[Path, DataFile] = {}
    for source in entity.sources:
        for path in find(source.path, entity.name, SUFFIXES):
            # A file that two entries match is read once, as the first of them says.
            if path not in files:
                files[path] = data_file(path, source, log)
    return inspected(entity, tuple(files.values()), log)


def inspected(entity: Entity, files: tuple[DataFile, ...], log: logging.Logger) -> Inspected:
    """Return the columns of an entity's files; FileError or SettingsError if keys or types name others."""
    layouts = [layout for file in files for layout in file.layouts]
    columns = tuple(dict.fromkeys(column for layout in layouts for column in layout.columns))
    if not columns:
        raise FileError(f"Entity '{entity.name}': its files hold no record, so its columns are not known.")
    for column in entity.types:
        if column not in columns:
            raise SettingsError(f"Entity '{entity.name}': 'types' names column '{column}', which no file has.")
    check_keys(entity, layouts)
    _report_differences(entity, columns, layouts, log)
    return Inspected(columns, files)


def check_keys(entity: Entity, layouts: Iterable[Layout]) -> None:
    """Refuse a text that lacks a column by which its rows are known."""
    for layout in layouts:
        for key in entity.keys:
            if key not in layout.columns:
                raise FileError(f"{layout.part.label}: it has no column '{key}', a key of '{entity.name}'.")


def data_file(path: Path, source: Source, log: logging.Logger, shown: str | None = None) -> DataFile:
    """Return a file with the layout of each text in it; FileError if it cannot be read as its source says."""
    layouts = (_layout(part, source, log) for part in parts_of(path, shown))
    return DataFile(path, source, tuple(layout for layout in layouts if layout is not None))


def _layout(part: Part, source: Source, log: logging.Logger) -> Layout | None:
    first = first_record(part, source.encoding, source.dialect)
    if first is None:
        log.warning("%s holds no record at all, not even a header.", part.label)
        return None
    if not source.header:
        columns = source.columns or tuple(f"column_{position}" for position in range(1, len(first) + 1))
        return Layout(part, source.encoding, source.dialect, None, columns)
    columns = unique_names(first)
    if columns != first:
        log.warning("%s has empty or repeated column names; they were made unique.", part.label)
    return Layout(part, source.encoding, source.dialect, first, columns)


def _report_differences(entity: Entity, columns: tuple[str, ...], layouts: list[Layout], log: logging.Logger) -> None:
    lacking = [layout for layout in layouts if len(layout.columns) < len(columns)]
    if lacking:
        log.warning(
            "Entity '%s': %d of %d files lack some of its %d columns, which are null there; the first is %s.",
            entity.name,
            len(lacking),
            len(layouts),
            len(columns),
            lacking[0].part.label,
        )

"""The setting `sheets`: which sheets become which streams."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tap_adapters.common.checking import converted, entries_of, entry_of
from tap_adapters.common.columns import check_columns
from tap_adapters.common.errors import SettingsError
from tap_adapters.common.values import check_types, null_markers
from tap_adapters.google_sheets.ranges import Range

DOCUMENT_ID = re.compile(r"[A-Za-z0-9_-]+")


class SheetEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of the setting `sheets`, as written by the user; null means the default."""

    spreadsheet_id: str
    object: str
    sheet: str | None = None
    sheet_id: int | None = None
    range: str | None = None
    has_header: bool | None = None
    columns: list[str] | None = None
    keys: list[str] | None = None
    types: dict[str, str] | None = None
    null_values: list[str] | None = None
    empty_is_null: bool | None = None


class _Defaults(msgspec.Struct, frozen=True, kw_only=True):
    null_values: list[str] | None = None
    empty_is_null: bool | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sheet as a stream. Without `sheet` and `sheet_id` it is the first sheet of the spreadsheet."""

    spreadsheet_id: str
    stream: str
    sheet: str | None
    sheet_id: int | None
    range: Range
    header: bool
    columns: tuple[str, ...] | None
    keys: tuple[str, ...]
    types: Mapping[str, str]
    null_markers: tuple[str, ...]


def read_sheets(config: Mapping[str, Any]) -> tuple[Wanted, ...]:
    """Return the sheets of a configuration in its order; SettingsError if it is unusable."""
    defaults = converted({name: config.get(name) for name in _Defaults.__struct_fields__}, _Defaults, "")
    found: dict[str, Wanted] = {}
    for place, raw in entries_of(config.get("sheets"), "sheets", "'spreadsheet_id' and 'object'"):
        wanted = _wanted(entry_of(raw, SheetEntry, place), defaults, place)
        if wanted.stream in found:
            raise SettingsError(f"Setting '{place}.object' is that of an earlier entry; give it another.")
        found[wanted.stream] = wanted
    return tuple(found.values())


def _wanted(entry: SheetEntry, defaults: _Defaults, place: str) -> Wanted:
    if not DOCUMENT_ID.fullmatch(entry.spreadsheet_id) or not entry.object:
        raise SettingsError(f"Setting '{place}': 'spreadsheet_id' (as in the URL) and 'object' must not be empty.")
    if entry.sheet and entry.sheet_id is not None:
        raise SettingsError(f"Setting '{place}': 'sheet' and 'sheet_id' exclude each other; unset one.")
    cells = Range.parse(entry.range)
    if cells is None:
        raise SettingsError(f"Setting '{place}.range' must be in A1 notation without a sheet, such as 'A1:Z1000'.")
    header = entry.has_header is not False
    if entry.columns is not None:
        check_columns(entry.columns, place, "sheets with 'has_header: false'", header=header)
    check_types(entry.types or {}, place)
    markers = entry.null_values if entry.null_values is not None else defaults.null_values
    return Wanted(
        spreadsheet_id=entry.spreadsheet_id,
        stream=entry.object,
        sheet=entry.sheet or None,
        sheet_id=entry.sheet_id,
        range=cells,
        header=header,
        columns=None if entry.columns is None else tuple(entry.columns),
        keys=tuple(entry.keys or ()),
        types=entry.types or {},
        null_markers=null_markers(
            markers, entry.empty_is_null if entry.empty_is_null is not None else defaults.empty_is_null
        ),
    )

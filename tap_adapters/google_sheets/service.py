"""The Sheets API v4: the sheets of a spreadsheet, and values of a range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from tap_adapters.common.errors import FileError, ServiceError
from tap_adapters.google.client import Client
from tap_adapters.google_sheets.cells import Grid
from tap_adapters.google_sheets.settings import Wanted

SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
FIELDS = "sheets.properties(sheetId,title,sheetType,gridProperties(rowCount,columnCount))"


class _GridProperties(msgspec.Struct, rename="camel"):
    row_count: int
    column_count: int


class _Properties(msgspec.Struct, rename="camel"):
    title: str
    sheet_id: int = 0
    grid_properties: _GridProperties | None = None


class _Sheet(msgspec.Struct):
    properties: _Properties


class _Spreadsheet(msgspec.Struct):
    sheets: list[_Sheet] = []


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a spreadsheet and the size of its grid."""

    spreadsheet_id: str
    title: str
    rows: int
    columns: int

    @property
    def label(self) -> str:
        """The name by which logs and errors speak of it."""
        return f"Sheet '{self.title}' of spreadsheet {self.spreadsheet_id}"


class Sheets:
    """The API at its base URL."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = f"{url}/v4/spreadsheets"

    def sheet(self, wanted: Wanted) -> Sheet:
        """Return the sheet that an entry means; FileError if the spreadsheet has it not."""
        what = f"Spreadsheet {wanted.spreadsheet_id}"
        answer = self._client.json(f"{self._url}/{wanted.spreadsheet_id}", {"fields": FIELDS}, what)
        try:
            sheets = [sheet.properties for sheet in msgspec.convert(answer, _Spreadsheet).sheets]
        except msgspec.ValidationError as error:
            raise ServiceError(f"{what}: the answer of Sheets lacks what it should hold.") from error
        for found in sheets:
            if _is_wanted(found, wanted):
                grid = found.grid_properties
                if grid is None:
                    raise FileError(f"{what}: sheet '{found.title}' holds no cells (it is a chart or a connection).")
                return Sheet(wanted.spreadsheet_id, found.title, grid.row_count, grid.column_count)
        which = f"the sheet '{wanted.sheet}'" if wanted.sheet else f"a sheet with the id {wanted.sheet_id}"
        raise FileError(f"{what}: it has not {which}; there are: {', '.join(repr(s.title) for s in sheets)}.")

    def values(self, sheet: Sheet, a1: str, *, serial_dates: bool) -> Grid:
        """Return the values of a range, row by row, without the empty cells and rows at the ends."""
        params: dict[str, Any] = {
            "majorDimension": "ROWS",
            "valueRenderOption": "UNFORMATTED_VALUE",
            "dateTimeRenderOption": "SERIAL_NUMBER" if serial_dates else "FORMATTED_STRING",
        }
        url = f"{self._url}/{sheet.spreadsheet_id}/values/{quote(a1, safe='')}"
        values = self._client.json(url, params, sheet.label).get("values", [])
        if not isinstance(values, list) or not all(isinstance(row, list) for row in values):
            raise ServiceError(f"{sheet.label}: the answer of Sheets lacks what it should hold.")
        return values


def _is_wanted(found: _Properties, wanted: Wanted) -> bool:
    if wanted.sheet:
        return found.title == wanted.sheet
    return wanted.sheet_id is None or found.sheet_id == wanted.sheet_id

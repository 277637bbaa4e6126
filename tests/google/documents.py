"""What the loopback Google holds: files, folders and spreadsheets, and how the APIs show them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

SPREADSHEET = "application/vnd.google-apps.spreadsheet"
FOLDER = "application/vnd.google-apps.folder"
TERM = re.compile(r"'(?P<parent>[^']+)' in parents|name contains '(?P<name>[^']+)'|trashed = (?P<trashed>true|false)")
A1 = re.compile(r"'(?P<title>(?:[^']|'')+)'!(?P<c1>[A-Z]+)(?P<r1>\d+):(?P<c2>[A-Z]+)(?P<r2>\d+)")


class BadRequestError(Exception):
    """What the service answers with 400."""


@dataclass
class Sheet:
    """A grid of values; a `date` or `datetime` is a cell formatted as one."""

    title: str
    cells: list[list[Any]]
    id: int = 0
    columns: int = 26
    rows: int = 1000
    kind: str = "GRID"

    def values(self, a1: re.Match[str], *, serial: bool) -> list[list[Any]]:
        left, right = _number(a1["c1"]) - 1, _number(a1["c2"])
        top, bottom = int(a1["r1"]) - 1, int(a1["r2"])
        if right > self.columns or bottom > self.rows:
            raise BadRequestError("Range exceeds grid limits.")
        shown = [[_shown(cell, serial) for cell in row[left:right]] for row in self.cells[top:bottom]]
        return _trimmed([_trimmed(row, "") for row in shown], [])


@dataclass
class Doc:
    """A file of Drive."""

    id: str
    name: str
    content: bytes = b""
    mime: str = "text/csv"
    modified: str = "2026-01-01T10:00:00.000Z"
    parents: tuple[str, ...] = ()
    trashed: bool = False
    forbidden: bool = False
    sheets: list[Sheet] = field(default_factory=list)

    def metadata(self) -> dict[str, Any]:
        about: dict[str, Any] = {
            "kind": "drive#file",
            "id": self.id,
            "name": self.name,
            "mimeType": self.mime,
            "modifiedTime": self.modified,
            "trashed": self.trashed,
        }
        if not self.mime.startswith("application/vnd.google-apps."):
            about |= {"size": str(len(self.content)), "md5Checksum": hashlib.md5(self.content).hexdigest()}
        return about

    def spreadsheet(self) -> dict[str, Any]:
        return {"spreadsheetId": self.id, "sheets": [{"properties": _properties(sheet)} for sheet in self.sheets]}

    def range(self, text: str, *, serial: bool) -> list[list[Any]]:
        a1 = A1.fullmatch(text)
        sheet = a1 and next((s for s in self.sheets if s.title == a1["title"].replace("''", "'")), None)
        if not a1 or not sheet:
            raise BadRequestError("Unable to parse range.")
        return sheet.values(a1, serial=serial)


def matching(docs: Mapping[str, Doc], query: str) -> list[Doc]:
    """The documents that a query finds; of the query language what the tests use, all else is a bad request."""
    rest = TERM.sub("x", query).replace("(x)", "x")
    if not re.fullmatch(r"x( and x)*", rest):
        raise BadRequestError("Invalid Value")
    terms = [match.groupdict() for match in TERM.finditer(query)]
    return [doc for doc in docs.values() if all(_holds(doc, term) for term in terms)]


def selected(item: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """The members that `fields` asks for; few without it, as the service does."""
    names = fields.split(",") if fields else ["kind", "id", "name", "mimeType"]
    return {name: item[name] for name in names if name in item}


def _holds(doc: Doc, term: dict[str, str | None]) -> bool:
    if term["parent"]:
        return term["parent"] in doc.parents
    if term["name"]:
        return term["name"] in doc.name
    return doc.trashed == (term["trashed"] == "true")


def _properties(sheet: Sheet) -> dict[str, Any]:
    about = {"sheetId": sheet.id, "title": sheet.title, "sheetType": sheet.kind}
    if sheet.kind == "GRID":
        about["gridProperties"] = {"rowCount": sheet.rows, "columnCount": sheet.columns}
    return about


def _shown(cell: Any, serial: bool) -> Any:
    if cell is None:
        return ""
    if not isinstance(cell, date):
        return cell
    moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(cell.isoformat())
    if not serial:
        return f"{moment:%d.%m.%Y}" if not isinstance(cell, datetime) else f"{moment:%d.%m.%Y %H:%M}"
    days = (moment - datetime.fromisoformat("1899-12-30")).total_seconds() / 86400
    return int(days) if days.is_integer() else days


def _trimmed(values: list[Any], empty: Any) -> list[Any]:
    while values and values[-1] == empty:
        values = values[:-1]
    return values


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number

"""Cells of the values API to texts. Numbers come as JSON numbers, dates as texts or as days since 1899-12-30."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

Cell = str | int | float | bool | None
Grid = Sequence[Sequence[Cell]]

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - the service's days have no zone
DAY_MS = 86_400_000
DATE_KINDS = {"date", "date-time"}


def text_of(cell: Cell) -> str:
    """Return a cell as text: numbers by their shortest digits, truth values as the service shows them."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(cell)


def moment_text(cell: Cell, kind: str) -> str:
    """Return the cell of a column of dates or moments as ISO 8601 without a zone; a text stays as it is.

    A number counts days; its fraction is a time of day, to the millisecond, which is what a sheet keeps.
    """
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return text_of(cell)
    try:
        moment = EPOCH + timedelta(milliseconds=round(cell * DAY_MS))
    except OverflowError:
        return text_of(cell)
    if kind == "date":
        return moment.isoformat() if moment.time().isoformat() != "00:00:00" else f"{moment:%Y-%m-%d}"
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def column_texts(grid: Grid, index: int) -> list[str]:
    """Return a column of a grid as texts; the service leaves out empty cells at the end of a row."""
    return [text_of(row[index]) if index < len(row) else "" for row in grid]


def column_moments(grid: Grid, index: int, kind: str) -> list[str]:
    """Return a column of dates or moments as texts."""
    return [moment_text(row[index], kind) if index < len(row) else "" for row in grid]

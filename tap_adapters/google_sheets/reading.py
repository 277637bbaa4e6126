"""One sheet as a table: its columns, and its rows block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from tap_adapters.common.columns import unique_names
from tap_adapters.common.errors import FileError, SettingsError
from tap_adapters.common.values import ARROW_TYPES, UnfitError, typed
from tap_adapters.google_sheets.cells import DATE_KINDS, Grid, column_moments, column_texts, text_of
from tap_adapters.google_sheets.ranges import Range
from tap_adapters.google_sheets.service import Sheet, Sheets
from tap_adapters.google_sheets.settings import Wanted

CELLS_PER_REQUEST = 200_000
SAMPLE_ROWS = 1000
"""Rows by whose widest a sheet without a header is measured, if its range has no right end."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a sheet that are not empty, and the row of the sheet on which each stands."""

    values: Grid
    dates: Grid
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet with its columns, as they were when it was looked at."""

    wanted: Wanted
    sheet: Sheet
    area: Range
    columns: tuple[str, ...]

    @property
    def first_row(self) -> int:
        """The row of the sheet with which the data begins."""
        return self.area.first_row + int(self.wanted.header)

    def blocks(self, sheets: Sheets, *, with_dates: bool) -> Iterator[Block]:
        """Yield the rows, bounded by cells; `with_dates` asks for dates by number too."""
        step = max(1, CELLS_PER_REQUEST // self.area.width)
        for first in range(self.first_row, (self.area.last_row or 0) + 1, step):
            a1 = self.area.rows(first, min(first + step - 1, self.area.last_row or 0)).a1(self.sheet.title)
            values = sheets.values(self.sheet, a1, serial_dates=False)
            dates = sheets.values(self.sheet, a1, serial_dates=True) if with_dates else values
            if len(values) != len(dates):
                raise FileError(f"{self.sheet.label}: it was changed while it was read; run again.")
            filled = [index for index, row in enumerate(values) if any(cell not in {"", None} for cell in row)]
            if filled:
                lines = tuple(first + index for index in filled)
                yield Block([values[index] for index in filled], [dates[index] for index in filled], lines)

    def batch(self, block: Block, kinds: Mapping[str, str]) -> pa.RecordBatch:
        """Return rows as columns of these kinds; FileError for a value that its column's type cannot hold."""
        arrays = [self._column(block, name, kind) for name, kind in kinds.items()]
        return pa.RecordBatch.from_arrays(arrays, list(kinds))

    def stray(self, block: Block) -> int | None:
        """Return the row of the first value right of the last column, None if there is none."""
        width = len(self.columns)
        for line, row in zip(block.lines, block.values, strict=True):
            if any(text_of(cell) for cell in row[width:]):
                return line
        return None

    def _column(self, block: Block, name: str, kind: str) -> pa.Array:
        if name not in self.columns:
            return pa.nulls(len(block.lines), ARROW_TYPES[kind])
        index = self.columns.index(name)
        dated = kind in DATE_KINDS
        texts = column_moments(block.dates, index, kind) if dated else column_texts(block.values, index)
        try:
            return typed(pa.array(texts, pa.string()), kind, self.wanted.null_markers)
        except UnfitError as error:
            raise FileError(
                f"{self.sheet.label}, row {block.lines[error.row]}: the value in column '{name}' does not convert to "
                f"{kind} without loss; mend it, name it in 'null_values', or change the column's type."
            ) from error


def look_at(wanted: Wanted, sheets: Sheets) -> Table:
    """Return a sheet as a table; FileError if it has no columns, or lacks a key's."""
    sheet = sheets.sheet(wanted)
    area = wanted.range.within(sheet.rows, sheet.columns)
    if area.width < 1 or (area.last_row or 0) < area.first_row:
        raise FileError(f"{sheet.label}: the range of stream '{wanted.stream}' lies outside of it.")
    table = Table(wanted, sheet, area, _columns(wanted, sheets, sheet, area))
    for key in wanted.keys:
        if key not in table.columns:
            raise FileError(f"{sheet.label}: it has no column '{key}', a key of '{wanted.stream}'.")
    for column in wanted.types:
        if column not in table.columns:
            raise SettingsError(f"{sheet.label}: 'types' of '{wanted.stream}' names column '{column}', which it lacks.")
    return table


def _columns(wanted: Wanted, sheets: Sheets, sheet: Sheet, area: Range) -> tuple[str, ...]:
    if wanted.columns is not None:
        return wanted.columns
    last = area.first_row if wanted.header else min(area.first_row + SAMPLE_ROWS - 1, area.last_row or 0)
    found = sheets.values(sheet, area.rows(area.first_row, last).a1(sheet.title), serial_dates=False)
    if wanted.header:
        names = [text_of(cell).strip() for cell in found[0]] if found else []
        if not any(names):
            raise FileError(f"{sheet.label}: its row {area.first_row} is empty, where the header should be.")
        return unique_names(names)
    width = area.width if wanted.range.last_column else max((len(row) for row in found), default=0)
    if not width:
        raise FileError(f"{sheet.label}: it holds no value, so its columns are not known; set 'columns'.")
    return unique_names([""] * width)

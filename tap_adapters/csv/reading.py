"""From the rows of one CSV text to the columns of its stream, and what is said about rows that do not fit."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from tap_adapters.common.errors import FileError
from tap_adapters.common.values import ARROW_TYPES, UnfitError, typed
from tap_adapters.csv.entities import SOURCE_LINE
from tap_adapters.csv.exact import line_of
from tap_adapters.csv.layout import Layout, Rows

RAGGED_ROWS_NAMED = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """One CSV text as its stream wants it: which columns of which kinds, and the constants of the text."""

    layout: Layout
    columns: Mapping[str, str]
    null_markers: tuple[str, ...]
    about: Mapping[str, str]

    def batch(self, rows: Rows) -> pa.RecordBatch:
        """Return rows as the stream's columns; FileError for a value that its column's type cannot hold."""
        arrays = [self._column(name, kind, rows) for name, kind in self.columns.items()]
        if not arrays:
            return rows.batch.select([])
        return pa.RecordBatch.from_arrays(arrays, list(self.columns))

    def _column(self, name: str, kind: str, rows: Rows) -> pa.Array:
        count = rows.batch.num_rows
        if name in self.layout.columns:
            return self._values(name, kind, rows)
        if name in self.about:
            return pa.repeat(self.about[name], count)
        if name == SOURCE_LINE:
            return pa.array(rows.lines, pa.int64())
        return pa.nulls(count, ARROW_TYPES[kind])

    def _values(self, name: str, kind: str, rows: Rows) -> pa.Array:
        cells = rows.batch.column(self.layout.columns.index(name))
        try:
            return typed(cells, kind, self.null_markers)
        except UnfitError as error:
            line = rows.lines[error.row] if rows.lines else line_of(self.layout, rows.before + error.row)
            raise FileError(
                f"{self.layout.part.label}, line {line}: the value in column '{name}' does not convert to "
                f"{kind} without loss; mend it, name it in 'null_values', or change the column's type."
            ) from error


class RaggedRows:
    """What is done about the ragged rows of one CSV text: the first ends the run, or each is counted and skipped."""

    def __init__(self, log: logging.Logger, stream: str, layout: Layout, *, skip: bool) -> None:
        self._log = log
        self._stream = stream
        self._layout = layout
        self._skip = skip
        self._count = 0

    def __call__(self, line: int, fields: int) -> None:
        """Deal with a row that begins on `line` and has `fields` fields."""
        what = (
            f"Stream '{self._stream}', {self._layout.part.label}, line {line}: the row has {fields} fields "
            f"where {self._layout.width} are expected; "
        )
        if not self._skip:
            raise FileError(what + "mend it, or set 'on_ragged_row: skip'.")
        self._count += 1
        if self._count <= RAGGED_ROWS_NAMED:
            self._log.warning("%sskipped.", what)

    def finish(self) -> int:
        """Say how many were not named one by one, and return how many were skipped."""
        if self._count > RAGGED_ROWS_NAMED:
            self._log.warning("%s: %d ragged rows were skipped.", self._layout.part.label, self._count)
        return self._count

"""The authority on what a CSV text says: the csv module, with line numbers and the errors it keeps to itself."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice

import pyarrow as pa

from tap_adapters.common.errors import FileError
from tap_adapters.csv.layout import Dialect, Layout, Rows
from tap_adapters.csv.sources import Part, open_text, undecodable

MAX_FIELD_CHARS = 32 * 2**20
ROWS_PER_BATCH = 10_000
BYTES_PER_BATCH = 8 * 2**20

OnRagged = Callable[[int, int], None]
"""Called with the line on which a ragged row begins and the number of its fields; raises, or lets it be skipped."""


class Records:
    """The records of a part, each with the line on which it begins; blank lines are passed over."""

    def __init__(self, part: Part, encoding: str, dialect: Dialect) -> None:
        self._part = part
        self._encoding = encoding
        self._dialect = dialect
        self.bytes_read = 0

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        try:
            yield from self._read()
        except UnicodeDecodeError as error:
            raise undecodable(self._part, self._encoding) from error

    def _read(self) -> Iterator[tuple[int, list[str]]]:
        csv.field_size_limit(MAX_FIELD_CHARS)
        ended: list[bool] = []
        line = 1
        with open_text(self._part, self._encoding) as (text, source):
            reader = self._dialect.reader(chain(text, _mark_end(ended)))
            try:
                for row in reader:
                    # A reader that asks for more lines in the middle of a record stands inside a quoted field.
                    if ended:
                        raise self._unclosed(line, row)
                    self.bytes_read = source.total
                    if row:
                        yield line, row
                    line = reader.line_num + 1
            except csv.Error as error:
                raise self._malformed(line, error, at_end=bool(ended)) from error

    def _unclosed(self, line: int, row: list[str]) -> FileError:
        opened = line + sum(_line_breaks(field) for field in row[:-1])
        return FileError(
            f"{self._part.label}, line {opened}: the file ends inside a quoted field that opens on this line; "
            "close the quote, or set 'quotechar'."
        )

    def _malformed(self, line: int, error: csv.Error, *, at_end: bool) -> FileError:
        if at_end and self._dialect.strict:
            return _last_error(Records(self._part, self._encoding, replace(self._dialect, strict=False)))
        if "field limit" in str(error):
            return FileError(
                f"{self._part.label}, line {line}: the record that begins on this line has a field of more than "
                f"{MAX_FIELD_CHARS // 2**20} M characters; an unclosed quote is the usual cause."
            )
        return FileError(f"{self._part.label}, line {line}: not CSV in the dialect set for it: {error}.")


def first_record(part: Part, encoding: str, dialect: Dialect) -> tuple[str, ...] | None:
    """Return the first record of a part, None if it holds none."""
    return next((tuple(row) for _, row in Records(part, encoding, dialect)), None)


def exact_rows(layout: Layout, before: int, on_ragged: OnRagged) -> Iterator[Rows]:
    """Yield the rows of a text after the first `before` ones, in batches bounded by rows and by bytes."""
    records = Records(layout.part, layout.encoding, layout.dialect)
    lines: list[int] = []
    rows: list[list[str]] = []
    limit = BYTES_PER_BATCH
    for line, row in islice(_data_rows(layout, records, on_ragged), before, None):
        lines.append(line)
        rows.append(row)
        if len(rows) == ROWS_PER_BATCH or records.bytes_read > limit:
            yield Rows(_batch(rows), before, lines)
            before += len(rows)
            lines, rows, limit = [], [], records.bytes_read + BYTES_PER_BATCH
    if rows:
        yield Rows(_batch(rows), before, lines)


def line_of(layout: Layout, row: int) -> int:
    """Return the line on which the row with this position (from 0) begins."""
    records = Records(layout.part, layout.encoding, layout.dialect)
    return next(line for line, _ in islice(_data_rows(layout, records, _skip), row, None))


def _data_rows(layout: Layout, records: Records, on_ragged: OnRagged) -> Iterator[tuple[int, list[str]]]:
    numbered = iter(records)
    if layout.header is not None and layout.header != tuple(next(numbered, (1, []))[1]):
        raise FileError(f"{layout.part.label}: its header changed while the tap was running; run it again.")
    width = layout.width
    for line, row in numbered:
        if len(row) == width:
            yield line, row
        else:
            on_ragged(line, len(row))


def _batch(rows: list[list[str]]) -> pa.RecordBatch:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, [str(index) for index in range(len(columns))])


def _mark_end(ended: list[bool]) -> Iterator[str]:
    ended.append(True)
    yield from ()


def _line_breaks(field: str) -> int:
    return field.count("\n") + field.count("\r") - field.count("\r\n")


def _last_error(records: Records) -> FileError:
    try:
        for _ in records:
            pass
    except FileError as error:
        return error
    raise AssertionError("a text that ends inside a quote does so in every dialect")


def _skip(line: int, fields: int) -> None:
    """Let a ragged row be skipped without a word."""

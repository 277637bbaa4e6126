r"""The quick engine: `pyarrow.csv` on one chunk of text after the other, with a proof that each chunk ends a record.

It gives up (UnsureError) rather than deliver what the csv module might read otherwise. pyarrow's own streaming
is not used: in pyarrow 24 it drops the `\n` of a `\r\n` inside a quoted field that straddles two blocks, loses its
place at NUL bytes, closes an open quote at the end of the file in silence, and reads Python files from threads
that can outlive the interpreter. Here a chunk is cut after a line that seems to end a record, and a sentinel
record is appended: it comes back whole only if pyarrow, too, stood between two records there.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

import pyarrow as pa

from tap_adapters.common.arrow import csv as pacsv
from tap_adapters.csv.layout import Layout
from tap_adapters.csv.sources import open_bytes, skip_bom

CHUNK_BYTES = 2**20
MAX_CHUNK_BYTES = 2**24
MAX_COLUMNS = 10_000


class UnsureError(Exception):
    """The quick engine cannot vouch for the rows that follow those it has delivered."""


def quick_batches(layout: Layout) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a text as text columns in file order, or raise UnsureError at the first doubt."""
    if not layout.dialect.is_plain or layout.width > MAX_COLUMNS:
        raise UnsureError
    expected = layout.header
    with open_bytes(layout.part) as data:
        for batch in _chunks(layout, _Utf8(data, layout.encoding)):
            if expected is None:
                yield batch
            elif batch.num_rows:
                if _row(batch, 0) != expected:
                    raise UnsureError
                expected = None
                yield batch.slice(1)


def _chunks(layout: Layout, text: _Utf8) -> Iterator[pa.RecordBatch]:
    pending = b""
    while more := text.read(max(CHUNK_BYTES, len(pending))):
        pending += more
        cut, batch = _first_chunk(layout, pending)
        pending = pending[cut:]
        if batch is not None:
            yield batch
        elif len(pending) > MAX_CHUNK_BYTES:
            raise UnsureError
    batch = _parsed(layout, pending)
    if batch is None:
        raise UnsureError
    yield batch


def _first_chunk(layout: Layout, text: bytes) -> tuple[int, pa.RecordBatch | None]:
    """Return the length and the rows of the longest chunk that can be proven, 0 and None if there is none.

    In well-formed CSV a record ends where the quotes before it are even in number. A stray quote in an unquoted
    field turns that round, so the odd ones are tried too.
    """
    quote = layout.dialect.quotechar.encode()
    for odd in (0, 1) if quote and quote in text else (0,):
        cut = _last_line_end(text, quote, odd)
        batch = _parsed(layout, text[:cut]) if cut else None
        if batch is not None:
            return cut, batch
    return 0, None


def _last_line_end(text: bytes, quote: bytes, odd: int) -> int:
    """Return the end of the last line with an even (odd: 0) or odd (1) number of quotes up to there, else 0."""
    end = text.rfind(b"\n") + 1
    if not quote:
        return end
    parity = text.count(quote, 0, end) % 2
    while end and parity != odd:
        before = text.rfind(b"\n", 0, end - 1) + 1
        parity ^= text.count(quote, before, end) % 2
        end = before
    return end


def _parsed(layout: Layout, text: bytes) -> pa.RecordBatch | None:
    """Return the rows of a chunk, None if it is no sequence of whole records of the right width."""
    # pyarrow would strip what looks like a byte order mark from the beginning of a chunk.
    if b"\0" in text or text.startswith(codecs.BOM_UTF8):
        raise UnsureError
    sentinel = _sentinel(layout)
    last = layout.dialect.delimiter.join([sentinel] * layout.width)
    try:
        table = _read_csv(layout, text + f"\n{last}\n".encode())
    except pa.ArrowInvalid:
        return None
    batch = table.combine_chunks().to_batches()[0]
    if set(_row(batch, batch.num_rows - 1)) != {sentinel}:
        return None
    return batch.slice(0, batch.num_rows - 1)


def _read_csv(layout: Layout, text: bytes) -> pa.Table:
    names = [str(index) for index in range(layout.width)]
    dialect = layout.dialect
    return pacsv.read_csv(
        pa.BufferReader(text),
        read_options=pacsv.ReadOptions(column_names=names, block_size=len(text) + 1, use_threads=False),
        parse_options=pacsv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quotechar or False,
            newlines_in_values=bool(dialect.quotechar),
        ),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )


def _row(batch: pa.RecordBatch, index: int) -> tuple[str, ...]:
    return tuple(column[index].as_py() for column in batch.columns)


def _sentinel(layout: Layout) -> str:
    marks = layout.dialect.delimiter + layout.dialect.quotechar
    return next(letter for letter in "END" if letter not in marks) * 16


class _Utf8:
    """The text of a part as UTF-8, without its byte order mark."""

    def __init__(self, data: io.BufferedReader, encoding: str) -> None:
        self._data = data
        codec = skip_bom(data, encoding)
        self._decoder = None if codec == "utf-8" else codecs.getincrementaldecoder(codec)()

    def read(self, size: int) -> bytes:
        """Return the next piece of text, of about `size` bytes; nothing when all has been read."""
        chunk = self._data.read(size)
        if self._decoder is None:
            return chunk
        try:
            text = self._decoder.decode(chunk, final=not chunk)
            while chunk and not text:
                chunk = self._data.read(size)
                text = self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise UnsureError from error
        return text.encode()

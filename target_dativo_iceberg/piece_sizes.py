"""How many rows of a file of columns are read at once: many, so that calls are few, in memory that is bounded."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

_MOST_ROWS = 131_072
# Of rows that are written: they wait for others, and are copied on the way.
_WRITTEN_BYTES = 8 << 20
# Of rows that are only looked at, since their file is adopted.
SEEN_BYTES = 16 << 20
# Of a piece in which each row has the longest text that it may have.
_UTMOST_BYTES = 64 << 20
# Taken for a value at least: nulls take less in a file.
_VALUE_BYTES = 8
_TEXT = "BYTE_ARRAY"
# Writers make pages of a MiB, or of a row group of a hundred thousand values.
_PAGE_BYTES = 1 << 20
_PAGE_VALUES = 131_072
# Read at once of each column: a row group of any size takes little memory.
BUFFER_BYTES = 64 << 10


def page_bytes(metadata: pq.FileMetaData, groups: Sequence[int]) -> dict[str, int]:
    """Return how many bytes a page takes, of which a reader holds one of each column at once: by column, at most.

    Args:
        metadata: of the Parquet file.
        groups: numbers of row groups.

    """
    found: dict[str, int] = {}
    for number in groups:
        group, sizes = metadata.row_group(number), dict[str, int]()
        for index in range(group.num_columns):
            chunk = group.column(index)
            whole, name = chunk.total_uncompressed_size, chunk.path_in_schema.partition(".")[0]
            page = max(_PAGE_BYTES, whole * _PAGE_VALUES // max(1, chunk.num_values))
            sizes[name] = sizes.get(name, 0) + min(whole, page)
        found |= {name: max(size, found.get(name, 0)) for name, size in sizes.items()}
    return found


def rows_in(rows: int, nbytes: int, most: int = _WRITTEN_BYTES) -> int:
    """Return how many rows are a piece of at most some bytes, where so many rows take so many bytes."""
    return max(1, min(_MOST_ROWS, most * rows // max(1, nbytes))) if rows else _MOST_ROWS


def rows_of(
    path: Path, metadata: pq.FileMetaData, number: int, most: int = _WRITTEN_BYTES, short: Collection[str] = ()
) -> int:
    """Return how many rows of a row group are a piece.

    Args:
        path: of the Parquet file.
        metadata: its footer.
        number: of the row group.
        most: bytes of a piece.
        short: columns that are read with their dictionaries, whose texts are known to be short.

    Raises:
        OSError: it cannot be read.
        pa.ArrowException: nor decoded.

    """
    group = metadata.row_group(number)
    nbytes, longest = 0, 1
    for index in range(group.num_columns):
        chunk = group.column(index)
        size = max(chunk.total_uncompressed_size, _VALUE_BYTES * group.num_rows)
        if chunk.physical_type == _TEXT and chunk.has_dictionary_page and chunk.path_in_schema not in short:
            # Texts that repeat stand in the file once; in memory each takes its place.
            lengths = text_lengths(path, metadata, number, chunk.path_in_schema)
            size += int((pc.mean(lengths).as_py() or 0) * chunk.num_values)
            longest = max(longest, pc.max(lengths).as_py() or 0)
        nbytes += size
    return max(1, min(rows_in(group.num_rows, nbytes, most), _UTMOST_BYTES // longest))


def spans(path: Path, metadata: pq.FileMetaData) -> Iterator[tuple[list[int], int]]:
    """Yield row groups that are read in one go, and how many rows of them are a piece.

    Small groups go together, unless their rows differ in size: long ones do not make the pieces of others small.

    Args:
        path: of the Parquet file.
        metadata: its footer.

    Raises:
        OSError: it cannot be read.
        pa.ArrowException: nor decoded.

    """
    sizes = [rows_of(path, metadata, number) for number in range(metadata.num_row_groups)]
    for _, found in itertools.groupby(range(len(sizes)), key=lambda number: sizes[number].bit_length()):
        numbers = list(found)
        yield numbers, min(sizes[number] for number in numbers)


def text_lengths(path: Path, metadata: pq.FileMetaData, group: int, column: str) -> pa.Int32Array:
    """Return the lengths, in bytes, of the texts that a row group has in a column's dictionary.

    Args:
        path: of the Parquet file.
        metadata: its footer.
        group: number of the row group.
        column: names of the members that lead to it, with dots between them.

    Raises:
        OSError: it cannot be read.
        pa.ArrowException: nor decoded.

    """
    options = {"metadata": metadata, "pre_buffer": False, "buffer_size": BUFFER_BYTES}
    with pq.ParquetFile(path, read_dictionary=[column], **options) as file:
        batches = list(itertools.islice(file.iter_batches(1, [group], [column], use_threads=False), 1))
    found = batches[0].column(0) if batches else pa.array([], pa.binary())
    while pa.types.is_nested(found.type):
        found = found.field(0) if pa.types.is_struct(found.type) else found.values
    return pc.binary_length(found.dictionary if pa.types.is_dictionary(found.type) else found)

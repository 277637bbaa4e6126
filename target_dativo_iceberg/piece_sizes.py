"""How many rows of a file of columns are read at once: many, so that calls are few, in memory that is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_MOST_ROWS = 131_072
_MOST_BYTES = 16 << 20
# Taken for a value at least: nulls and what repeats take less in a file.
_VALUE_BYTES = 8


def rows_in(rows: int, nbytes: int) -> int:
    """Return how many rows are a piece, where so many rows take so many bytes."""
    return max(1, min(_MOST_ROWS, _MOST_BYTES * rows // max(1, nbytes))) if rows else _MOST_ROWS


def rows_of(group: pq.RowGroupMetaData) -> int:
    """Return how many rows of a row group are a piece."""
    chunks = (group.column(index) for index in range(group.num_columns))
    return rows_in(
        group.num_rows, sum(max(chunk.total_uncompressed_size, _VALUE_BYTES * group.num_rows) for chunk in chunks)
    )


def spans(metadata: pq.FileMetaData) -> Iterator[tuple[list[int], int]]:
    """Yield row groups that are read in one go, and how many rows of them are a piece: small ones go together.

    A group whose rows are large stands alone, and does not make the pieces of others small.
    """
    sizes = [rows_of(metadata.row_group(number)) for number in range(metadata.num_row_groups)]
    for alone, numbers in groupby(range(len(sizes)), key=lambda n: n if sizes[n] < _MOST_ROWS else -1):
        yield list(numbers), sizes[alone] if alone >= 0 else _MOST_ROWS

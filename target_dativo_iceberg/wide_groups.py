"""Row groups of many columns: decoded some columns at a time, since a reader holds a page of each column at once.

What is decoded waits on the disk until all columns of a piece are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pyarrow as pa

from target_dativo_iceberg.piece_sizes import page_bytes
from target_dativo_iceberg.spill import Spill

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# Of pages that a reader may hold; of those that two may each, beside each other; and of columns decoded together.
_MOST_BYTES = 128 << 20
_EACH_BYTES = 32 << 20
_TOGETHER_BYTES = 64 << 20
_WAITING = "columns that wait for the others of their rows"


def are_narrow(metadata: pq.FileMetaData) -> bool:
    """Whether two readers may each hold a page of each column of a file."""
    return sum(page_bytes(metadata, range(metadata.num_row_groups)).values()) <= _EACH_BYTES


def are_wide(metadata: pq.FileMetaData) -> bool:
    """Whether some columns of a file are decoded before others."""
    return sum(page_bytes(metadata, range(metadata.num_row_groups)).values()) > _MOST_BYTES


def batches(
    file: pq.ParquetFile, groups: Sequence[int], step: int, *, use_threads: bool = True
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of row groups.

    Args:
        file: opened without dictionaries if its groups are wide.
        groups: their numbers.
        step: rows of a batch.
        use_threads: columns are decoded side by side.

    Raises:
        OSError: the file cannot be read.
        pa.ArrowException: nor decoded.
        StoreError: the disk is full.

    """
    parts = _parts(file, groups)
    if len(parts) < 2:
        yield from file.iter_batches(step, row_groups=groups, use_threads=use_threads)
        return
    with ExitStack() as stack:
        spills, sizes = list[Spill](), list[list[int]]()
        for part in parts:
            spill = stack.enter_context(closing(Spill(pa.schema([file.schema_arrow.field(n) for n in part]), _WAITING)))
            found = file.iter_batches(step, row_groups=groups, columns=part, use_threads=use_threads)
            sizes.append([_waits(batch, spill) for batch in found])
            spills.append(spill)
        if any(size != sizes[0] for size in sizes):
            raise pa.ArrowInvalid("columns of a row group are not of the same length")
        for number in range(len(sizes[0])):
            tables = [spill.read(number) for spill in spills]
            columns = [column.combine_chunks() for table in tables for column in table.columns]
            yield pa.RecordBatch.from_arrays(columns, schema=file.schema_arrow.remove_metadata())


def _waits(batch: pa.RecordBatch, spill: Spill) -> int:
    spill.write(pa.Table.from_batches([batch]))
    return int(batch.num_rows)


def _parts(file: pq.ParquetFile, groups: Sequence[int]) -> list[list[str]]:
    """Return the columns that are decoded together, in the file's order; all of them where that takes little memory."""
    sizes, names = page_bytes(file.metadata, groups), file.schema_arrow.names
    # A dot in a name could be the way to a member, and of twins the reader takes both.
    if sum(sizes.values()) <= _MOST_BYTES or sizes.keys() != set(names) or len(sizes) != len(names):
        return [names]
    parts, nbytes = [list[str]()], 0
    for name in names:
        if parts[-1] and nbytes + sizes[name] > _TOGETHER_BYTES:
            parts.append([])
            nbytes = 0
        parts[-1].append(name)
        nbytes += sizes[name]
    return parts

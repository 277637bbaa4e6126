"""Sets of row numbers, one bit for each row of the stretches that have any."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_BITS = 16
_ROWS = 1 << _BITS


class RowMarks:
    """Marked rows of a file or of a sequence of batches. False while there are none."""

    def __init__(self) -> None:
        self._blocks: dict[int, pa.BooleanArray] = {}
        self.count = 0

    def __bool__(self) -> bool:
        """Whether any row is marked."""
        return self.count > 0

    def add(self, rows: pa.Array) -> None:
        """Mark rows by their numbers, int64, in any order; a row may be marked again."""
        rows = rows.take(pc.array_sort_indices(rows))
        blocks = pc.value_counts(pc.shift_right(rows, pa.scalar(_BITS, pa.int64())))
        start = 0
        for block, count in zip(blocks.field(0).to_pylist(), blocks.field(1).to_pylist(), strict=True):
            self._mark(block, rows.slice(start, count))
            start += count

    def _mark(self, block: int, rows: pa.Array) -> None:
        every = pa.arange(block * _ROWS, (block + 1) * _ROWS)
        found = pc.is_in(every, value_set=rows)
        before = self._blocks.get(block)
        if before is not None:
            self.count -= before.true_count
            found = pc.or_(before, found)
        self.count += found.true_count
        self._blocks[block] = found

    def mask(self, start: int, count: int) -> pa.BooleanArray:
        """Return for each of `count` rows from `start` whether it is marked."""
        parts, row, stop = [], start, start + count
        while row < stop:
            block, offset = divmod(row, _ROWS)
            size = min(_ROWS - offset, stop - row)
            own = self._blocks.get(block)
            parts.append(pa.repeat(pa.scalar(False), size) if own is None else own.slice(offset, size))
            row += size
        return pa.concat_arrays(parts) if parts else pa.array([], pa.bool_())

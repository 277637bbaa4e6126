"""Row groups of data files: how many rows are written at once, and gathering that many."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile

    from target_dativo_iceberg.arranged import Writer

GROUP_ROWS = 131_072
# Of Arrow memory.
GROUP_BYTES = 48 << 20


def fills_group(rows: int, nbytes: int) -> bool:
    """Whether rows are enough for a row group."""
    return rows >= GROUP_ROWS or nbytes >= GROUP_BYTES


@dataclass(slots=True)
class RowGroups:
    """Gathers batches into row groups of a file writer."""

    writer: Writer
    _held: list[pa.RecordBatch] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows; write when they fill a group."""
        if batch.num_rows == 0:
            return
        self._held.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if fills_group(self._rows, self._bytes):
            self._write()

    def finish(self) -> list[DataFile]:
        """Write the rest and return the data files."""
        self._write()
        return self.writer.finish()

    def _write(self) -> None:
        if self._held:
            self.writer.write(self._held)
            self._held, self._rows, self._bytes = [], 0, 0

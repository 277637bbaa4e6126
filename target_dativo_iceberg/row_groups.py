"""Row groups of data files: how many rows are written at once, and gathering that many."""

from __future__ import annotations

from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor, Future

    import pyarrow as pa
    from pyiceberg.manifest import DataFile

    from target_dativo_iceberg.arranged import Writer

GROUP_ROWS = 131_072
# Of Arrow memory.
GROUP_BYTES = 48 << 20


def fills_group(rows: int, nbytes: int) -> bool:
    """Whether rows are enough for a row group."""
    return rows >= GROUP_ROWS or nbytes >= GROUP_BYTES


def groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Yield batches by as many as make a row group."""
    held: list[pa.RecordBatch] = []
    rows = nbytes = 0
    for batch in batches:
        held.append(batch)
        rows, nbytes = rows + batch.num_rows, nbytes + batch.nbytes
        if fills_group(rows, nbytes):
            yield held
            held, rows, nbytes = [], 0, 0
    if held:
        yield held


@dataclass(slots=True)
class RowGroups:
    """Gathers batches into row groups of a file writer.

    Attributes:
        writer: of the files.
        aside: thread that writes a group while the next one is gathered; None to write where rows are added.

    """

    writer: Writer
    aside: Executor | None = None
    _held: list[pa.RecordBatch] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0
    _writing: Future[None] | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows; write when they fill a group.

        Raises:
            StoreError: the file store refused, this group or the one before.

        """
        if batch.num_rows == 0:
            return
        self._held.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if fills_group(self._rows, self._bytes):
            self._write()

    def all(self, batches: Iterable[pa.RecordBatch]) -> list[DataFile]:
        """Write batches and return the data files; none is left when that fails.

        Raises:
            StoreError: the file store refused.

        """
        try:
            for batch in batches:
                self.add(batch)
            return self.finish()
        except BaseException:
            wait([self._writing] if self._writing else [])
            self.writer.discard()
            raise

    def finish(self) -> list[DataFile]:
        """Write the rest and return the data files.

        Raises:
            StoreError: the file store refused.

        """
        self._write()
        self._wait()
        return self.writer.finish()

    def _write(self) -> None:
        if not self._held:
            return
        held, self._held, self._rows, self._bytes = self._held, [], 0, 0
        self._wait()
        if self.aside is None:
            self.writer.write(held)
        else:
            self._writing = self.aside.submit(self.writer.write, held)

    def _wait(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

"""Rows on disk for a while: a file without a name, which vanishes with the process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import IO

import pyarrow as pa

from target_dativo_iceberg.errors import StoreError


class Spill:
    """Pieces of tables in a file of the folder for temporary files; made when the first piece comes.

    Args:
        schema: of all pieces.
        what: the rows are, for messages.

    """

    def __init__(self, schema: pa.Schema, what: str = "rows that wait for the others of their partition") -> None:
        self._schema = schema
        self._what = what
        self._file: IO[bytes] | None = None
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._reader: pa.ipc.RecordBatchFileReader | None = None
        self._count = 0
        self._lock = Lock()

    def write(self, piece: pa.Table) -> int:
        """Append a piece and return its number.

        Raises:
            StoreError: the folder is full or cannot be written.

        """
        with _disk(self._what):
            if self._writer is None:
                self._file = tempfile.TemporaryFile(prefix="dativo-rows-")  # noqa: SIM115 - closed by close
                self._writer = pa.ipc.new_file(pa.PythonFile(self._file, "w"), self._schema)
            (batch,) = piece.combine_chunks().to_batches()
            self._writer.write_batch(batch)
        self._count += 1
        return self._count - 1

    def read(self, number: int) -> pa.Table:
        """Return a piece; after the first is read none can be written. Several threads may read."""
        with _disk(self._what), self._lock:
            if self._reader is None:
                assert self._writer is not None
                assert self._file is not None
                self._writer.close()
                self._file.flush()
                self._reader = pa.ipc.open_file(_source(self._file))
            return pa.Table.from_batches([self._reader.get_batch(number)])

    def close(self) -> None:
        """Give the disk space back."""
        if self._file is not None:
            self._file.close()
        self._file = self._writer = self._reader = None


def _source(file: IO[bytes]) -> pa.NativeFile:
    """Return a file that Arrow reads itself, which is faster, where the system gives one that has no name."""
    try:
        return pa.OSFile(f"/dev/fd/{file.fileno()}", "r")
    except OSError:
        return pa.PythonFile(file, "r")


@contextmanager
def _disk(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{what} do not fit on the disk ({error.strerror or 'full'})",
            "free space in the folder for temporary files, or name another in TMPDIR",
        ) from error

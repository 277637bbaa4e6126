"""Sizes of data files: how many rows bring a file to its target size, in compressed bytes.

What rows take in a file is known once some of the same partition are written: the last row group says how many bytes
of file a byte of Arrow memory becomes. Before that, rows of half a target at most are written, since rows hardly ever
take more room in a file than in memory.
"""

from __future__ import annotations

# Of the target: a file that has as much is closed, so that no row group is only there to fill the last bytes.
_FULL = 0.95
_FIRST = 0.5


class FileSizes:
    """The size that the data files of one writer are to have.

    Args:
        target: bytes of file.

    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._ratio: float | None = None

    def rows_that_fit(self, rows: int, nbytes: int, start: int, written: int) -> int:
        """Return how many rows from a row on are to be written to a file as its next row group.

        Args:
            rows: how many there are.
            nbytes: of Arrow memory that they take.
            start: the first that is not written yet.
            written: bytes that the file has.

        """
        left = rows - start
        if left <= 0:
            return 0
        size = nbytes * left / rows
        room = self._target - written if self._ratio is not None else self._target * _FIRST
        if size * (self._ratio or 1.0) <= room:
            return left
        return max(1, min(left, int(left * room / (size * (self._ratio or 1.0)))))

    def learn(self, nbytes: float, written: int) -> None:
        """Take in what rows of some bytes of Arrow memory took in a file."""
        if nbytes and written > 0:
            self._ratio = written / nbytes

    def fills(self, written: int) -> bool:
        """Whether a file is large enough to be closed."""
        return written >= self._target * _FULL

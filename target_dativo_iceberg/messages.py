"""Standard input as Singer messages: blocks of whole lines, split by stream without touching single records.

A line of a stream's records starts with the same bytes as the stream's other lines (`heads`), so one comparison over
a block finds them all. What matches no head is decoded by itself: SCHEMA, STATE, ACTIVATE_VERSION, BATCH, and RECORD
lines that put their members in another order.
"""

from __future__ import annotations

import contextlib
import fcntl
import select
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.envelope import ActivateVersion, BatchFiles, Control, Schema, State, decode_control
from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.heads import Heads, head_of
from target_dativo_iceberg.line_arrays import data_of, line_array, lines_of

BLOCK_BYTES = 4 << 20
# A block that is not full is handed on after this many seconds, so that a slow tap's STATE is not held back.
LINGER_SECONDS = 0.5
# Bytes of a pipe that we ask for: with the usual 64 KiB the two processes wake each other all the time.
_PIPE_BYTES = 1 << 20
# So few lines are matched one by one.
_FEW = 8


@dataclass(frozen=True, slots=True)
class Records:
    """A run of records of one stream: RECORD lines, or the lines of a BATCH file.

    Attributes:
        stream: its name.
        lines: the lines, as they came, one per element.
        first_line: number of the block's first line in the input, from 1.
        positions: mask over the block's lines from `offset` on: which of them these are; None when all are.
        offset: index in the block of the mask's first element.
        numbers: numbers of the lines, when they are given one by one.
        file: name of the BATCH file they are in, or empty.

    """

    stream: str
    lines: pa.BinaryArray
    first_line: int = 1
    offset: int = 0
    positions: pa.BooleanArray | None = None
    numbers: pa.Int64Array | None = None
    file: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of the lines."""
        return data_of(self.lines).size if len(self.lines) else 0

    def line_number(self, row: int) -> int:
        """Return the number in the input, or in its file, of a row's line."""
        if self.numbers is not None:
            return int(self.numbers[row].as_py())
        if self.positions is not None:
            row = int(pc.indices_nonzero(self.positions)[row].as_py())
        return self.first_line + self.offset + row

    def line_numbers(self) -> pa.Int64Array:
        """Return the numbers, in the input or in their file, of all rows' lines."""
        if self.numbers is not None:
            return self.numbers
        rows = pa.arange(0, len(self.lines)) if self.positions is None else pc.indices_nonzero(self.positions)
        return pc.add(rows.cast(pa.int64()), pa.scalar(self.first_line + self.offset, pa.int64()))

    def place(self, row: int) -> str:
        """Say where a row's line stands, for people."""
        file = f"BATCH file {self.file}: " if self.file else ""
        return f"{file}line {self.line_number(row)}"

    def where(self, row: int) -> str:
        """Say where a row's line stands and of which stream it is, for people."""
        return f"{self.place(row)}: stream '{self.stream}'"


class Block:
    """Whole lines, with the control messages among them decoded.

    Args:
        lines: all of them.
        first_line: number of the first in the input, from 1.
        heads: that the input has had so far; those of this block are added.
        is_full: there was more input at once than goes into it.

    Attributes:
        controls: (index in the block, message), in order.
        nbytes: bytes of all lines.
        is_full: as given.

    """

    def __init__(
        self,
        lines: pa.BinaryArray,
        first_line: int,
        nbytes: int,
        *,
        heads: Heads | None = None,
        is_full: bool = False,
    ) -> None:
        self._heads = heads or Heads()
        self.is_full = is_full
        self.first_line = first_line
        self.nbytes = nbytes
        self.controls: list[tuple[int, Control]] = []
        self._streams = pa.nulls(len(lines), pa.int32())  # by line, as the heads count them
        self._lines = lines
        loose = self._sort_out()
        if loose:
            self._rewrite(loose)

    def __len__(self) -> int:
        return len(self._lines)

    def records(self, start: int, stop: int) -> list[Records]:
        """Return the records among lines `start` to `stop` (exclusive), a run per stream."""
        part, streams = self._lines.slice(start, stop - start), self._streams.slice(start, stop - start)
        present = streams.unique().drop_null().to_pylist()
        if len(present) != 1:
            return self._sorted(part, streams, start) if present else []
        here = streams.is_valid() if streams.null_count else None
        lines = part if here is None else lines_of(part, here)
        return [Records(self._heads.streams[present[0]], lines, self.first_line, start, here)]

    def _sorted(self, part: pa.BinaryArray, streams: pa.Int32Array, start: int) -> list[Records]:
        """Return the records of several streams, which stand between one another."""
        rows = pc.sort_indices(streams).slice(0, len(streams) - streams.null_count)
        numbers = pc.add(rows.cast(pa.int64()), pa.scalar(self.first_line + start, pa.int64()))
        runs = pc.run_end_encode(streams.take(rows), run_end_type=pa.int32())
        found: list[Records] = []
        begin = 0
        for stream, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            name, some = self._heads.streams[stream], slice(begin, end)
            found.append(Records(name, part.take(rows[some]), numbers=numbers[some]))
            begin = end
        return found

    def has_records(self, start: int) -> bool:
        """Whether there are records from line `start` on."""
        rest = self._streams.slice(start)
        return bool(len(rest) > rest.null_count)

    def _sort_out(self) -> dict[int, bytes]:
        """Find the streams' lines and decode the others; return RECORD lines to be put in the usual order."""
        loose: dict[int, bytes] = {}
        self._match_heads_of((0, len(self) // 2, len(self) - 1))
        self._match_known()
        met: set[bytes] = set()
        for row in self._unmatched():
            line: bytes = self._lines[row].as_py()
            if (head := head_of(line)) is not None:
                if head[0] not in met:
                    met.add(head[0])
                    self._match(*head)
                continue
            message = decode_control(line, self.first_line + row)
            if isinstance(message, bytes):
                loose[row] = message
            elif message is not None:
                self.controls.append((row, message))
        return loose

    def _match_heads_of(self, rows: tuple[int, ...]) -> None:
        """Match the head of a few lines, mostly that of all records of the block; several are only remembered."""
        found = {head for row in rows if (head := head_of(self._lines[row].as_py())) is not None}
        if len(found) == 1:
            self._match(*found.pop())
        for head in found:
            self._heads.add(*head)

    def _match_known(self) -> None:
        """Match all heads that are known, if lines are left."""
        if self._streams.null_count == len(self):
            self._streams = self._heads.find(self._lines)
        elif self._streams.null_count > _FEW:
            others = self._streams.is_null()
            self._streams = pc.replace_with_mask(self._streams, others, self._heads.find(self._lines.filter(others)))

    def _match(self, head: bytes, stream: str) -> None:
        index = pa.scalar(self._heads.add(head, stream), pa.int32())
        self._streams = pc.if_else(pc.starts_with(self._lines, pattern=head), index, self._streams)

    def _unmatched(self) -> list[int]:
        """Rows that belong to no stream yet."""
        return pc.indices_nonzero(self._streams.is_null()).to_pylist()  # type: ignore[no-any-return]

    def _rewrite(self, loose: dict[int, bytes]) -> None:
        lines = [loose.get(row) or self._lines[row].as_py() for row in range(len(self))]
        again = Block(pa.array(lines, pa.binary()), self.first_line, self.nbytes, heads=self._heads)
        self._lines, self._streams = again._lines, again._streams


# ---- blocks ----


class Reader:
    """Blocks of whole lines from a binary stream.

    Args:
        source: standard input or a file.
        max_line_bytes: longest line accepted.
        block_bytes: size of a block; a longer line makes its block larger.

    """

    def __init__(self, source: BinaryIO, max_line_bytes: int, block_bytes: int = BLOCK_BYTES) -> None:
        self._source = source
        self._max_line = max_line_bytes
        self._size = block_bytes
        self._heads = Heads()
        self._pollable = _pollable(source)
        if self._pollable:
            _widen(source)
        self.lines_read = 0

    def blocks(self) -> Iterator[Block | None]:
        """Yield blocks in order, and None whenever the input is silent for a moment.

        Raises:
            InputError: a line is longer than allowed, or is no Singer message.

        """
        rest = b""
        while True:
            memory, filled, ended = yield from self._filled(rest)
            view = memoryview(memory).cast("B")
            stop = filled if ended else _after_last_newline(view, filled)
            rest = view[stop:filled].tobytes()
            if stop:
                block = self._block(memory.slice(0, stop), is_full=filled == memory.size)
                del memory, view  # so that it is free before the next one is filled, if no run has it
                yield block
                del block
            if ended:
                return

    def _block(self, data: pa.Buffer, *, is_full: bool) -> Block:
        lines = line_array(data)
        longest = pc.max(pc.binary_length(lines))
        if longest.as_py() > self._max_line:
            raise self._too_long(pc.index(pc.binary_length(lines), longest).as_py())
        block = Block(lines, self.lines_read + 1, data.size, heads=self._heads, is_full=is_full)
        self.lines_read += len(lines)
        return block

    def _filled(self, rest: bytes) -> Generator[None, None, tuple[pa.Buffer, int, bool]]:
        """Read until the block is full, the input pauses, or it ends; at least one whole line."""
        memory = _allocated(max(self._size, 2 * len(rest)), rest)
        view = memoryview(memory).cast("B")
        filled, newline = len(rest), False
        deadline = time.monotonic() + LINGER_SECONDS
        while filled < memory.size or not newline:
            if filled == memory.size:
                if filled > self._max_line:
                    raise self._too_long(0)
                memory = _allocated(2 * memory.size, view)
                view = memoryview(memory).cast("B")
            if self._pollable and not self._ready(deadline if newline else time.monotonic() + LINGER_SECONDS):
                if newline:
                    break
                yield None
                continue
            got = self._source.readinto(view[filled:])  # type: ignore[attr-defined]
            if not got:
                return memory, filled, True
            newline = newline or _after_last_newline(view[filled:], got) > 0
            filled += got
        return memory, filled, False

    def _ready(self, deadline: float) -> bool:
        wait = max(0.0, deadline - time.monotonic())
        return bool(select.select([self._source], [], [], wait)[0])

    def _too_long(self, row: int) -> InputError:
        return InputError(
            f"line {self.lines_read + 1 + row}: longer than max_line_mb allows ({self._max_line >> 20} MiB)",
            "raise max_line_mb if such records are meant",
        )


def _allocated(size: int, start: bytes | memoryview) -> pa.Buffer:
    """Return memory that begins with some bytes. It is Arrow's, which uses it again, and is not filled with zeros."""
    memory = pa.allocate_buffer(size)
    memoryview(memory).cast("B")[: len(start)] = start
    return memory


def _after_last_newline(view: memoryview, filled: int) -> int:
    """Index after the last newline among the first `filled` bytes."""
    step = 1 << 16
    end = filled
    while end > 0:
        start = max(0, end - step)
        found = view[start:end].tobytes().rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _pollable(source: BinaryIO) -> bool:
    try:
        source.fileno()
    except (OSError, AttributeError):
        return False
    return True


def _widen(source: BinaryIO) -> None:
    """Ask for a wider pipe; what is no pipe, or a system that gives no more, stays as it is."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(source.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


__all__ = ["ActivateVersion", "BatchFiles", "Block", "Reader", "Records", "Schema", "State"]

"""Standard input as Singer messages: blocks of whole lines, split by stream without touching single records.

A line of a stream's records starts with the same bytes as the stream's other lines (its head: the members
`type` and `stream`), so one comparison over a block finds them all. What matches no head is decoded by itself:
SCHEMA, STATE, ACTIVATE_VERSION, BATCH, and RECORD lines that put their members in another order.
"""

from __future__ import annotations

import functools
import re
import select
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.errors import InputError

BLOCK_BYTES = 4 << 20
# A block that is not full is handed on after this many seconds, so that a slow tap's STATE is not held back.
LINGER_SECONDS = 0.5
_NEWLINE = 10
_HEAD = re.compile(
    rb'\{\s*"(type|stream)"\s*:\s*"([^"\\]*)"\s*,\s*"(?!\1)(type|stream)"\s*:\s*"([^"\\]*)"\s*,'
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Schema:
    """SCHEMA: the shape of a stream's records and its key properties."""

    stream: str
    schema: dict[str, Any]
    key_properties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """STATE: `value` is the JSON text exactly as it came, to be printed as it came."""

    value: bytes


@dataclass(frozen=True, slots=True)
class ActivateVersion:
    """ACTIVATE_VERSION: rows of older versions of the stream are gone at the source."""

    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """BATCH: records of a stream in files; `format` is jsonl, parquet or arrow."""

    stream: str
    format: str
    compression: str
    manifest: tuple[str, ...]


Control = Schema | State | ActivateVersion | BatchFiles


@dataclass(frozen=True, slots=True)
class Records:
    """A run of RECORD lines of one stream.

    Attributes:
        stream: its name.
        lines: the lines, as they came, one per element.
        first_line: number of the block's first line in the input, from 1.
        positions: mask over the block's lines from `offset` on: which of them these are; None when all are.
        offset: index in the block of the mask's first element.

    """

    stream: str
    lines: pa.BinaryArray
    first_line: int
    offset: int
    positions: pa.BooleanArray | None

    @property
    def nbytes(self) -> int:
        """Bytes of the lines."""
        if len(self.lines) == 0:
            return 0
        offsets = pa.Array.from_buffers(
            pa.int32(), len(self.lines) + 1, [None, self.lines.buffers()[1]], offset=self.lines.offset
        )
        return int(offsets[len(self.lines)].as_py() - offsets[0].as_py())

    def line_number(self, row: int) -> int:
        """Return the number in the input of a row's line."""
        if self.positions is None:
            return self.first_line + self.offset + row
        return self.first_line + self.offset + int(pc.indices_nonzero(self.positions)[row].as_py())


class Block:
    """Whole lines, with the control messages among them decoded.

    Attributes:
        controls: (index in the block, message), in order.
        nbytes: bytes of all lines.

    """

    def __init__(self, lines: pa.BinaryArray, first_line: int, nbytes: int) -> None:
        self.first_line = first_line
        self.nbytes = nbytes
        self.controls: list[tuple[int, Control]] = []
        self._masks: dict[str, pa.BooleanArray] = {}
        self._lines = lines
        loose = self._sort_out()
        if loose:
            self._rewrite(loose)

    def __len__(self) -> int:
        return len(self._lines)

    def records(self, start: int, stop: int) -> list[Records]:
        """Return the records among lines `start` to `stop` (exclusive), one run per stream."""
        found = []
        part = self._lines.slice(start, stop - start)
        for stream, mask in self._masks.items():
            here = mask.slice(start, stop - start)
            count = here.true_count
            if count and count == len(part):
                found.append(Records(stream, part, self.first_line, start, None))
            elif count:
                found.append(Records(stream, part.filter(here), self.first_line, start, here))
        return found

    def _sort_out(self) -> dict[int, bytes]:
        """Find the streams' lines and decode the others; return RECORD lines to be put in the usual order."""
        loose: dict[int, bytes] = {}
        self._match_heads_of((0, len(self) // 2, len(self) - 1))
        left = self._unmatched(-1)
        while left:
            row = left.popleft()
            line: bytes = self._lines[row].as_py()
            if (head := _record_head(line)) is not None:
                self._match(*head)
                left = self._unmatched(row)
                continue
            message = decode_control(line, self.first_line + row)
            if isinstance(message, bytes):
                loose[row] = message
            elif message is not None:
                self.controls.append((row, message))
        return loose

    def _match_heads_of(self, rows: tuple[int, ...]) -> None:
        """Match the heads of a few lines first: mostly they are all the heads of the block."""
        for head in dict.fromkeys(_record_head(self._lines[row].as_py()) for row in rows):
            if head is not None:
                self._match(*head)

    def _match(self, head: bytes, stream: str) -> None:
        mask = pc.starts_with(self._lines, pattern=head)
        known = self._masks.get(stream)
        self._masks[stream] = mask if known is None else pc.or_(known, mask)

    def _unmatched(self, after: int) -> deque[int]:
        """Rows after `after` that belong to no stream yet."""
        start = after + 1
        if not self._masks:
            return deque(range(start, len(self)))
        rest = functools.reduce(pc.or_, (m.slice(start) for m in self._masks.values()))
        return deque(row + start for row in pc.indices_nonzero(pc.invert(rest)).to_pylist())

    def _rewrite(self, loose: dict[int, bytes]) -> None:
        lines = [loose.get(row) or self._lines[row].as_py() for row in range(len(self))]
        again = Block(pa.array(lines, pa.binary()), self.first_line, self.nbytes)
        self._lines, self._masks = again._lines, again._masks


def _record_head(line: bytes) -> tuple[bytes, str] | None:
    """Return the head of a RECORD line and its stream, or None for any other line."""
    match = _HEAD.match(line)
    if match is None:
        return None
    kind, stream = (match[2], match[4]) if match[1] == b"type" else (match[4], match[2])
    if kind != b"RECORD" or not stream:
        return None
    try:
        return match[0], stream.decode()
    except UnicodeDecodeError:
        return None


# ---- one line ----


class _Message(msgspec.Struct):
    """Any Singer message; members are checked by kind afterwards."""

    type: str
    stream: Any = None
    schema: Any = None
    key_properties: Any = None
    record: msgspec.Raw = msgspec.Raw(b"")
    value: msgspec.Raw = msgspec.Raw(b"")
    version: Any = None
    encoding: Any = None
    manifest: Any = None
    time_extracted: Any = None


_MESSAGE = msgspec.json.Decoder(_Message)
_COMPRESSIONS = {None: "none", "none": "none", "gzip": "gzip", "gz": "gzip"}


def decode_control(line: bytes, number: int) -> Control | bytes | None:
    """Decode a line that matched no head.

    Returns:
        The message; for a RECORD with its members in an unusual order, the same line in the usual order;
        None for a blank line.

    Raises:
        InputError: what is wrong, with the line's number.

    """
    if not line.strip():
        return None
    where = f"line {number}"
    try:
        message = _MESSAGE.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _undecodable(line, where, error) from None
    if message.type == "STATE":
        return _state(message, where)
    if message.type not in ("SCHEMA", "RECORD", "ACTIVATE_VERSION", "BATCH"):
        raise InputError(f"{where}: unknown message type", "known are SCHEMA, RECORD, STATE, ACTIVATE_VERSION and BATCH")
    if not isinstance(message.stream, str) or not message.stream:
        raise InputError(f"{where}: {message.type} without 'stream'", "mend the tap")
    return _BY_TYPE[message.type](message, where)


def _undecodable(line: bytes, where: str, error: Exception) -> InputError:
    if isinstance(error, RecursionError):
        return InputError(f"{where}: nested too deep", "mend the tap")
    if isinstance(error, msgspec.ValidationError):
        missing = "type" in str(error) or not line.lstrip().startswith(b"{")
        what = "not a Singer message: no text member 'type'" if missing else "not a Singer message"
        return InputError(f"{where}: {what}", "is this the output of a tap?")
    if line.startswith(b"\xef\xbb\xbf"):
        return InputError(f"{where}: starts with a byte order mark", "have the tap write UTF-8 without one")
    ended = "" if line.endswith(b"\n") else ", and the input ends inside it"
    return InputError(f"{where}: not JSON{ended}", "the tap wrote something else, or was cut off")


def _schema(message: _Message, where: str) -> Schema:
    if not isinstance(message.schema, dict):
        raise InputError(f"{where}: SCHEMA of stream '{message.stream}' without a 'schema' object", "mend the tap")
    keys = message.key_properties or []
    if not isinstance(keys, list) or not all(isinstance(k, str) for k in keys):
        raise InputError(f"{where}: 'key_properties' of stream '{message.stream}' is not a list of names", "mend the tap")
    return Schema(message.stream, message.schema, tuple(keys))


def _record(message: _Message, where: str) -> bytes:
    record = bytes(message.record)
    if not record.startswith(b"{"):
        raise InputError(f"{where}: RECORD of stream '{message.stream}' without a 'record' object", "mend the tap")
    extracted = message.time_extracted
    tail = b',"time_extracted":' + msgspec.json.encode(extracted) if isinstance(extracted, str) else b""
    stream = msgspec.json.encode(message.stream)
    if b"\\" in stream:
        raise InputError(f"{where}: the stream's name holds a quote, a backslash or a control character", "rename it")
    return b'{"type":"RECORD","stream":' + stream + b',"record":' + record + tail + b"}\n"


def _state(message: _Message, where: str) -> State:
    value = bytes(message.value)
    if not value:
        raise InputError(f"{where}: STATE without 'value'", "mend the tap")
    return State(value)


def _activate_version(message: _Message, where: str) -> ActivateVersion:
    if not isinstance(message.version, int):
        raise InputError(f"{where}: ACTIVATE_VERSION of stream '{message.stream}' without a 'version' number", "mend the tap")
    return ActivateVersion(message.stream, message.version)


def _batch(message: _Message, where: str) -> BatchFiles:
    encoding = message.encoding if isinstance(message.encoding, dict) else {}
    format_, compression = encoding.get("format"), encoding.get("compression")
    manifest = message.manifest
    if not isinstance(manifest, list) or not all(isinstance(m, str) for m in manifest):
        raise InputError(f"{where}: BATCH of stream '{message.stream}' without a 'manifest' list", "mend the tap")
    if format_ not in ("jsonl", "parquet", "arrow") or compression not in _COMPRESSIONS:
        raise InputError(
            f"{where}: BATCH of stream '{message.stream}' in an unknown encoding", "use jsonl (gzip or none), parquet or arrow"
        )
    return BatchFiles(message.stream, format_, _COMPRESSIONS[compression], tuple(manifest))


_BY_TYPE: dict[str, Any] = {
    "SCHEMA": _schema,
    "RECORD": _record,
    "ACTIVATE_VERSION": _activate_version,
    "BATCH": _batch,
}


# ---- blocks ----


def line_array(data: pa.Buffer) -> pa.BinaryArray:
    """Return the lines of a buffer (each with its newline) as an array over the same memory."""
    octets = pa.Array.from_buffers(pa.uint8(), data.size, [None, data])
    ends = pc.indices_nonzero(pc.equal(octets, pa.scalar(_NEWLINE, pa.uint8()))).cast(pa.int32())
    offsets = [pa.array([0], pa.int32()), pc.add(ends, pa.scalar(1, pa.int32()))]
    if not len(ends) or ends[-1].as_py() != data.size - 1:
        offsets.append(pa.array([data.size], pa.int32()))
    joined = pa.concat_arrays(offsets)
    return pa.Array.from_buffers(pa.binary(), len(joined) - 1, [None, joined.buffers()[1], data])


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
        self._pollable = _pollable(source)
        self.lines_read = 0

    def blocks(self) -> Iterator[Block | None]:
        """Yield blocks in order, and None whenever the input is silent for a moment.

        Raises:
            InputError: a line is longer than allowed.

        """
        rest = b""
        while True:
            memory, filled, ended = yield from self._filled(rest)
            view = memoryview(memory)
            stop = filled if ended else _after_last_newline(view, filled)
            rest = view[stop:filled].tobytes()
            if stop:
                yield self._block(pa.py_buffer(memory).slice(0, stop))
            if ended:
                return

    def _block(self, data: pa.Buffer) -> Block:
        lines = line_array(data)
        block = Block(lines, self.lines_read + 1, data.size)
        self.lines_read += len(lines)
        return block

    def _filled(self, rest: bytes) -> Generator[None, None, tuple[bytearray, int, bool]]:
        """Read until the block is full, the input pauses, or it ends; at least one whole line."""
        memory = bytearray(max(self._size, 2 * len(rest)))
        memory[: len(rest)] = rest
        filled, newline = len(rest), False
        deadline = time.monotonic() + LINGER_SECONDS
        while filled < len(memory) or not newline:
            if filled == len(memory):
                self._refuse_long_line(filled)
                memory = memory + bytearray(len(memory))
            if self._pollable and not self._ready(deadline if newline else time.monotonic() + LINGER_SECONDS):
                if newline:
                    break
                yield None
                continue
            got = self._source.readinto(memoryview(memory)[filled:])  # type: ignore[attr-defined]
            if not got:
                return memory, filled, True
            newline = newline or memory.find(b"\n", filled, filled + got) >= 0
            filled += got
        return memory, filled, False

    def _ready(self, deadline: float) -> bool:
        wait = max(0.0, deadline - time.monotonic())
        return bool(select.select([self._source], [], [], wait)[0])

    def _refuse_long_line(self, length: int) -> None:
        if length > self._max_line:
            raise InputError(
                f"line {self.lines_read + 1}: longer than max_line_mb allows ({self._max_line >> 20} MiB)",
                "raise max_line_mb if such records are meant",
            )


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

"""How lines of records begin: which stream a line is of is known by its first bytes, for all lines of a block at once.

The head of a RECORD line is what it has up to its record when `type` and `stream` come first, as taps write it. All
lines of a stream have one head, or a few. No head begins with another one.
"""

from __future__ import annotations

import re

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

_TEXT = rb'"(?:[^"\\]|\\.)*"'
_HEAD = re.compile(
    rb'\{\s*"(type|stream)"\s*:\s*(' + _TEXT + rb')\s*,\s*"(?!\1")(type|stream)"\s*:\s*(' + _TEXT + rb")\s*,"
)
# Heads that are remembered; a tap that writes more of them is odd, and read all the same.
_HEADS = 10_000


def head_of(line: bytes) -> tuple[bytes, str] | None:
    """Return the head of a RECORD line and its stream, or None for any other line."""
    match = _HEAD.match(line)
    if match is None:
        return None
    kind, stream = (match[2], match[4]) if match[1] == b"type" else (match[4], match[2])
    if kind != b'"RECORD"' or stream == b'""':
        return None
    try:
        return match[0], msgspec.json.decode(stream, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class Heads:
    """The heads that an input has had so far.

    Attributes:
        streams: names of the streams, each once.

    """

    def __init__(self) -> None:
        self.streams: list[str] = []
        self._indexes: dict[str, int] = {}
        self._by_length: dict[int, dict[bytes, int]] = {}
        self._count = 0

    def add(self, head: bytes, stream: str) -> int:
        """Remember a head and return the index of its stream."""
        index = self._indexes.setdefault(stream, len(self.streams))
        if index == len(self.streams):
            self.streams.append(stream)
        known = self._by_length.setdefault(len(head), {})
        if head not in known and self._count < _HEADS:
            known[head] = index
            self._count += 1
        return index

    def find(self, lines: pa.BinaryArray) -> pa.Int32Array:
        """Return, for each line, the index of the stream whose head it begins with, or null."""
        found = pa.nulls(len(lines), pa.int32())
        starts = pc.binary_slice(lines, 0, max(self._by_length, default=0))
        for length, known in self._by_length.items():
            which = pc.index_in(pc.binary_slice(starts, 0, length), value_set=pa.array(known, pa.binary()))
            found = pc.coalesce(found, pa.array(known.values(), pa.int32()).take(which))
        return found

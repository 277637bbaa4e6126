"""What stands around the records in their lines: mostly the same in all lines of a run, and then not worth parsing.

A RECORD line is `{"type": "RECORD", "stream": "a", "record": ` and the record and `, "time_extracted": "…"}`. To parse
the two around the record takes a fifth of the parser's time; to compare them for all lines of a run takes little.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.values.octets import octets
from target_dativo_iceberg.heads import head_of
from target_dativo_iceberg.line_arrays import data_of

_START = re.compile(rb'[ \t]*"record"[ \t]*:[ \t]*(?=\{)')
# Bytes of a line, on the average. Around longer records there is too little to be worth the copies of them.
_LONG = 2048
# The bytes from `+` to `Z` write any time. No quote and no backslash is among them, so a text of these is one token.
_TIME = (ord("+"), ord("Z"))
_END = re.compile(
    rb'[ \t]*(?:,[ \t]*"version"[ \t]*:[ \t]*(?P<version>0|[1-9][0-9]{0,17})[ \t]*)?'
    rb'(?:,[ \t]*"time_extracted"[ \t]*:[ \t]*"(?P<time>[+-Z]*)"[ \t]*)?\}[ \t\r]*\n\Z'
)


@dataclass(frozen=True, slots=True)
class Unframed:
    """Records without what stood around them.

    Attributes:
        records: the records' texts, each after a line break.
        version: that all messages say, or None.
        times: `time_extracted` of each message, or None when they say none.

    """

    records: pa.BinaryArray
    version: int | None
    times: pa.BinaryArray | None


def unframed(lines: pa.BinaryArray) -> Unframed | None:
    """Return the records of RECORD lines, or None when they are long or what stands around them is not always the same.

    That each record is one JSON object is left to who parses them. If there are as many objects as lines, each line
    has one: none goes on past its line, since it would have to do so between `}` and `{`, which stand beside each other
    inside an object in a text only, and no text has a line break.
    """
    if not len(lines) or data_of(lines).size > _LONG * len(lines):
        return None
    found = _frame_of(lines[0].as_py())
    if found is None:
        return None
    start, said = found
    end = said[0]
    if not pc.all(pc.starts_with(lines, pattern=start + b"{")).as_py():
        return None
    times = None
    if said["time"] is None:
        if not pc.all(pc.ends_with(lines, pattern=b"}" + end)).as_py():
            return None
    else:
        times = _times(lines, end, said.start("time") - said.start(), said.end() - said.end("time"))
        if times is None:
            return None
    records = pc.binary_slice(pc.binary_replace_slice(lines, 0, len(start), b"\n"), 0, -len(end))
    return Unframed(records, None if said["version"] is None else int(said["version"]), times)


def _frame_of(line: bytes) -> tuple[bytes, re.Match[bytes]] | None:
    """Return what a line has before its record, and after it as `_END` matches it."""
    head = head_of(line)
    start = None if head is None else _START.match(line, len(head[0]))
    end = None if start is None else _END.match(line, line.rfind(b"}", 0, line.rfind(b"}")) + 1)
    return None if start is None or end is None else (line[: start.end()], end)


def _times(lines: pa.BinaryArray, end: bytes, before: int, after: int) -> pa.BinaryArray | None:
    """Return the times in the ends of lines, or None when the rest of the ends is not the same in all."""
    ends = pc.binary_slice(lines, -len(end) - 1, None)
    if not pc.all(pc.starts_with(ends, pattern=b"}" + end[:before])).as_py():
        return None
    if not pc.all(pc.ends_with(ends, pattern=end[-after:])).as_py():
        return None
    times = pc.binary_slice(ends, 1 + before, -after)
    low, high = pc.min_max(octets(times)).as_py().values()
    return times if low is None or (low >= _TIME[0] and high <= _TIME[1]) else None

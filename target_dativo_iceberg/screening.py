"""Which lines of a run a typed decoder accepts: many lines a call, stopping only at those that it refuses."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any

import msgspec
import pyarrow as pa

from target_dativo_iceberg.contract.values.masks import all_but
from target_dativo_iceberg.line_arrays import offsets_of

# The decoder names the document of a list that does not fit its type, and the byte at which text is no JSON.
_DOCUMENT = re.compile(r"at `\$\[(\d+)\]")
_BYTE = re.compile(r"\(byte (\d+)\)$")
_REFUSALS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def screened(decoder: msgspec.json.Decoder[Any], lines: pa.BinaryArray) -> pa.BooleanArray:
    """Return which lines hold what a decoder accepts.

    A line with two documents, or halves of one on two lines, can put the blame on a neighbour: who parses the accepted
    lines counts them, and who reads the others takes each by itself.

    Args:
        decoder: of one line.
        lines: each ends with a line break.

    """
    refused: list[int] = []
    offsets = offsets_of(lines)
    data = memoryview(lines.buffers()[2])
    start = 0
    while start < len(lines):
        row = _first_refused(decoder, data, offsets, start)
        if row is None:
            break
        if not start <= row < len(lines):
            rest = enumerate(lines.slice(start).to_pylist(), start)
            refused += [index for index, line in rest if not _accepts(decoder, line)]
            break
        refused.append(row)
        start = row + 1
    return all_but(refused, len(lines))


def _first_refused(
    decoder: msgspec.json.Decoder[Any], data: memoryview, offsets: memoryview[int], start: int
) -> int | None:
    """Return the first line from `start` that is refused, -1 when it is not known which, None when there is none."""
    rest = len(offsets) - 1 - start
    try:
        return None if len(decoder.decode_lines(data[offsets[start] : offsets[-1]])) == rest else -1
    except msgspec.ValidationError as error:
        named = _DOCUMENT.search(str(error))
        return start + int(named[1]) if named else -1
    except msgspec.DecodeError as error:
        named = _BYTE.search(str(error))
        return bisect_right(offsets, offsets[start] + int(named[1])) - 1 if named else -1
    except _REFUSALS:
        return -1


def _accepts(decoder: msgspec.json.Decoder[Any], line: bytes) -> bool:
    try:
        decoder.decode(line)
    except _REFUSALS:
        return False
    return True

"""The bytes of a column of texts, one text after the other."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_FIRST_BEYOND_ASCII = 128
# As a signed byte: what is less stands within a character.
_LEAST_AT_START = -64


def octets(column: pa.Array) -> pa.UInt8Array:
    """Return the bytes of a column, without a copy; those of nulls, which are seldom any, are among them.

    Args:
        column: `string`, `binary` or one of their large kinds.

    """
    found = offsets(column)
    first, last = found[0].as_py(), found[-1].as_py()
    return pa.Array.from_buffers(pa.uint8(), last - first, [None, column.buffers()[2]], offset=first)


def offsets(column: pa.Array) -> pa.Array:
    """Return where each text of a column begins in its buffer, and the last one ends, without a copy.

    Args:
        column: as `octets` takes it.

    """
    large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    ends = [None, column.buffers()[1]]
    return pa.Array.from_buffers(pa.int64() if large else pa.int32(), len(column) + 1, ends, offset=column.offset)


def longest(column: pa.Array) -> int:
    """Return the greatest length of a column's texts in bytes; nulls, which have bytes very seldom, are among them.

    Args:
        column: as `octets` takes it.

    """
    found = offsets(column)
    return pc.max(pc.subtract(found[1:], found[:-1])).as_py() or 0


def is_ascii(column: pa.Array) -> bool:
    """Whether a column's bytes are all ASCII: a twentieth of the cost of looking whether they are UTF-8.

    Args:
        column: as `octets` takes it.

    """
    most = pc.max(octets(column)).as_py()
    return most is None or most < _FIRST_BEYOND_ASCII


def is_utf8(column: pa.Array) -> bool:
    """Whether each text of a column is UTF-8: all bytes are looked at as one text, at a fifth of the cost of each.

    Args:
        column: `string` or `large_string`.

    """
    if is_ascii(column):
        return True
    found, data = offsets(column), column.buffers()[2]
    first, last = found[0], found[-1]
    joined = pa.Array.from_buffers(
        column.type, 1, [None, pa.array([first.as_py(), last.as_py()], found.type).buffers()[1], data]
    )
    try:
        joined.validate(full=True)
    except pa.ArrowInvalid:
        return False
    begun = pa.Array.from_buffers(pa.int8(), last.as_py(), [None, data]).take(found.filter(pc.less(found, last)))
    return bool(pc.min(begun).as_py() >= _LEAST_AT_START)

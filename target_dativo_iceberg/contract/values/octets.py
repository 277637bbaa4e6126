"""The bytes of a column of texts, one text after the other."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_FIRST_BEYOND_ASCII = 128


def octets(column: pa.Array) -> pa.UInt8Array:
    """Return the bytes of a column, without a copy; those of nulls, which are seldom any, are among them.

    Args:
        column: `string`, `binary` or one of their large kinds.

    """
    _, ends, data = column.buffers()
    large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    offsets = pa.Array.from_buffers(
        pa.int64() if large else pa.int32(), len(column) + 1, [None, ends], offset=column.offset
    )
    first, last = offsets[0].as_py(), offsets[-1].as_py()
    return pa.Array.from_buffers(pa.uint8(), last - first, [None, data], offset=first)


def is_ascii(column: pa.Array) -> bool:
    """Whether a column's bytes are all ASCII: a twentieth of the cost of looking whether they are UTF-8.

    Args:
        column: as `octets` takes it.

    """
    most = pc.max(octets(column)).as_py()
    return most is None or most < _FIRST_BEYOND_ASCII

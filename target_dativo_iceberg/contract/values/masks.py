"""Masks of rows that a cast is not sure of; None stands for a mask without such rows."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

# A cast column, null where unsure, and the mask of unsure rows or None.
Cast = tuple[pa.Array, pa.BooleanArray | None]


class UnsureError(Exception):
    """No row of a column could be cast."""


def refuse(condition: bool) -> None:
    """Give up on a whole column if a condition holds."""
    if condition:
        raise UnsureError


def flagged(array: pa.Array) -> pa.BooleanArray | None:
    """Return a mask of the rows that are true, or None when there are none."""
    return pc.fill_null(array, False) if pc.any(array, min_count=0).as_py() else None


def all_but(rows: Iterable[int], count: int) -> pa.BooleanArray:
    """Return a mask of `count` rows that is true but for some of them."""
    octets = bytearray(b"\x01") * count
    for row in rows:
        octets[row] = 0
    return pa.Array.from_buffers(pa.uint8(), count, [None, pa.py_buffer(octets)]).cast(pa.bool_())


def either(left: pa.BooleanArray | None, right: pa.BooleanArray | None) -> pa.BooleanArray | None:
    """Return the union of two masks."""
    if left is None or right is None:
        return right if left is None else left
    return pc.or_(left, right)


def nulled(array: pa.Array, mask: pa.BooleanArray | None) -> Cast:
    """Return an array with null in the rows of a mask, and the mask."""
    return (array, None) if mask is None else (pc.if_else(mask, pa.scalar(None, array.type), array), mask)

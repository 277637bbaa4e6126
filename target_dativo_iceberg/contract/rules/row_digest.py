"""128-bit hashes of whole rows, nulls included: equal rows have equal ones, others share one as seldom as keys do.

What holds of hashed keys (`key_words`) holds here. Objects, lists and maps are hashed by their values as Python writes
them, one by one: equal values are written the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.rules.key_words import Multilinear, column_words, halves

_ZERO = pa.scalar(0, pa.uint64())


class RowDigest:
    """Hashes rows of tables whose columns have the same types each time.

    Args:
        columns: names of the columns that count.

    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._parts = {name: Multilinear() for name in columns}
        self._whole = Multilinear()

    def read(self, table: pa.Table) -> tuple[pa.Array, pa.Array]:
        """Return the two 64-bit halves of each row's hash."""
        found = [pa.repeat(_ZERO, table.num_rows)]
        for name, part in self._parts.items():
            column = plain(table.column(name))
            valid = column.is_valid()
            found.append(valid.cast(pa.uint8()).cast(pa.uint64()))
            found += halves(_words(column, valid, part))
        return self._whole.hash(found)


def plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column in one piece whose values have words: extension types as stored, nested ones as text."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_nested(column.type):
        return pa.array([None if v is None else repr(v) for v in column.to_pylist()], pa.string())
    return column


def _words(column: pa.Array, valid: pa.Array, part: Multilinear) -> tuple[pa.Array, pa.Array]:
    """Return two words for each value, zeros for null."""
    nothing = pa.repeat(_ZERO, len(column))
    if column.null_count == len(column):
        return nothing, nothing
    if not column.null_count:
        return column_words(column, part)
    some = column[pc.index(valid, True).as_py()]
    first, second = column_words(pc.if_else(valid, column, some), part)
    return pc.if_else(valid, first, nothing), pc.if_else(valid, second, nothing)

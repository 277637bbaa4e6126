"""The least and the greatest value of a column: what a range holds of both it holds of all others."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

# Others have no order, or NaN beside it, or cost more to be compared with each other than with a bound.
_WITH_ENDS = (
    pa.types.is_integer,
    pa.types.is_decimal128,
    pa.types.is_date32,
    pa.types.is_time,
    pa.types.is_timestamp,
)


def ends(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """Return the least and the greatest value, by column, of the columns that are quickly asked for them.

    Args:
        batch: any rows.

    Returns:
        Two values of the type of the column each; columns without a value are left out.

    """
    found = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count < len(column) and any(is_one(column.type) for is_one in _WITH_ENDS):
            found[name] = pa.concat_arrays(pa.repeat(pc.min_max(column), 1).flatten())
    return found

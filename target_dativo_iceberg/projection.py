"""Rows of a data file in the columns of its table, as PyIceberg projects them, but with the nulls that they have.

PyIceberg 0.12 makes an empty list of a null list of structs, and an empty map of a null map to structs: seen by reading
such a file with `Table.scan()`. A row that is copied would then be another row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.io.pyarrow import ArrowAccessor, ArrowProjectionVisitor
from pyiceberg.schema import Schema, visit_with_partner
from pyiceberg.types import ListType, MapType


def projected(
    batch: pa.RecordBatch, own: Schema, schema: Schema, missing: Mapping[int, Any], *, v2: bool
) -> pa.RecordBatch:
    """Return rows of a file in columns of the table.

    Args:
        batch: the rows.
        own: schema of the batch.
        schema: columns of the table.
        missing: by field id, values of columns that the file has not got since all its rows have the same one.
        v2: the table's format knows no nanoseconds.

    """
    visitor = _Projection(
        own, downcast_ns_timestamp_to_us=v2, projected_missing_fields=dict(missing), allow_timestamp_tz_mismatch=True
    )
    return pa.RecordBatch.from_struct_array(visit_with_partner(schema, batch, visitor, ArrowAccessor(own)))


class _Projection(ArrowProjectionVisitor):
    def list(self, list_type: ListType, list_array: pa.Array | None, value_array: pa.Array | None) -> pa.Array | None:
        return _with_nulls_of(list_array, super().list(list_type, list_array, value_array))

    def map(
        self, map_type: MapType, map_array: pa.Array | None, key_result: pa.Array | None, value_result: pa.Array | None
    ) -> pa.Array | None:
        return _with_nulls_of(map_array, super().map(map_type, map_array, key_result, value_result))


def _with_nulls_of(source: pa.Array | None, found: pa.Array | None) -> pa.Array | None:
    if source is None or found is None or found.null_count == source.null_count:
        return found
    rows = pa.array(range(len(found)), pa.int64())
    return found.take(pc.if_else(source.is_valid(), rows, pa.scalar(None, pa.int64())))

"""What manifests say of files: the same as PyIceberg reads out of them, and no more than a file promises."""

from __future__ import annotations

import datetime as dt
import io
import math
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg import types as ice
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.schema import Schema

from target_dativo_iceberg.file_columns import file_schema
from target_dativo_iceberg.file_statistics import FileStatistics

DAY = dt.date(1969, 12, 30)
MOMENT = dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, dt.UTC)
LAST = chr(0x10FFFF)
LONG = ["a text beyond the limit", "ä" * 20, LAST * 20, "b" * 15 + LAST * 2]
VALUES: dict[ice.PrimitiveType, list[Any]] = {
    ice.BooleanType(): [True, False],
    ice.IntegerType(): [-(2**31), 5, 2**31 - 1],
    ice.LongType(): [-(2**63), 0, 2**63 - 1],
    ice.FloatType(): [-0.0, 0.0, 1.5, math.inf, math.nan],
    ice.DoubleType(): [-1e300, 0.0, math.nan, 2.5],
    ice.DateType(): [DAY, dt.date(2026, 1, 1), dt.date(1, 1, 1), dt.date(9999, 12, 31)],
    ice.TimeType(): [dt.time(0), dt.time(23, 59, 59, 999_999)],
    ice.TimestampType(): [m.replace(tzinfo=None) for m in (MOMENT, MOMENT.replace(2026), MOMENT.replace(1))],
    ice.TimestamptzType(): [MOMENT, MOMENT.replace(9999)],
    ice.StringType(): ["", "short", "exactly sixteen.", *LONG],
    ice.BinaryType(): [b"", b"\x00" * 20, b"\xff" * 20, b"short", b"\x01" * 15 + b"\xff\xff"],
    ice.FixedType(3): [b"abc", b"\xff\xff\xff", b"\x00\x00\x01"],
    ice.UUIDType(): [bytes(range(16)), b"\xff" * 16],
    ice.DecimalType(9, 2): [Decimal("-1.28"), Decimal("1.27"), Decimal("9999999.99")],
    ice.DecimalType(18, 0): [Decimal(-(10**18) + 1), Decimal(0), Decimal(128)],
    ice.DecimalType(38, 10): [Decimal("-1e27"), Decimal("3e-10")],
}  # fmt: skip
PROPERTIES: list[dict[str, str]] = [
    {},
    {"write.metadata.metrics.default": "full"},
    {"write.metadata.metrics.default": "counts"},
    {"write.metadata.metrics.default": "none", "write.metadata.metrics.column.v": "truncate(3)"},
]
_NAMES = ("column_sizes", "value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds")


def _file(schema: pa.Schema, groups: Sequence[pa.Table], **options: Any) -> pq.FileMetaData:
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, store_decimal_as_integer=True, **options) as writer:
        for group in groups:
            writer.write_table(group)
    return pq.read_metadata(sink)


def _theirs(schema: Schema, properties: dict[str, str], metadata: pq.FileMetaData) -> dict[str, Any]:
    plan, paths = compute_statistics_plan(schema, properties), parquet_path_to_id_mapping(schema)
    found = data_file_statistics_from_parquet_metadata(metadata, plan, paths).to_serialized_dict()
    # A bound that it cannot give it gives as None.
    return {k: {i: b for i, b in v.items() if b is not None} if k in _NAMES else v for k, v in found.items()}


def _column(type_: ice.PrimitiveType, name: str = "v") -> Schema:
    return Schema(ice.NestedField(1, name, type_, required=False))


@pytest.mark.parametrize("properties", PROPERTIES, ids=["truncated", "full", "counts", "one"])
@pytest.mark.parametrize("type_", VALUES, ids=str)
def test_each_type_is_described_as_pyiceberg_describes_it(type_: ice.PrimitiveType, properties: dict[str, str]) -> None:
    schema = _column(type_)
    arrow, dice = file_schema(schema), random.Random(3)
    own = arrow.field(0).type
    groups = [pa.table([pa.array([*dice.sample(VALUES[type_], 2), None], own)], arrow) for _ in range(3)]
    groups.append(pa.table([pa.nulls(2, own)], arrow))
    found = FileStatistics(schema, properties).of(_file(arrow, groups))
    assert found == _theirs(schema, properties, _file(arrow, groups))
    assert bool(found["lower_bounds"]) == (properties.get("write.metadata.metrics.default") != "counts")


def test_nested_columns_and_names_of_files() -> None:
    inner = ice.StructType(ice.NestedField(5, "x", ice.LongType()), ice.NestedField(6, "y", ice.StringType()))
    schema = Schema(
        ice.NestedField(1, "id", ice.LongType(), required=True),
        ice.NestedField(2, "inner", inner),
        ice.NestedField(3, "list", ice.ListType(7, inner.fields[0].field_type, element_required=False)),
        ice.NestedField(4, "map", ice.MapType(8, ice.StringType(), 9, ice.DateType(), value_required=False)),
    )
    arrow = file_schema(schema)
    rows = [
        {"id": 1, "inner": {"x": 1, "y": "a"}, "list": [1, None], "map": [("k", DAY)]},
        {"id": 2, "inner": None, "list": None, "map": []},
    ]
    metadata = _file(arrow, [pa.Table.from_pylist(rows, arrow), pa.Table.from_pylist(rows[:1], arrow)])
    assert FileStatistics(schema, {}).of(metadata) == _theirs(schema, {}, metadata)


@given(st.lists(st.lists(st.none() | st.text(max_size=24), min_size=1, max_size=4), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_bounds_hold_all_texts(groups: list[list[str | None]]) -> None:
    schema = _column(ice.StringType())
    arrow = file_schema(schema)
    metadata = _file(arrow, [pa.table([pa.array(g, pa.string())], arrow) for g in groups])
    found = FileStatistics(schema, {}).of(metadata)
    texts = [text.encode() for group in groups for text in group if text is not None]
    assert found == _theirs(schema, {}, metadata)
    assert all(found["lower_bounds"][1] <= text for text in texts)
    assert all(1 not in found["upper_bounds"] or text <= found["upper_bounds"][1] for text in texts)


def test_a_file_of_another_writer_may_have_narrower_columns_in_another_order() -> None:
    schema = Schema(
        ice.NestedField(1, "long", ice.LongType()),
        ice.NestedField(2, "double", ice.DoubleType()),
        ice.NestedField(3, "amount", ice.DecimalType(9, 2)),
    )
    arrow = pa.schema([("amount", pa.decimal128(9, 2)), ("double", pa.float32()), ("long", pa.int32())])
    rows = pa.table([[Decimal("-7.01"), Decimal("128.00")], [0.5, 1.5], [-5, 300]], arrow)
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    metadata = pq.read_metadata(sink)
    assert metadata.schema.column(0).physical_type == "FIXED_LEN_BYTE_ARRAY"
    found = FileStatistics(schema, {}).of(metadata)
    assert found["lower_bounds"] == {
        1: (-5).to_bytes(8, "little", signed=True),
        2: bytes.fromhex("000000000000e03f"),
        3: (-701).to_bytes(2, "big", signed=True),
    }
    assert found["upper_bounds"][3] == (12800).to_bytes(2, "big")
    assert found["upper_bounds"][1] == (300).to_bytes(8, "little")


def test_where_one_row_group_is_silent_there_are_no_bounds() -> None:
    """PyIceberg takes those of the others, and a scan would pass over the rows of this one."""
    schema = _column(ice.DoubleType())
    arrow = file_schema(schema)
    silent = pa.table([pa.array([math.nan], pa.float64())], arrow)
    known = pa.table([pa.array([1.0], pa.float64())], arrow)
    assert FileStatistics(schema, {}).of(_file(arrow, [known, silent]))["lower_bounds"] == {}
    none = FileStatistics(schema, {}).of(_file(arrow, [known], write_statistics=False))
    assert (none["lower_bounds"], none["null_value_counts"], none["value_counts"]) == ({}, {}, {1: 1})


def test_a_bound_that_is_no_value_of_its_type_is_refused() -> None:
    wide, narrow = _column(ice.DecimalType(9, 0)), _column(ice.DecimalType(5, 0))
    rows = pa.table([pa.array([Decimal(123_456)], pa.decimal128(9, 0))], file_schema(wide))
    with pytest.raises(ValueError, match=r"more digits than decimal\(5, 0\)"):
        FileStatistics(narrow, {}).of(_file(file_schema(wide), [rows]))
    binary, text = _column(ice.BinaryType()), _column(ice.StringType())
    rows = pa.table([pa.array([b"\xff"])], file_schema(binary))
    with pytest.raises(ValueError, match="decode"):
        FileStatistics(text, {}).of(_file(file_schema(binary), [rows]))

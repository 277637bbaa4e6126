# ruff: noqa: DTZ001 - moments without a zone are values here
"""Every transform over every kind of column: a file holds one partition, filtered scans find all rows that match."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from pyiceberg.expressions import EqualTo, GreaterThanOrEqual, IsNull, LessThan, Or
from pyiceberg.table import Table

from target_dativo_iceberg.errors import ContractError
from tests.partitions.lake import Lake, files, ids, rows_of

UTC = dt.UTC
DAYS = [dt.date(1969, 12, 31), dt.date(1970, 1, 1), dt.date(1900, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]
MOMENTS = [
    dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(1970, 1, 1), dt.datetime(1815, 6, 18, 11, 35),
    dt.datetime(2024, 2, 29, 23), dt.datetime(2024, 3, 1, 0, 0, 0, 1),
]  # fmt: skip
COLUMNS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "small": ({"logicalType": "integer", "logicalTypeOptions": {"format": "i32"}}, [-11, -10, -1, 0, 9, 10]),
    "big": ({"logicalType": "integer"}, [-(1 << 60), -1, 0, 7, 1 << 60]),
    "text": ({"logicalType": "string"}, ["", "a/b", "漢字漢字漢字", "..", "x" * 300, "a=b&c"]),
    "day": ({"logicalType": "date"}, DAYS),
    "naive": ({"logicalType": "timestamp", "logicalTypeOptions": {"timezone": False}}, MOMENTS),
    "zoned": ({"logicalType": "timestamp"}, [m.replace(tzinfo=UTC) for m in MOMENTS]),
    "clock": ({"logicalType": "time"}, [dt.time(0), dt.time(23, 59, 59, 999999), dt.time(12, 30)]),
    "money": (
        {"logicalType": "number", "physicalType": "DECIMAL(9,2)"},
        [Decimal("-10.01"), Decimal("-0.01"), Decimal("0.00"), Decimal("9.99"), Decimal("1234567.89")],
    ),
    "wide": (
        {"logicalType": "number", "physicalType": "DECIMAL(38,2)"},
        [Decimal("-123456789012345678901.50"), Decimal("0.00"), Decimal("99999999999999999999.99")],
    ),
    "key": (
        {"logicalType": "string", "physicalType": "UUID"},
        [uuid.UUID(int=0), uuid.UUID(int=(1 << 128) - 1), uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7")],
    ),
    "flag": ({"logicalType": "boolean"}, [True, False]),
}
OF_TIME = ("year", "month", "day", "hour")
BUCKETS = ("bucket[4]",)
FITTING = {
    "small": ("identity", "truncate[10]", *BUCKETS),
    "big": ("identity", "truncate[1000]", *BUCKETS),
    "text": ("identity", "truncate[2]", *BUCKETS),
    "day": ("identity", "year", "month", "day", *BUCKETS),
    "naive": ("identity", *OF_TIME, *BUCKETS),
    "zoned": ("identity", *OF_TIME, *BUCKETS),
    "clock": ("identity", *BUCKETS),
    "money": ("identity", "truncate[50]", *BUCKETS),
    "wide": ("identity", "truncate[50]", *BUCKETS),
    "key": ("identity", *BUCKETS),
    "flag": ("identity",),
}
ORDERED = {"small", "big", "day", "naive", "zoned", "money", "wide"}
CASES = [(column, transform) for column, transforms in FITTING.items() for transform in transforms]


def _written(value: Any) -> Any:
    if isinstance(value, (dt.date, dt.time)):
        text = value.isoformat()
        return text if not isinstance(value, dt.datetime) else text.replace("+00:00", "Z")
    return str(value) if isinstance(value, (Decimal, uuid.UUID)) else value


def _literal(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else value


def _load(lake: Lake, column: str, transform: str) -> list[tuple[int, Any]]:
    keys, values = COLUMNS[column]
    custom = [{"property": "dativo.partitionTransform", "value": transform}]
    lake.contract([
        {"name": "id", "logicalType": "integer", "required": True},
        {"name": column, **keys, "partitioned": True, "customProperties": custom},
    ])  # fmt: skip
    rows = list(enumerate([*values, None] * 3))
    lake.load({"id": number, column: _written(value)} for number, value in rows)
    return rows


def _check_files(table: Table) -> None:
    """Each file holds rows of the one partition that its manifest entry names; PyIceberg's transform is the oracle."""
    (field,) = table.spec().fields
    source = table.schema().find_field(field.source_id)
    one = field.transform.transform(source.field_type)
    for file in files(table):
        held = {v.bytes if isinstance(v, uuid.UUID) else v for v in rows_of(file)[source.name].to_pylist()}
        partitions = {_plain(one(v)) for v in held}
        stated = file.partition[0]
        assert partitions == {stated.bytes if isinstance(stated, uuid.UUID) else stated}
        assert file.spec_id == table.spec().spec_id


def _plain(value: Any) -> Any:
    """A value as a manifest holds it."""
    match value:
        case dt.datetime():
            base = dt.datetime(1970, 1, 1, tzinfo=value.tzinfo)
            return (value - base) // dt.timedelta(microseconds=1)
        case dt.date():
            return (value - dt.date(1970, 1, 1)).days
        case dt.time():
            return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    return value


@pytest.mark.parametrize(("column", "transform"), CASES, ids=[f"{t}({c})" for c, t in CASES])
def test_rows_are_in_their_partitions_and_filters_find_them(lake: Lake, column: str, transform: str) -> None:
    rows = _load(lake, column, transform)
    table = lake.table()
    _check_files(table)
    # PyIceberg compares no UUID with a column of them
    for value in {v for _, v in rows if v is not None and column != "key"}:
        assert ids(table, EqualTo(column, _literal(value))) == [n for n, v in rows if v == value]
        if column in ORDERED:
            assert ids(table, LessThan(column, _literal(value))) == [n for n, v in rows if v is not None and v < value]
            assert ids(table, GreaterThanOrEqual(column, _literal(value))) == [
                n for n, v in rows if v is not None and v >= value
            ]
    assert ids(table, IsNull(column)) == [n for n, v in rows if v is None]
    assert sorted(r[0] for r in lake.tables.sql("SELECT id FROM {t}")) == [n for n, _ in rows]
    found = lake.tables.sql(f"SELECT id FROM {{t}} WHERE {column} = '{_written(rows[1][1])}' ORDER BY id")
    assert [r[0] for r in found] == [n for n, v in rows if v == rows[1][1]]


@pytest.mark.parametrize(
    ("column", "transform", "value"),
    [("zoned", "day", MOMENTS[3].replace(tzinfo=UTC)), ("big", "bucket[4]", 7), ("small", "truncate[10]", -11)],
)
def test_a_filter_reads_only_files_of_its_partition(lake: Lake, column: str, transform: str, value: Any) -> None:
    _load(lake, column, transform)
    table = lake.table()
    planned = list(table.scan(row_filter=EqualTo(column, _literal(value))).plan_files())
    assert len(planned) == 1 < len(files(table))
    word = _written(value)
    (count,) = lake.tables.sql(f"SELECT count(*) FROM {{t}} WHERE {column} = '{word}'")
    assert count == (3,)


def test_several_fields_make_one_partition(lake: Lake) -> None:
    records = [
        {"id": n, "at": f"2024-0{1 + n % 3}-01T00:00:00Z", "code": ["a", "b", None][n % 3], "s": {"k": n}}
        for n in range(60)
    ]
    schema = {
        "id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}, "code": {"type": "string"},
        "s": {"type": "object", "properties": {"k": {"type": "integer"}}},
    }  # fmt: skip
    report = lake.load(records, schema, partition_by=["month(at)", "code", "bucket[2](id)"])
    table = lake.table()
    assert lake.spec() == [("at_month", "month"), ("code", "identity"), ("id_bucket_2", "bucket[2]")]
    assert len({tuple(f.partition) for f in files(table)}) == len(files(table)) == report.streams["t"].files == 6
    assert {f.file_path.rpartition("/")[0].split("/data/")[1] for f in files(table)} == {
        f"at_month=2024-0{m}/code={c}/id_bucket_2={b}" for m, c in ((1, "a"), (2, "b"), (3, "null")) for b in (0, 1)
    }
    assert ids(table, Or(EqualTo("code", "a"), IsNull("code"))) == [n for n in range(60) if n % 3 != 1]


@pytest.mark.parametrize("column", ["text", "naive", "money", "wide", "key", "clock"])
def test_partition_values_survive_the_merging_of_manifests(lake: Lake, column: str) -> None:
    lake.settings["table_properties"] = {"commit.manifest.min-count-to-merge": "2"}
    for _ in range(3):
        rows = _load(lake, column, "identity")
    table = lake.table()
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(table.io)) == 1
    assert len(files(table)) == 3 * len({v for _, v in rows})
    _check_files(table)


@pytest.mark.parametrize("kind", [{"logicalType": "number"}, {"logicalType": "number", "physicalType": "REAL"}])
def test_floating_numbers_make_no_partitions(lake: Lake, kind: dict[str, str]) -> None:
    lake.contract([{"name": "x", "partitioned": True, **kind}])
    with pytest.raises(ContractError, match="partition transform identity does not fit a column of type"):
        lake.load([{"x": 1.5}])


def test_the_unpartitioned_table_stays_unpartitioned(lake: Lake) -> None:
    lake.load([{"id": n} for n in range(3)], {"id": {"type": "integer"}})
    table = lake.table()
    (file,) = files(table)
    assert (lake.spec(), file.sort_order_id, len(list(file.partition))) == ([], None, 0)

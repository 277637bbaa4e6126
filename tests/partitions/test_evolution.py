"""Tables that are there: their own partitions and order are kept, or changed for new rows where that is allowed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.expressions import EqualTo
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    IdentityTransform,
    Transform,
    TruncateTransform,
)
from pyiceberg.types import DoubleType, LongType, NestedField, StringType, StructType, TimestamptzType

from target_dativo_iceberg.errors import ContractError, EvolutionError, SettingsError
from target_dativo_iceberg.publish import Checkpoint, TableChange, publish
from tests.partitions.lake import Lake, files, ids, rows_of

ID = {"name": "id", "logicalType": "integer"}
CODE = {"name": "code", "logicalType": "string"}
SCHEMA = {"id": {"type": "integer"}, "code": {"type": "string"}}


def records(start: int, stop: int) -> list[dict[str, Any]]:
    return [{"id": n, "code": f"c{n % 3}"} for n in range(start, stop)]


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said from now on."""
    said: list[str] = []
    from target_dativo_iceberg import log

    monkeypatch.setattr(log, "once", lambda text, level="warning": said.append(text))
    caplog.set_level(logging.WARNING)
    return said


def _made(lake: Lake, *fields: tuple[int, Transform[Any, Any], str], order: SortOrder | None = None) -> None:
    """Have PyIceberg make the table, as another engine would."""
    store = lake.store
    store.catalog.create_namespace_if_not_exists("default")
    schema = Schema(
        NestedField(1, "id", LongType()),
        NestedField(2, "code", StringType()),
        NestedField(3, "at", TimestamptzType()),
        NestedField(4, "x", DoubleType()),
        NestedField(5, "place", StructType(NestedField(6, "land", StringType()))),
    )
    spec = PartitionSpec(*(PartitionField(s, 1000 + i, t, n) for i, (s, t, n) in enumerate(fields)))
    store.catalog.create_table(("default", "t"), schema, partition_spec=spec, sort_order=order or SortOrder(order_id=0))


WIDE = SCHEMA | {
    "at": {"type": "string", "format": "date-time"},
    "x": {"type": "number"},
    "place": {"type": "object", "properties": {"land": {"type": "string"}}},
}


def test_a_table_of_another_engine_gets_rows_in_its_own_partitions(lake: Lake, warnings: list[str]) -> None:
    _made(lake, (3, DayTransform(), "d"), (1, BucketTransform(2), "b"), (2, TruncateTransform(1), "t"))
    lake.load([{**r, "at": f"2024-01-0{1 + n % 2}T12:00:00Z"} for n, r in enumerate(records(0, 20))], WIDE)
    table = lake.table()
    assert len(files(table)) == len({tuple(f.partition) for f in files(table)}) == 4
    assert ids(table, EqualTo("at", "2024-01-02T12:00:00+00:00")) == list(range(1, 20, 2))
    assert not [text for text in warnings if "partition" in text]


def test_a_member_of_a_struct_may_be_the_source_of_a_partition(lake: Lake) -> None:
    _made(lake, (6, IdentityTransform(), "place_land"))
    rows = [{"id": n, "place": {"land": "no"} if n % 2 else None} for n in range(6)]
    lake.load(rows, WIDE)
    assert sorted((f.partition[0] or "", f.record_count) for f in files(lake.table())) == [("", 3), ("no", 3)]


def test_a_table_of_another_engine_gets_sorted_files(lake: Lake) -> None:
    order = SortOrder(
        SortField(2, IdentityTransform(), SortDirection.ASC, NullOrder.NULLS_LAST),
        SortField(1, IdentityTransform(), SortDirection.DESC, NullOrder.NULLS_FIRST),
    )
    _made(lake, order=order)
    lake.load([*records(0, 10), {"id": 99, "code": None}, {"id": None, "code": "c0"}], WIDE)
    (file,) = files(lake.table())
    found = rows_of(file)
    assert file.sort_order_id == lake.table().sort_order().order_id == 1
    assert list(zip(found["code"].to_pylist(), found["id"].to_pylist(), strict=True)) == [
        ("c0", None), ("c0", 9), ("c0", 6), ("c0", 3), ("c0", 0), ("c1", 7), ("c1", 4), ("c1", 1), ("c2", 8), ("c2", 5),
        ("c2", 2), (None, 99),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "transform", "said"),
    [(1, "zorder", "by 'p' with the unknown transform"), (4, "identity", "inexact transform 'identity'")],
)
def test_a_table_whose_partitions_cannot_be_written_is_refused(
    lake: Lake, column: int, transform: str, said: str
) -> None:
    _made(lake, (column, IdentityTransform(), "p"))
    metadata = Path(lake.tables.pointers()["default.t"].removeprefix("file://"))
    metadata.write_text(metadata.read_text().replace('"transform":"identity"', f'"transform":"{transform}"'))
    with pytest.raises(EvolutionError, match=said):
        lake.load(records(0, 3), WIDE)


# ---- another arrangement is asked for ----


def test_a_table_keeps_its_partitions_and_order_with_a_warning(lake: Lake, warnings: list[str]) -> None:
    lake.load(records(0, 9), SCHEMA, partition_by=["code"], sort_by=["id"])
    lake.load(records(9, 18), SCHEMA, partition_by=["bucket[4](id)"], sort_by=["id desc", "code"])
    table = lake.table()
    assert lake.spec() == [("code", "identity")]
    assert sorted({f.partition[0] for f in files(table)}) == ["c0", "c1", "c2"]
    said = [text for text in warnings if "stays so" in text]
    assert said[0].startswith("table default.t is partitioned by code, not by bucket[4](id), and stays so")
    assert "is sorted by id, not by id desc, code, and" in said[1]


def test_silence_of_the_contract_changes_nothing(lake: Lake, warnings: list[str]) -> None:
    lake.load(records(0, 9), SCHEMA, partition_by=["code"], sort_by=["id"])
    lake.load(records(9, 18), SCHEMA, allow_partition_evolution=True)
    assert (lake.spec(), len(files(lake.table()))) == ([("code", "identity")], 6)
    assert not [text for text in warnings if "stays so" in text]


def test_new_rows_get_new_partitions_where_that_is_allowed(lake: Lake) -> None:
    lake.contract([ID, {**CODE, "partitioned": True}])
    lake.load(records(0, 9))
    (before,) = lake.table().metadata.snapshots
    bucket = [{"property": "dativo.partitionTransform", "value": "bucket[2]"}]
    lake.contract([{**ID, "partitioned": True, "customProperties": bucket}, CODE])
    lake.load(records(9, 18), allow_partition_evolution=True, sort_by=["id desc"])
    table = lake.table()
    assert lake.spec() == [("id_bucket_2", "bucket[2]")]
    assert len(table.metadata.snapshots) == 2  # one commit changed the spec and added the rows
    assert {f.spec_id for f in files(table)} == {0, 1}
    assert sorted((f.spec_id, f.sort_order_id) for f in files(table)) == [(0, None)] * 3 + [(1, 1)] * 2
    for n in range(18):
        assert ids(table, EqualTo("id", n)) == [n]
    assert ids(table, EqualTo("code", "c1")) == list(range(1, 18, 3))
    assert sorted(r[0] for r in lake.tables.sql("SELECT id FROM {t}")) == list(range(18))
    # back again: the first spec is used once more
    lake.contract([ID, {**CODE, "partitioned": True}])
    lake.load(records(18, 21), allow_partition_evolution=True)
    assert (lake.table().spec().spec_id, before.snapshot_id) == (0, table.metadata.snapshots[0].snapshot_id)
    assert sorted(r[0] for r in lake.tables.sql("SELECT id FROM {t}")) == list(range(21))


def test_a_contract_may_allow_it_itself(lake: Lake) -> None:
    lake.load(records(0, 3), SCHEMA)
    allowed = [{"property": "dativo.allowPartitionEvolution", "value": True}]
    lake.contract([ID, {**CODE, "partitioned": True}], customProperties=allowed)
    lake.load(records(3, 6))
    assert lake.spec() == [("code", "identity")]


def test_files_of_partitions_that_a_rival_changed_meanwhile_are_written_anew(lake: Lake) -> None:
    from target_dativo_iceberg.arranged import writer_of
    from target_dativo_iceberg.contract.model import Contract, Field, Kind, Partition, Type

    lake.load(records(0, 3), SCHEMA, partition_by=["code"])
    store = lake.store
    contract = Contract(
        "t", (Field("id", Type(Kind.INTEGER)), Field("code", Type(Kind.STRING))), partitions=(Partition("code"),)
    )
    destination = store.destination(("default", "t"), contract, None)
    writer = writer_of(store.file_target(destination, "mine"), store.waiting)
    import pyarrow as pa

    writer.write([pa.record_batch({"id": pa.array([7]), "code": pa.array(["c7"])})])
    with lake.table().update_spec() as update:
        update.add_field("id", BucketTransform(2), "rival")
    change = TableChange(destination, writer.finish())
    publish(store, [change], Checkpoint(None, "mine", 1, "", "", 0))
    assert lake.tables.count("t") == 4
    (mine,) = [file for file in files(lake.table()) if file.partition[0] == "c7"]
    assert len(mine.partition) == 2
    assert mine.spec_id == lake.table().spec().spec_id


# ---- what is asked for ----


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"partition_by": ["fortnight(id)"]}, SettingsError, "the partition transform is not known"),
        ({"partition_by": ["bucket(id)"]}, SettingsError, "the partition transform is not known"),
        ({"partition_by": ["bucket[9999999999](id)"]}, SettingsError, "number is too large"),
        ({"sort_by": [" "]}, SettingsError, "names no column"),
        ({"partition_by": ["nothing"]}, ContractError, "a partition names 'nothing', which is no column"),
        ({"partition_by": ["day(id)"]}, ContractError, "transform day does not fit column 'id' of type integer"),
        ({"partition_by": ["bucket[2](id)", "bucket[4](id)"]}, ContractError, "in two partition fields"),
        ({"sort_by": ["id", "id desc"]}, ContractError, "column 'id' is twice in the sort order"),
        ({"sort_by": ["nothing desc"]}, ContractError, "a sort key names 'nothing', which is no column"),
    ],
)
def test_an_arrangement_that_cannot_be_is_refused(
    lake: Lake, asked: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said.replace("[", r"\[")):
        lake.load(records(0, 3), SCHEMA, **asked)
    assert not list(lake.folder.rglob("*.parquet"))


def test_the_contract_wins_over_the_settings(lake: Lake) -> None:
    sort = [{"property": "dativo.sortBy", "value": "code desc, id"}]
    lake.contract([ID, {**CODE, "partitioned": True}], customProperties=sort)
    lake.load(records(0, 9), partition_by=["bucket[4](id)"], sort_by=["id"])
    table = lake.table()
    assert lake.spec() == [("code", "identity")]
    assert [(f.source_id, f.direction) for f in table.sort_order().fields] == [
        (2, SortDirection.DESC), (1, SortDirection.ASC)
    ]  # fmt: skip


def test_a_contract_names_its_partitions_in_one_list_too(lake: Lake) -> None:
    listed = [
        {"property": "dativo.partitionBy", "value": ["bucket[2](id)", "code"]},
        {"property": "dativo.sortBy", "value": ["id DESC"]},
    ]
    lake.contract([ID, CODE], customProperties=listed)
    lake.load(records(0, 9))
    assert lake.spec() == [("id_bucket_2", "bucket[2]"), ("code", "identity")]
    for file in files(lake.table()):
        held = rows_of(file)["id"].to_pylist()
        assert held == sorted(held, reverse=True)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ({"dativo.partitionBy": "day(code)"}, "transform day does not fit column 'code'"),
        ({"dativo.partitionBy": "week(code)"}, "the partition transform is not known"),
        ({"dativo.sortBy": ["size"]}, "a sort key names 'size'"),
    ],
)
def test_a_list_in_a_contract_is_checked(lake: Lake, listed: dict[str, Any], said: str) -> None:
    lake.contract([ID, CODE], customProperties=[{"property": k, "value": v} for k, v in listed.items()])
    with pytest.raises(ContractError, match=said.replace("(", r"\(")) as raised:
        lake.load(records(0, 1))
    assert "contract.yaml:1" in str(raised.value)


def test_a_partition_never_has_the_name_of_a_column(lake: Lake) -> None:
    lake.load([{"id": 1, "id_bucket_4": "x"}], {"id": {"type": "integer"}, "id_bucket_4": {"type": "string"}},
              partition_by=["bucket[4](id)"])  # fmt: skip
    assert lake.spec() == [("id_bucket_4_part", "bucket[4]")]

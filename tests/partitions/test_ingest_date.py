"""`ingest_date`: a column that the target makes and fills when a partition asks for it."""

from __future__ import annotations

import datetime as dt

import pytest

from target_dativo_iceberg.replay import main
from tests.partitions.lake import Lake, files

ID = {"name": "id", "logicalType": "integer", "logicalTypeOptions": {"minimum": 0}}
SCHEMA = {"id": {"type": "integer"}}


def _today() -> set[dt.date]:
    """The days a run of a moment ago may have begun on."""
    now = dt.datetime.now(dt.UTC)
    return {now.date(), (now - dt.timedelta(minutes=5)).date()}


def _dates(lake: Lake) -> set[dt.date]:
    return {row["ingest_date"] for row in lake.tables.rows("t")}


def test_it_holds_the_date_of_the_run(lake: Lake) -> None:
    lake.load([{"id": n} for n in range(5)], SCHEMA, partition_by=["ingest_date"])
    (file,) = files(lake.table())
    (day,) = _dates(lake)
    assert day in _today()
    assert file.partition[0] == (day - dt.date(1970, 1, 1)).days
    assert lake.spec() == [("ingest_date", "identity")]


def test_it_is_filled_as_long_as_the_table_has_it(lake: Lake) -> None:
    lake.contract([ID], customProperties=[{"property": "dativo.partitionBy", "value": "month(ingest_date)"}])
    lake.load([{"id": 1}])
    lake.contract([ID])
    lake.load([{"id": 2}])
    assert _dates(lake) <= _today()
    assert lake.tables.count("t") == 2


def test_a_members_own_value_is_no_ingest_date(lake: Lake) -> None:
    lake.contract([ID], customProperties=[{"property": "dativo.partitionBy", "value": "ingest_date"}])
    lake.load([{"id": 1, "ingest_date": "1999-01-01"}])
    assert _dates(lake) <= _today()


def test_a_column_of_that_name_in_the_contract_is_an_ordinary_one(lake: Lake) -> None:
    lake.contract([ID, {"name": "ingest_date", "logicalType": "date"}])
    lake.load([{"id": 1, "ingest_date": "1999-01-01"}], partition_by=["ingest_date"])
    assert _dates(lake) == {dt.date(1999, 1, 1)}


def test_dativos_target_block_asks_for_it(lake: Lake) -> None:
    path = lake.folder / "contract.yaml"
    path.write_text(
        "name: t\nversion: '1'\nschema: [{name: id, type: bigint}]\ntarget: {partitioning: [ingest_date]}\n"
    )
    lake.settings["contract_path"] = str(path)
    lake.load([{"id": 1}])
    assert lake.spec() == [("ingest_date", "identity")]


@pytest.mark.parametrize("with_contract", [True, False])
def test_replayed_rows_have_it_and_the_quarantine_is_partitioned_by_day(lake: Lake, with_contract: bool) -> None:
    asked = {"partition_by": ["ingest_date", "bucket[2](id)"]}
    if with_contract:
        lake.contract([ID])
        lake.load([{"id": 1}, {"id": -1}, {"id": -2}], on_violation="quarantine", **asked)
        lake.contract([{k: v for k, v in ID.items() if k != "logicalTypeOptions"}])
    else:
        mended = (
            '{"type":"RECORD","stream":"t","record":{"id":"-1"}}\n{"type":"RECORD","stream":"t","record":{"id":"-2"}}\n'
        )
        property_ = '{"id":{"type":"integer","minimum":0}}'
        strict = f'{{"type":"SCHEMA","stream":"t","schema":{{"properties":{property_}}},"key_properties":[]}}\n'
        lake.run(
            (strict + mended + '{"type":"RECORD","stream":"t","record":{"id":1}}\n').encode(),
            on_violation="quarantine", **asked,
        )  # fmt: skip
    assert lake.spec("t__quarantine") == [("_received_at_day", "day")]
    config = lake.folder / "config.json"
    import json

    config.write_text(json.dumps(lake.settings | asked))
    assert main(["--config", str(config), "--table", "default.t"]) == 0
    assert sorted(row["id"] for row in lake.tables.rows("t")) == [-2, -1, 1]
    assert _dates(lake) <= _today()
    quarantine = lake.table("t__quarantine")
    assert [f.record_count for f in files(quarantine)] == [2]
    assert lake.tables.sql("SELECT count(*) FROM {t__quarantine} WHERE _replayed_at IS NOT NULL") == [(2,)]
    assert {f.partition[0] for f in files(quarantine)} <= {(d - dt.date(1970, 1, 1)).days for d in _today()}

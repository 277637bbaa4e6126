"""What `dativo plan` says of partitions and sort order."""

from __future__ import annotations

import pytest

from target_dativo_iceberg.settings import parse
from target_dativo_iceberg.stream_plans import Planner
from tests.partitions.lake import Lake

COLUMNS = [{"name": "id", "logicalType": "integer"}, {"name": "code", "logicalType": "string"}]


def _said(lake: Lake, **settings: object) -> list[str]:
    (plan,) = Planner(parse(lake.settings | settings)).of_contracts()
    return [line.strip() for line in plan.lines()[1:]]


def test_a_plan_names_partitions_and_order_of_a_new_table(lake: Lake) -> None:
    lake.contract(COLUMNS)
    assert _said(lake, partition_by=["bucket[2](id)", "ingest_date"], sort_by=["code desc"]) == [
        "create the table with columns id long, code string, ingest_date date",
        "partition by bucket[2](id), ingest_date",
        "sort by code desc",
    ]


@pytest.mark.parametrize("allowed", [True, False])
def test_a_plan_tells_what_becomes_of_a_table_that_exists(lake: Lake, allowed: bool) -> None:
    lake.contract(COLUMNS)
    lake.load([{"id": 1, "code": "a"}], partition_by=["code"])
    said = _said(lake, partition_by=["bucket[2](id)"], sort_by=["id"], allow_partition_evolution=allowed)
    if allowed:
        assert said == ["partition by bucket[2](id): for new rows", "sort by id: for new rows"]
    else:
        assert said[0] == "the table needs no change"
        assert "stays so" in said[1]


def test_the_contract_decides_before_the_settings(lake: Lake) -> None:
    lake.contract([COLUMNS[0], COLUMNS[1] | {"partitioned": True}])
    assert _said(lake, partition_by=["bucket[2](id)"])[1:] == ["partition by code"]

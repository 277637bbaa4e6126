"""Partitioned and sorted tables on Nessie: made, filled and given new partitions, each in one commit."""

from __future__ import annotations

from typing import Any

from tests.nessie.lake import catalog_of
from tests.nessie.publish.landing import Landing

ID = {"name": "id", "logicalType": "integer"}
AT = {"name": "at", "logicalType": "timestamp"}


def _partitioned(field: dict[str, Any], transform: str) -> dict[str, Any]:
    custom = [{"property": "dativo.partitionTransform", "value": transform}]
    return {**field, "partitioned": True, "customProperties": custom}


def _lines(start: int, stop: int) -> list[dict[str, Any]]:
    schema = {"properties": {"id": {"type": "integer"}, "at": {"type": "string"}}}
    head = {"type": "SCHEMA", "stream": "a", "schema": schema, "key_properties": []}
    records = ({"id": n, "at": f"2024-03-{1 + n % 3:02}T10:00:00Z"} for n in range(start, stop))
    return [head, *({"type": "RECORD", "stream": "a", "record": r} for r in records)]


def test_partitions_and_order_are_made_and_changed_in_one_commit(landing: Landing) -> None:
    before = landing.head()
    sort = [{"property": "dativo.sortBy", "value": "id desc"}]
    contract = landing.contract("1.0.0", ID, _partitioned(AT, "day"), customProperties=sort)
    ended = landing.run(_lines(0, 9), contract_path=contract)
    assert ended.code == 0, ended.log
    middle = landing.head()
    assert len(landing.commits(before)) == 1
    contract = landing.contract("1.0.0", _partitioned(ID, "bucket[2]"), AT, customProperties=sort)
    ended = landing.run(_lines(9, 18), contract_path=contract, allow_partition_evolution=True)
    assert ended.code == 0, ended.log
    assert len(landing.commits(middle)) == 1

    table = catalog_of(landing.stack, landing.branch).load_table(("ns", "a"))
    found = [task.file for task in table.scan().plan_files()]
    first, second = (sorted(f.partition[0] for f in found if f.spec_id == spec) for spec in (0, table.spec().spec_id))
    assert (len(first), second) == (3, [0, 1])
    assert {f.sort_order_id for f in found} == {table.sort_order().order_id}
    assert [str(f.transform) for f in table.spec().fields] == ["bucket[2]"]
    assert landing.ids("a") == list(range(18))
    on_second = table.scan(row_filter="at >= '2024-03-02T00:00:00+00:00' and at < '2024-03-03T00:00:00+00:00'")
    assert sorted(on_second.to_arrow()["id"].to_pylist()) == list(range(1, 18, 3))

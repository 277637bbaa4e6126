"""Retention: rows past the contract's limit go, whole files without being opened, and no other row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg.maintenance.steps import RETENTION, Care, State, Step
from target_dativo_iceberg.maintenance.table_care import care_for
from target_dativo_iceberg.settings import parse
from tests.maintain.care import Cared
from tests.maintain.position_deletes import delete_rows

NOW = datetime.now(UTC)
ID = {"name": "id", "logicalType": "integer"}


def _contract(lake: Cared, at: dict[str, Any], element: str | None = "t.at", days: int = 30) -> None:
    """Write a contract with a retention."""
    lake.contract([ID, {"name": "at", **at}])
    path = Path(lake.settings["contract_path"])
    retention = {"property": "retention", "value": days, "unit": "d"} | ({"element": element} if element else {})
    path.write_text(path.read_text()[:-1] + f', "slaProperties": [{retention}]}}'.replace("'", '"'))


def _ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    "kind",
    [
        {"logicalType": "timestamp"},
        {"logicalType": "timestamp", "logicalTypeOptions": {"timezone": False}},
        {"logicalType": "date"},
    ],
)
def test_rows_past_the_limit_go_and_rows_without_a_time_stay(kind: dict[str, Any], lake: Cared) -> None:
    _contract(lake, kind)

    def at(days: float) -> str:
        when = NOW - timedelta(days=days)
        naive = kind.get("logicalTypeOptions")
        if kind["logicalType"] == "date":
            return when.date().isoformat()
        return when.replace(tzinfo=None).isoformat() if naive else when.isoformat()

    lake.load([{"id": n, "at": at(100 + n)} for n in range(10)])
    lake.load([{"id": n, "at": at(21.5 + n)} for n in range(10, 20)] + [{"id": 99, "at": None}])
    lake.load([{"id": n, "at": at(1)} for n in range(20, 30)])
    untouched = lake.paths()
    plan = lake.step("retention", "--dry-run")
    assert plan["state"] == "needed"
    assert lake.paths() == untouched
    done = lake.step("retention")
    assert (done["state"], done["figures"]) == ("done", plan["figures"])
    assert (done["figures"]["files_dropped"], done["figures"]["files_rewritten"]) == (1, 1)
    assert {r["id"] for r in lake.tables.rows("t")} == {99, *range(20, 30)}
    assert done["figures"]["rows"] == 20
    assert len(lake.paths() & untouched) == 1
    assert lake.step("retention")["state"] == "not needed"


def test_rows_deleted_already_are_not_counted_and_do_not_come_back(lake: Cared) -> None:
    _contract(lake, {"logicalType": "timestamp"})
    lake.load([{"id": n, "at": _ago(10 * n + 5)} for n in range(6)])
    delete_rows(lake.table(), {0, 5})
    assert lake.step("retention")["figures"]["rows"] == 2
    assert [r["id"] for r in lake.tables.rows("t", "id")] == [1, 2]


def test_a_retention_without_a_column_is_refused(lake: Cared) -> None:
    _contract(lake, {"logicalType": "date"}, element=None)
    lake.load([{"id": 1, "at": "1999-01-01"}])
    step = lake.step("retention", code=1)
    assert (step["state"], step["figures"]) == ("refused", {})
    assert step["reason"] == (
        "rows may stay 30 days, but the contract names no column: give its retention an element TABLE.COLUMN"
    )
    assert {s["step"]: s["state"] for s in lake.maintain()}["retention"] == "refused"
    assert lake.tables.count("t") == 1


def test_a_column_of_another_type_is_refused(lake: Cared) -> None:
    _contract(lake, {"logicalType": "string"})
    lake.load([{"id": 1, "at": "1999-01-01"}])
    assert "which is no date or timestamp but string" in lake.step("retention", code=1)["reason"]
    assert lake.tables.count("t") == 1


def test_a_table_without_retention_keeps_all_rows(lake: Cared) -> None:
    lake.load([{"id": 1}], {"id": {"type": "integer"}})
    assert lake.step("retention")["state"] == "not needed"


def test_rejected_rows_go_by_the_time_they_were_rejected(lake: Cared) -> None:
    _contract(lake, {"logicalType": "date"})
    lake.load([{"id": 1, "at": NOW.date().isoformat()}, {"id": "x"}], on_violation="quarantine")
    store, settings = lake.store, parse(lake.settings)

    def retained(days: int) -> Step:
        care = Care(settings, NOW + timedelta(days=days), "care", (RETENTION,))
        (step,) = care_for(store, care, ("default", "t__quarantine"))
        return step

    assert retained(29).state is State.NOT_NEEDED
    assert lake.tables.count("t__quarantine") == 1
    done = retained(31)
    assert (done.state, done.figures["rows"], done.figures["files_dropped"]) == (State.DONE, 1, 1)
    assert lake.tables.count("t__quarantine") == 0
    assert lake.tables.count("t") == 1

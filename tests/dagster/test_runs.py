"""Real runs through Dagster: real Meltano, tap and target, tables read back, and what Dagster keeps of each run."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.dagster.conftest import Defs
from tests.dativo.project import Project

pytestmark = pytest.mark.timeout(300)
CONTRACT = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "orders",
    "version": "1.0.0",
    "status": "active",
    "schema": [
        {
            "name": "orders",
            "properties": [
                {"name": "id", "logicalType": "integer", "required": True},
                {"name": "who", "logicalType": "string", "required": True},
                {"name": "at", "logicalType": "string"},
            ],
            "quality": [
                {"id": "some-rows", "metric": "rowCount", "mustBeGreaterThan": 1},
                {"id": "many_rows", "metric": "rowCount", "mustBeGreaterThan": 5, "severity": "warning"},
            ],
        }
    ],
}
KEY = dg.AssetKey(["acme", "orders", "orders"])


def test_a_catalog_that_comes_back_is_waited_for_and_the_numbers_are_the_reports(project: Project, defs: Defs) -> None:
    path = project.csv(1, 2, 3)
    path.write_text(path.read_text().replace("2,ada", "2,"))
    project.write("assets/orders.yaml", CONTRACT)
    disk = project.folder / "disk"
    target = {"catalog": {"type": "sql", "uri": f"sqlite:///{disk}/catalog.db"}}
    project.job(target=target, schema_validation_mode="quarantine")
    mounting = threading.Thread(target=_mount, args=(project.of_job() / "report.json", disk))
    mounting.start()
    ended = _run(defs(max_retries=1, retry_seconds=1))
    mounting.join()
    assert ended.success
    assert [e.event_type_value for e in ended.all_events if "RETRY" in e.event_type_value] == ["STEP_UP_FOR_RETRY"]

    report = json.loads((project.of_job() / "report.json").read_text())
    assert (report["status"], report["attempts"]) == ("partial", 2)
    (stream,) = report["target"]["streams"]
    (event,) = ended.get_asset_materialization_events()
    assert event.asset_key == KEY
    kept = {name.removeprefix("dativo/"): value.value for name, value in event.materialization.metadata.items()}
    assert {name: kept[name] for name in ("run_id", "seconds")} == {
        name: report[name] for name in ("run_id", "seconds")
    }
    counts = {"rows_read": "records", "rows_good": "good", "rows_quarantined": "quarantined", "rows_dropped": "dropped"}
    assert {name: kept[name] for name in counts} == {name: stream[key] for name, key in counts.items()}
    assert {name: kept[name] for name in ("table", "quarantine_table", "snapshot_id")} == {
        "table": "default.orders",
        "quarantine_table": "default.orders__quarantine",
        "snapshot_id": stream["snapshot_id"],
    }
    assert kept["report"] == str(project.of_job() / "report.json")
    checks = {check.check_name: check for check in ended.get_asset_check_evaluations()}
    assert {name: (check.passed, check.severity.value) for name, check in checks.items()} == {
        "contract": (False, "WARN"),
        "adds_up": (True, "ERROR"),
        "quality_some__rows": (True, "ERROR"),
        "quality_many_rows": (False, "WARN"),
    }
    assert {name: value.value for name, value in checks["contract"].metadata.items()} == {"rule/orders.who.required": 1}
    assert checks["quality_many_rows"].metadata["measured"].value == "2"


def _mount(report: Path, disk: Path) -> None:
    """Bring the catalog's disk back as soon as a run has failed for want of it."""
    until = time.monotonic() + 120
    while not report.exists() and time.monotonic() < until:
        time.sleep(0.05)
    disk.mkdir()


def test_a_broken_contract_is_not_tried_again_and_says_which_rule(project: Project, defs: Defs) -> None:
    path = project.csv(1, 2, 3)
    path.write_text(path.read_text().replace("2,ada", "2,"))
    project.job()
    ended = _run(defs(max_retries=3, retry_seconds=0))
    (failure,) = [e.step_failure_data for e in ended.all_events if e.is_step_failure]
    assert not [e for e in ended.all_events if "RETRY" in e.event_type_value]
    said = failure.user_failure_data
    assert "the record breaks its contract: $.who is required" in said.description
    assert said.metadata["dativo/cause"].value == "violation"
    (check,) = ended.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity.value) == ("contract", False, "ERROR")
    assert check.metadata["rule/orders.who.required"].value == 1
    assert not ended.get_asset_materialization_events()
    assert project.ids() == []


def _run(made: dg.Definitions, job: str = "acme___orders") -> dg.ExecuteInProcessResult | Any:
    with dg.DagsterInstance.ephemeral() as instance:
        return made.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)

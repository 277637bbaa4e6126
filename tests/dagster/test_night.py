"""A night of three tenants' jobs: real daemon, queue, webserver and loads, and the pages in a browser.

Seven jobs, and twelve with THOROUGH=1: each costs fifteen seconds of a core, nearly all of it starts of processes.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from dativo_ingest import recovery
from dativo_ingest.dagster.loads import plain
from tests.dagster.conftest import JOBS, TENANTS
from tests.dagster.started import Kept, Started, started
from tests.dativo import kills
from tests.dativo.project import Project
from tests.readback import Tables
from tests.reports.browser import start

pytestmark = pytest.mark.timeout(600)
ROWS = kills.ROWS
# The STATE of the second file is never sent: its rows are in an epoch that stays open.
STUCK = f"""#!{sys.executable}
import sys, time
from pathlib import Path
from tap_adapters.common.stream import ItemStream
from tap_adapters.csv.__main__ import main

progress, sent = ItemStream._write_progress, []

def stuck(stream, count):
    sys.stdout.flush()
    if sent:
        Path(__file__).with_name("stuck").touch()
        time.sleep(600)
    sent.append(count)
    progress(stream, count)
    sys.stdout.flush()

ItemStream._write_progress = stuck
raise SystemExit(main())
"""
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
TERMINATED, WAITS, BREAKS = "acme___orders", "globex__eu___orders", "initech___orders"
"""Jobs with a fate: ended early by an operator; tried again until its catalog is there; against its contract."""
JOBS_OF = {
    tenant: JOBS if os.environ.get("THOROUGH") else JOBS[bool(number) : 3] for number, tenant in enumerate(TENANTS)
}
_PAIRS = [(tenant, job) for tenant, jobs in JOBS_OF.items() for job in jobs]
ALL = [f"{plain(tenant)}___{plain(job)}" for tenant, job in _PAIRS]
TIMED = [name for name in ALL if name.endswith("___invoices")]
_DONE = ("SUCCESS", "FAILURE", "CANCELED")


@pytest.fixture
def night(project: Project) -> Project:
    """The jobs: `invoices` of each tenant by a cron text, the others by an interval."""
    schedules: list[dict[str, Any]] = []
    for tenant, job in _PAIRS:
        number = JOBS.index(job)
        project.csv(*_ids(number), name=f"{tenant}/{job}/a.csv")
        project.job(job, tenant, source=_source(tenant, job))
        times = {"cron": "* * * * *", "timezone": "Europe/Berlin"} if number == 0 else {"interval_seconds": 86400}
        schedules.append({"name": f"{tenant}_{job}", "config": f"jobs/{tenant}/{job}.yaml", **times})
    _stuck(project)
    _without_catalog(project)
    _spoil(project.folder / "data/initech/orders/a.csv")
    # It goes before the other jobs of its tenant, so that these have to wait for it.
    schedules[_PAIRS.index(("acme", "orders"))]["tags"] = {"dagster/priority": "1"}
    project.write("runner.yaml", {"orchestrator": {"schedules": schedules}})
    return project


def _ids(number: int) -> tuple[int, int, int]:
    """The rows of a tenant's job; of another one of the tenant they are others."""
    return -10 * number - 3, -10 * number - 2, -10 * number - 1


def _source(tenant: str, job: str) -> dict[str, Any]:
    return {
        "files": [{"path": f"data/{tenant}/{job}", "object": "orders", "keys": ["id"]}],
        "incremental": {"strategy": "file_modified_time"},
    }


def _stuck(project: Project) -> None:
    for number in range(2):
        project.csv(*range(number * ROWS, (number + 1) * ROWS), name=f"acme/stuck/{number}.csv")
    tap = project.write("stuck-tap", STUCK)
    tap.chmod(0o755)
    source = _source("acme", "stuck") | {"engine": {"options": {"executable": str(tap)}}}
    project.job(source=source, target={"settings": {"epoch_max_mb": 1}})


def _without_catalog(project: Project) -> None:
    project.write("assets/checked.yaml", CONTRACT)
    _spoil(project.folder / "data/globex-eu/orders/a.csv")
    project.job(
        tenant="globex-eu",
        source=_source("globex-eu", "orders"),
        asset_path="assets/checked.yaml",
        target={"catalog": {"type": "sql", "uri": f"sqlite:///{_disk(project)}/catalog.db"}},
        schema_validation_mode="quarantine",
        retry_config={"max_retries": 3, "initial_delay_seconds": 1, "backoff_multiplier": 1},
    )


def _disk(project: Project) -> Path:
    return project.folder / "disk"


def _spoil(path: Path) -> None:
    """Take from one row what its contract requires."""
    path.write_text(path.read_text().replace("-12,ada", "-12,"))


def test_jobs_of_three_tenants_from_their_times_to_their_pages(night: Project) -> None:
    schedules = [f"{plain(tenant)}_invoices" for tenant, job in _PAIRS if job == "invoices"]
    home = str(night.state / "dagster")
    with (
        started(night, schedules, "--runner-config", night.folder / "runner.yaml") as dagster,
        dg.DagsterInstance.from_config(home) as instance,
    ):
        kept = Kept(instance)
        _go_on_until_an_operator_ends_one(night, dagster, kept)
        dagster.until(lambda: [_go_on(night, dagster, kept).get(name) in _DONE for name in ALL] == [True] * len(ALL))
        assert not dagster.ticking
        _each_ran_once_and_alone_in_its_tenant(kept)
        _the_catalog_that_came_back_was_waited_for(night, kept)
        _the_broken_contract_was_not_tried_again(night, kept)
        _rows_are_exact(night)
        _pages(dagster.url, night.folder)


def _go_on(night: Project, dagster: Started, kept: Kept) -> dict[str, str]:
    """What the night does meanwhile: schedules that have ticked are stopped, and the catalog's disk comes back."""
    statuses = kept.statuses()
    if dagster.ticking and any(name in statuses for name in TIMED):
        dagster.stop_schedules_that_ticked()
    if not _disk(night).exists() and kept.events(WAITS, "STEP_UP_FOR_RETRY"):
        _disk(night).mkdir()
    return statuses


def _go_on_until_an_operator_ends_one(night: Project, dagster: Started, kept: Kept) -> None:
    """End a run in the middle of an epoch, while others of its tenant wait, and those of other tenants do not."""

    def held() -> bool:
        statuses = _go_on(night, dagster, kept)
        published = (night.folder / "stuck").exists() and recovery.count_lines(night.of_job() / "emitted.jsonl")
        return bool(published and _waiting(statuses) and _others_since(kept))

    dagster.until(held)
    assert not [name for name in _waiting(kept.statuses()) if kept.events(name, "STEP_START")]
    dagster.terminate(kept.runs()[TERMINATED])
    dagster.until(lambda: kept.statuses()[TERMINATED] in _DONE)
    assert kept.statuses()[TERMINATED] == "CANCELED"
    left = [one for one in kills.of_project(night) if "/acme/orders.yaml" in one.words or "/acme/orders/" in one.words]
    assert not left


def _waiting(statuses: dict[str, str]) -> list[str]:
    """Runs of the tenant of the stuck one that have not ended: in the queue, or launched and held by the pool."""
    names = [name for name, status in statuses.items() if name.startswith("acme") and status not in _DONE]
    return [name for name in names if name != TERMINATED]


def _others_since(kept: Kept) -> bool:
    """Whether a load of another tenant has begun and ended while the stuck one was at work."""
    ((_, began),) = kept.events(TERMINATED, "STEP_START")
    return any(span.began > began for name in ALL if not name.startswith("acme") for span in kept.tries(name))


def _each_ran_once_and_alone_in_its_tenant(kept: Kept) -> None:
    assert kept.statuses() == dict.fromkeys(ALL, "SUCCESS") | {TERMINATED: "CANCELED", BREAKS: "FAILURE"}
    for tenant, jobs in ((plain(tenant), jobs) for tenant, jobs in JOBS_OF.items()):
        spans = sorted(span for name in ALL if name.startswith(f"{tenant}___") for span in kept.tries(name))
        assert len(spans) == len(jobs) + (WAITS.startswith(tenant) and len(kept.tries(WAITS)) - 1)
        for one, other in itertools.pairwise(spans):
            assert not one.overlaps(other)
    for name, run in kept.runs().items():
        by = "dagster/schedule_name" if name in TIMED else "dagster/sensor_name"
        assert run.tags[by] == run.tags["dativo/schedule"]


def _the_catalog_that_came_back_was_waited_for(night: Project, kept: Kept) -> None:
    """What Dagster keeps of the run is what its report says."""
    tries = len(kept.events(WAITS, "STEP_UP_FOR_RETRY")) + 1
    report = json.loads((night.of_job(tenant="globex-eu") / "report.json").read_text())
    assert (report["status"], report["attempts"]) == ("partial", tries)
    assert tries > 1
    (stream,) = report["target"]["streams"]
    found = {name.removeprefix("dativo/"): value for name, value in kept.materialised(WAITS).items()}
    assert {name: found[name] for name in ("run_id", "seconds")} == {
        name: report[name] for name in ("run_id", "seconds")
    }
    counts = {"rows_read": "records", "rows_good": "good", "rows_quarantined": "quarantined", "rows_dropped": "dropped"}
    assert {name: found[name] for name in counts} == {name: stream[key] for name, key in counts.items()}
    assert {name: found[name] for name in ("table", "quarantine_table", "snapshot_id")} == {
        "table": "default.orders",
        "quarantine_table": "default.orders__quarantine",
        "snapshot_id": stream["snapshot_id"],
    }
    assert found["report"] == str(night.of_job(tenant="globex-eu") / "report.json")
    checks = kept.checks(WAITS)
    assert {name: (check.passed, check.severity.value) for name, check in checks.items()} == {
        "contract": (False, "WARN"),
        "adds_up": (True, "ERROR"),
        "quality_some__rows": (True, "ERROR"),
        "quality_many_rows": (False, "WARN"),
    }
    assert {name: value.value for name, value in checks["contract"].metadata.items()} == {"rule/orders.who.required": 1}
    assert checks["quality_many_rows"].metadata["measured"].value == "2"


def _the_broken_contract_was_not_tried_again(night: Project, kept: Kept) -> None:
    assert not kept.events(BREAKS, "STEP_UP_FOR_RETRY", "ASSET_MATERIALIZATION")
    said = kept.failure(BREAKS)
    assert "the record breaks its contract: $.who is required" in said.description
    assert said.metadata["dativo/cause"].value == "violation"
    ((name, check),) = kept.checks(BREAKS).items()
    assert (name, check.passed, check.severity.value) == ("contract", False, "ERROR")
    assert check.metadata["rule/orders.who.required"].value == 1


def _rows_are_exact(night: Project) -> None:
    """Of the run that was ended, the epochs before the open one; of the one against its contract, nothing."""
    others = {
        tenant: sorted(row for job in jobs if job != "orders" for row in _ids(JOBS.index(job)))
        for tenant, jobs in JOBS_OF.items()
    }
    assert {tenant: night.ids(tenant) for tenant in TENANTS} == others | {"acme": [*others["acme"], *range(ROWS)]}
    disk = Tables(_disk(night))
    assert [row["id"] for row in disk.rows("orders", order="id")] == [-13, -11]
    assert disk.count("orders__quarantine") == 1


def _pages(url: str, folder: Path) -> None:
    """The pages show it, and ask nobody but the webserver, which knows all that they ask for."""
    with sync_playwright() as playwright:
        browser = start(playwright)
        page = browser.new_page(viewport={"width": 1600, "height": 1800})
        asked: list[str] = []
        failed: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        page.on("pageerror", lambda error: failed.append(str(error)))
        keys = [f"{tenant} / {job} / orders" for tenant, job in _PAIRS]
        _shown(page, f"{url}/assets", folder / "assets.png", *keys, "Materialized", "Never materialized")
        _shown(page, f"{url}/runs", folder / "runs.png", *ALL, "Canceled", "Failure", "Success")
        browser.close()
    assert failed == []
    assert [one for one in asked if not re.match(rf"({url}|data:|blob:)", one)] == []


def _shown(page: Page, address: str, picture: Path, *texts: str) -> None:
    page.goto(address)
    for text in texts:
        expect(page.locator("body")).to_contain_text(text, use_inner_text=True, timeout=60_000)
    page.screenshot(path=picture)

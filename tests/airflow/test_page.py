"""The DAG file of docs/airflow.md under a real Airflow, in an environment of its own: read, and each DAG run once."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.dagster.test_pages import blocks
from tests.dativo import kills
from tests.dativo.project import ROOT, TAP, Project
from tests.sources.venvs import tap_venv

pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]
# Airflow's own way to change tasks that others wrote: no pause between tries, and the disk is there for the second one.
POLICY = """
from datetime import timedelta
from pathlib import Path

def mend(context):
    Path({disk!r}).mkdir()

def task_policy(task):
    task.retry_delay = timedelta(0)
    task.on_retry_callback = [mend] if task.dag_id == "globex_orders" else []
"""
# The first load is held up until it is ended.
HELD = """#!/bin/sh
case "$*" in *--discover*) ;; *) if mkdir {holds}; then exec sleep 600; fi ;; esac
exec {tap} "$@"
"""


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The jobs of the page's runner file, and two more.

    The orders of acme have a row for quarantine, those of globex a catalog that is not there at first; of the two
    more, one is held up, and one has a row against its contract.
    """
    made = Project(tmp_path_factory.mktemp("project"))
    made.asset()
    for name in ("good", "bad"):
        path = made.csv(1, 2, 3, name=f"{name}/a.csv")
    path.write_text(path.read_text().replace("2,ada", "2,"))
    good, bad = ({"files": [{"path": f"data/{n}", "object": "orders", "keys": ["id"]}]} for n in ("good", "bad"))
    held = made.write("held-tap", HELD.format(holds=made.folder / "holds", tap=TAP))
    held.chmod(0o755)
    catalog = {"type": "sql", "uri": f"sqlite:///{made.folder}/disk/catalog.db"}
    made.job("orders", "acme", source=bad, schema_validation_mode="quarantine")
    made.job("orders", "globex", source=good, target={"catalog": catalog})
    made.job("strict", "initech", source=bad, schema_validation_mode="strict")
    made.job("held", "initech", source=good | {"engine": {"options": {"executable": str(held)}}})
    (runner,) = blocks("dagster.md", "yaml runner")
    for job in ("strict", "held"):
        runner += f"      - {{name: {job}, config: jobs/initech/{job}.yaml, interval_seconds: 86400}}\n"
    made.write("runner.yaml", runner)
    made.write("dags/dags.py", blocks("airflow.md", "python dags")[0])
    return made


@pytest.fixture
def found(project: Project, tmp_path_factory: pytest.TempPathFactory, _warm_programs: Path) -> dict[str, Any]:
    """What Airflow tells of the DAGs of the page, after the page's command for a pool."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "config").mkdir()
    (home / "config" / "airflow_local_settings.py").write_text(POLICY.format(disk=str(project.folder / "disk")))
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": f"{project.folder}/dags",
        "DATIVO_ROOT": str(project.folder), "DATIVO_COMMAND": str(_warm_programs / "dativo"),
        "DATIVO_MELTANO": str(_warm_programs / "meltano"), "STATE_DIR": str(project.state),
    }  # fmt: skip
    (pool,) = re.findall(r"`airflow (pools set .*?)`", (ROOT / "docs/airflow.md").read_text())
    commands = [["db", "migrate"], shlex.split(pool)]
    commands += [["pools", "set", f"tenant_{tenant}", "1", ""] for tenant in ("globex", "initech")]
    words = [tap_venv("airflow") / "bin" / "python", Path(__file__).with_name("runs.py")]
    out = home / "found.json"
    try:
        done = subprocess.run(
            [*words, json.dumps(commands), project.folder / "holds", out],
            env=environment, cwd=home, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
    finally:
        left = kills.of_project(project)
        for process in left:
            os.kill(process.pid, signal.SIGKILL)
    assert done.returncode == 0, done.stderr[-6000:]
    assert not left
    return {"log": done.stdout + done.stderr, **json.loads(out.read_text())}


def _airflow_reads_a_dag_for_each_schedule(found: dict[str, Any]) -> None:
    dags = found["dags"]
    assert (found["errors"], dags.keys()) == ({}, {"acme_orders", "globex_orders", "strict", "held"})
    acme, globex = dags["acme_orders"], dags["globex_orders"]
    assert (acme["timetable"]["expression"], acme["timetable"]["timezone"]) == ("30 2 * * 1-5", "Europe/Berlin")
    assert globex["timetable"]["delta"] == 5400
    assert (acme["paused"], globex["paused"]) == (False, True)
    assert (acme["tags"], acme["runs"], acme["catchup"]) == (["acme"], 1, False)
    assert {found["pools"][dag["pool"]] for dag in dags.values()} == {1}
    assert acme["pool"] == "tenant_acme"


def ended(found: dict[str, Any], name: str) -> tuple[str, int, dict[str, int]]:
    """State, tries, and the numbers of rows that are the task's return value."""
    dag = found["dags"][name]
    counts = {key: count for key, count in (dag["totals"] or {}).items() if "bytes" not in key}
    return dag["state"], dag["tries"], counts


LOADED = {"records": 3, "good": 3, "quarantined": 0, "dropped": 0, "files": 1}


def _a_partial_run_succeeds_and_returns_its_numbers(found: dict[str, Any], project: Project) -> None:
    assert ended(found, "acme_orders") == ("success", 1, LOADED | {"good": 2, "quarantined": 1})
    assert project.tables().rows("shop.orders__quarantine")


def _a_broken_contract_is_not_tried_again(found: dict[str, Any]) -> None:
    assert ended(found, "strict") == ("failed", 1, {})
    assert "AirflowFailException: line 3: stream 'orders': the record breaks its contract" in found["log"]


def _a_catalog_that_is_down_is_tried_again(found: dict[str, Any]) -> None:
    assert ended(found, "globex_orders") == ("success", 2, LOADED)
    assert "AirflowException: opening the catalog failed" in found["log"]


def _a_task_that_is_ended_ends_its_load(found: dict[str, Any], project: Project) -> None:
    """The next try loads all, once."""
    assert ended(found, "held") == ("success", 2, LOADED)
    assert project.ids("initech") == [1, 2, 3]


def test_airflow_reads_and_runs_the_file_of_the_page(found: dict[str, Any], project: Project) -> None:
    """One test, since what it looks at takes long to come about."""
    _airflow_reads_a_dag_for_each_schedule(found)
    _a_partial_run_succeeds_and_returns_its_numbers(found, project)
    _a_broken_contract_is_not_tried_again(found)
    _a_catalog_that_is_down_is_tried_again(found)
    _a_task_that_is_ended_ends_its_load(found, project)

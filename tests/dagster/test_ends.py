"""Two jobs of one tenant, each started by a process of Dagster's: they wait for each other, and one is ended early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from dativo_ingest import recovery
from dativo_ingest.dagster.instance import write_instance
from tests.dagster.conftest import location
from tests.dativo import kills
from tests.dativo.project import Project

pytestmark = pytest.mark.timeout(300)
CODE = "dativo_ingest.dagster.code_location"
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
ROWS = kills.ROWS
Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def home(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = project.folder / "dagster"
    write_instance(made, concurrency_per_tenant=1)
    monkeypatch.setenv("DAGSTER_HOME", str(made))
    return made


@pytest.fixture
def start(project: Project, home: Path) -> Iterator[Start]:
    """Run a job as Dagster's own command does, in a process of its own."""
    begun: list[subprocess.Popen[bytes]] = []

    def run(job: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "dagster", "job", "execute", "-m", CODE, "-j", job]
        environment = os.environ | location(project).to_environment() | project.environment
        with (project.folder / f"{job}.log").open("wb") as log:
            begun.append(subprocess.Popen(words, env=environment, stdout=log, stderr=log, start_new_session=True))
        return begun[-1]

    yield run
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_jobs_of_one_tenant_wait_for_each_other_and_one_that_is_ended_leaves_nothing(
    project: Project, start: Start, home: Path
) -> None:
    for number in range(2):
        project.csv(*range(number * ROWS, (number + 1) * ROWS), name=f"{number}.csv")
    tap = project.write("stuck-tap", STUCK)
    tap.chmod(0o755)
    project.job(source=kills.reading(tap), target={"settings": {"epoch_max_mb": 1}})
    project.csv(-1, -2, name="later/late.csv")
    project.job("late", source={"files": [{"path": "data/later", "object": "orders", "keys": ["id"]}]})
    with dg.DagsterInstance.get() as instance:
        first = start("acme___orders")
        _wait((project.of_job() / "lock").exists, first)
        second = start("acme___late")
        _wait(lambda: (project.folder / "stuck").exists() and _printed(project), first)
        _wait(lambda: "blocked by limit for pool tenant_acme" in _said(project, "acme___late"), second)
        assert not (project.of_job("late") / "lock").exists()
        first.send_signal(signal.SIGTERM)
        first.wait()
        assert not [p for p in kills.of_project(project) if "/orders.yaml" in p.words or "/orders/" in p.words]
        second.wait()
        assert second.returncode == 0, _said(project, "acme___late")
        ended, other = _span(instance, "acme___orders"), _span(instance, "acme___late")
        assert ended[1] <= other[0]
        assert instance.get_runs(dg.RunsFilter(job_name="acme___orders"))[0].status is not dg.DagsterRunStatus.SUCCESS
    assert not kills.of_project(project)
    assert project.ids() == [-2, -1, *range(ROWS)]


def _printed(project: Project) -> int:
    """How many STATE lines the target has printed: as many epochs are published."""
    return recovery.count_lines(project.of_job() / "emitted.jsonl")


def _said(project: Project, job: str) -> str:
    return (project.folder / f"{job}.log").read_text(errors="replace")


def _wait(what: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    while not what():
        assert process.poll() is None
        time.sleep(0.1)


def _span(instance: dg.DagsterInstance, job: str) -> tuple[float, float]:
    """When the load of a job's only run began and ended."""
    (run,) = instance.get_runs(dg.RunsFilter(job_name=job))
    steps = {record.dagster_event_type: record.timestamp for record in instance.all_logs(run.run_id)}
    end = [moment for kind, moment in steps.items() if kind and kind.value in ("STEP_SUCCESS", "STEP_FAILURE")]
    (start,) = [moment for kind, moment in steps.items() if kind and kind.value == "STEP_START"]
    return start, end[0]

"""Processes of a run are killed, the run is stopped or takes too long: nothing is lost, doubled or left behind."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.dativo import kills
from tests.dativo.project import TAP, Project

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("victim", ["dativo", "meltano", "target"])
def test_a_killed_process_costs_nothing(project: Project, victim: str, request: pytest.FixtureRequest) -> None:
    job = kills.prepare(project)
    hit, _ = kills.strike(project, job, kills.Strike(victim, epochs=2, delay=0.05))
    assert hit
    request.getfixturevalue("warm_commands")  # from here on: the run that mends is not struck
    kills.check(project, job)


def test_a_tap_that_is_killed_is_tried_again_from_the_saved_state(project: Project) -> None:
    job = kills.prepare(project, retry_config={"max_retries": 1, "initial_delay_seconds": 0.01})
    assert kills.strike(project, job, kills.Strike("tap", epochs=2, delay=0.05)) == (True, 0)
    kills.check_rows(project)
    report = json.loads((project.of_job() / "report.json").read_text())
    assert report["attempts"] == 2
    assert 0 < report["target"]["totals"]["records"] < kills.FILES * kills.ROWS


def test_a_run_that_is_stopped_ends_in_order(project: Project, request: pytest.FixtureRequest) -> None:
    job = kills.prepare(project)
    process = project.start("run", "--config", job)
    while not kills.published(project) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, said
    assert not kills.of_project(project)
    request.getfixturevalue("warm_commands")
    kills.check(project, job)


def test_a_run_that_takes_too_long_is_ended(project: Project) -> None:
    project.csv(1)
    tap = _script(project.folder / "slow-tap", f'case "$*" in *--discover*) exec {TAP} "$@";; esac\nexec sleep 600')
    ended = project.run(_with_tap(project, tap, timeout_seconds=6))
    (report,) = ended.json["jobs"]
    assert (ended.code, report["cause"]) == (2, "timeout")
    assert not kills.of_project(project)


@pytest.mark.usefixtures("warm_commands")
def test_a_job_is_run_by_one_process_at_a_time(project: Project) -> None:
    project.csv(1)
    waiting = "touch reading; while [ ! -e go ]; do sleep 0.1; done"
    body = f'cd {project.folder}\ncase "$*" in *--discover*) ;; *) {waiting};; esac\nexec {TAP} "$@"'
    tap = _script(project.folder / "waiting-tap", body)
    job = _with_tap(project, tap)
    first = project.start("run", "--config", job)
    while not (project.folder / "reading").exists() and first.poll() is None:
        time.sleep(0.05)
    second = project.run(job)
    (project.folder / "go").touch()
    _, said = first.communicate()
    assert first.returncode == 0, said
    assert (second.code, second.json["jobs"][0]["cause"]) == (2, "locked")
    assert project.ids() == [1]


def _with_tap(project: Project, tap: Path, **changes: object) -> Path:
    return project.job(source=kills.reading(tap), **changes)


def _script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path

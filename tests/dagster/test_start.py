"""`dativo start`: what it refuses, what it gives to Dagster, and its end. Dagster itself is not started here."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dativo_ingest.cli import main
from dativo_ingest.commands import start as command
from dativo_ingest.dagster.definitions import definitions
from dativo_ingest.dagster.location import from_environment
from tests.dativo.project import ROOT, Project

Start = Callable[..., tuple[int, list[str]]]
DAILY = {"name": "daily", "config": "jobs/acme/orders.yaml", "cron": "@daily"}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """What would be run, and its environment."""
    found: list[tuple[list[str], dict[str, str]]] = []

    def run(words: list[str], environment: dict[str, str]) -> int:
        found.append((words, environment))
        return 0

    monkeypatch.setattr(command, "_until_stopped", run)
    return found


@pytest.fixture
def start(project: Project, given: Any, capsys: pytest.CaptureFixture[str]) -> Start:
    """Start with a runner file; return the exit code and what was wrong."""

    def run(runner: Any, *words: str) -> tuple[int, list[str]]:
        file = project.write("runner.yaml", runner)
        code = main(project.words("start", "--runner-config", file, *words))
        said = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
        return code, [event["message"].replace(f"{project.folder}/", "") for event in said]

    return run


def test_dagster_is_given_the_jobs_and_an_instance_with_limits(
    project: Project, start: Start, given: list[tuple[list[str], dict[str, str]]]
) -> None:
    project.job()
    project.write("jobs/acme/bad.yaml", "tenant_id: acme\n")
    runner = {"runner": {"orchestrator": {"schedules": [DAILY], "concurrency_per_tenant": 2}}}
    code, said = start(runner, "--job-dir", str(project.folder / "jobs"), "--port", "3210", "--partial-fails")
    assert code == 0
    assert said[0] == "jobs/acme/bad.yaml:1: key 'source_connector_path' is missing: add it"
    ((words, environment),) = given
    code_location = "dativo_ingest.dagster.code_location"
    assert words[1:] == ["-m", "dagster", "dev", "-m", code_location, "-h", "127.0.0.1", "-p", "3210"]
    home = Path(environment["DAGSTER_HOME"])
    assert home == project.state / "dagster"
    assert "default_limit: 2" in (home / "dagster.yaml").read_text()
    location = from_environment(environment)
    assert not location.partial_ok
    keys = [spec.key.to_user_string() for spec in definitions(location).resolve_all_asset_specs()]
    assert sorted(keys) == ["acme/orders/orders", "unusable/jobs/acme/bad"]


def test_an_instance_of_somebody_else_is_left_as_it_is(
    project: Project, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.job()
    file = project.write("home/dagster.yaml", "storage: {}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(file.parent))
    assert start({"orchestrator": {"schedules": [DAILY]}}) == (0, [])
    assert file.read_text() == "storage: {}\n"


@pytest.mark.parametrize(
    ("runner", "problem"),
    [
        (
            "mode: oneshot\n",
            "runner.yaml:1: mode 'oneshot' starts no scheduler: write 'orchestrated', or use dativo run",
        ),
        (
            {"orchestrator": {"type": "airflow"}},
            "runner.yaml:2: orchestrator 'airflow' is not started from here: write 'dagster', or leave it out",
        ),
        ({"orchestrator": {}}, "there is no job that can be run: name jobs in the runner file, or give --job-dir"),
        ("a: [\n", "runner.yaml:2: not YAML"),
        (
            {"orchestrator": {"schedules": [DAILY | {"cron": "no"}]}},
            "runner.yaml:5: cron 'no' is not right: write five fields, as '0 6 * * *'",
        ),
    ],
)
def test_a_runner_file_that_starts_nothing(start: Start, given: list[Any], runner: Any, problem: str) -> None:
    code, said = start(runner)
    assert code == 2
    assert said[-1].startswith(problem)
    assert not given


def test_without_the_extra_it_says_how_to_install_it(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    absent = lambda name, *more: None if name.startswith("dagster") else found(name, *more)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", absent)
    code, said = start({})
    assert (code, said) == (
        2,
        ["dagster and dagster-webserver is not installed: pip install 'target-dativo-iceberg[dagster]'"],
    )


def test_its_end_is_that_of_every_process(tmp_path: Path) -> None:
    """A stand-in for `dagster dev`: a shell, and a child that outlives it."""
    trap = f"trap 'sleep 0.3; touch {tmp_path}/child; exit' TERM; touch {tmp_path}/there"
    shell = ["sh", "-c", f"({trap}; while :; do sleep 0.05; done) & wait"]
    words = (
        f"import os; from dativo_ingest.commands import start; end = start._until_stopped({shell!r}, dict(os.environ))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", f"{words}; raise SystemExit(end)"], env=environment) as process:
        while not (tmp_path / "there").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 128 + signal.SIGTERM
    assert (tmp_path / "child").exists()

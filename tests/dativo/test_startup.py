"""The startup sequence, without any run: one for a job and a folder, over before anything is started."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dativo_ingest import infrastructure
from dativo_ingest.cli import main
from tests.dativo.project import ROOT, Project

Said = tuple[int, str, list[dict[str, Any]]]
Dativo = Callable[..., Said]


@pytest.fixture
def dativo(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dativo:
    """Run a command in this process, where Meltano must not be needed; return code, output and events."""
    monkeypatch.setenv("DATIVO_MELTANO", "no-such-meltano")

    def run(command: str, *words: str | Path) -> Said:
        code = main(project.words(command, *words))
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, [json.loads(line) for line in said.err.splitlines()]

    return run


def _names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event_type"] for event in events]


def test_a_job_and_a_folder_are_started_alike_and_an_invalid_job_is_not_started(
    project: Project, dativo: Dativo
) -> None:
    project.csv(1)
    job = project.job(asset_path="assets/none.yaml")
    one, folder = dativo("run", "--config", job), dativo("run", "--job-dir", job.parent)
    assert (one[0], folder[0]) == (2, 2)
    assert _names(one[2]) == _names(folder[2])
    assert _names(one[2]) == [
        "startup_begin",
        "tenant_inferred",
        "secrets_loaded",
        "infra_validated",
        "job_error",
        "startup_complete",
    ]
    assert (one[2][-1]["jobs"], one[2][-1]["failed"]) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"source_connector_path": "connectors/sources/csb.yaml"}, "csb.yaml: the connector recipe cannot be read"),
        ({"target_connector_path": "connectors/targets/x.yaml"}, "x.yaml: the connector recipe cannot be read"),
        ({"asset_path": "assets/none.yaml"}, "orders.yaml:4: there is no asset at 'assets/none.yaml'"),
        (None, "none.yaml: the job cannot be read (No such file or directory): check the path"),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_file_that_is_missing_is_one_message_and_code_2(
    project: Project, dativo: Dativo, changes: dict[str, str] | None, says: str, command: str
) -> None:
    job = project.folder / "jobs" / "none.yaml" if changes is None else project.job(**changes)
    code, _, events = dativo(command, "--config", job)
    assert code == 2
    (message,) = [event["message"] for event in events if event["event_type"] == "job_error"]
    assert says in message


def test_a_state_directory_that_cannot_be_made_is_a_failure_before_the_run(project: Project, dativo: Dativo) -> None:
    project.csv(1)
    job = project.job()
    project.write("state/acme", "in the way")
    code, out, events = dativo("run", "--config", job, "--json")
    assert code == 2
    assert "job_started" not in _names(events)
    (report,) = json.loads(out)["jobs"]
    assert report["cause"] == "state"
    assert report["error"].startswith(f"the state directory {project.of_job()} cannot be made (")


def test_cloud_mode_refuses_targets_as_it_does_sources(project: Project, dativo: Dativo) -> None:
    registry = (ROOT / "registry" / "connectors.yaml").read_text()
    refused = registry.replace("  iceberg:\n", "  iceberg:\n    allowed_in_cloud: false\n")
    project.write("registry/connectors.yaml", refused)
    project.csv(1)
    job = project.job(source_connector_path="connectors/sources/postgres.yaml")
    code, out, _ = dativo("check", "--config", job, "--mode", "cloud", "--json")
    assert code == 2
    assert [problem.partition(": ")[2] for problem in json.loads(out)["jobs"][0]["problems"]] == [
        "connector 'postgres' is not allowed in cloud mode: run it self-hosted",
        "connector 'iceberg' is not allowed in cloud mode: run it self-hosted",
    ]
    assert dativo("check", "--config", project.job(), "--quick")[0] == 0


def test_a_server_that_takes_the_call_and_says_nothing_is_not_waited_for(
    project: Project, dativo: Dativo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infrastructure, "_SECONDS", 0.2)
    project.csv(1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = {"nessie": {"uri": f"http://127.0.0.1:{silent.getsockname()[1]}"}}
        job = project.job(target={"connection": connection})
        code, out, _ = dativo("check", "--config", job, "--quick")
    assert code == 2
    assert "nessie does not answer: no answer (ReadTimeout)" in out

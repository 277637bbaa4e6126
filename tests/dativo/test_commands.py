"""The commands beside `run`: check, discover, install, state, report."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dativo_ingest.cli import main
from dativo_ingest.errors import RunError
from tests.dativo.project import ROOT, Project
from tests.google.documents import SPREADSHEET, Doc, Sheet
from tests.google.fixtures import google
from tests.google.server import Google

__all__ = ["google"]
pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_commands")]
Dativo = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dativo(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dativo:
    """Run a command in this process; return exit code, output, and what was said."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(command: str, *words: str | Path, kind: str = "") -> tuple[int, str, str]:
        name, *rest = project.words(command, *words)
        code = main([name, *([kind] if kind else []), *rest])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_check_asks_files_servers_tap_and_tables(project: Project, dativo: Dativo) -> None:
    project.csv(1)
    job = project.job()
    code, out, err = dativo("check", "--config", job, "--json")
    assert (code, err) == (0, "")
    (found,) = json.loads(out)["jobs"]
    assert (found["asked"], found["problems"]) == (["meltano", "source", "target"], [])
    assert not (project.folder / "warehouse").exists()
    project.job(source={"files": [{"path": "nowhere", "object": "orders"}]})
    code, out, _ = dativo("check", "--config", job)
    assert code == 2
    assert "source: tap-csv cannot look at its source (exit code 1)" in out
    project.job(retry_confg={})
    code, out, err = dativo("check", "--config", job, "--quick")
    assert code == 2
    problem = f"{job}:13: key 'retry_confg' is unknown: did you mean 'retry_config'?"
    assert problem in out
    assert json.loads(err.splitlines()[0])["message"] == problem


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("alpha,beta", "source: 'orders' has none of the asset's columns; it has alpha, beta"),
        ("id,at,more", "source: 'orders' lacks who, which the asset requires"),
    ],
)
def test_check_holds_the_columns_of_the_source_against_the_asset(
    project: Project, dativo: Dativo, header: str, problem: str
) -> None:
    project.write("data/a.csv", f"{header}\n1,2,3\n")
    files = [{"path": "data", "object": "orders", "on_ragged_row": "skip"}]
    code, out, _ = dativo("check", "--config", project.job(source={"files": files}), "--json")
    assert code == 2
    assert json.loads(out)["jobs"][0]["problems"] == [problem]


def test_servers_that_do_not_answer_are_warnings_of_a_run_and_problems_of_a_check(
    project: Project, dativo: Dativo
) -> None:
    project.csv(1)
    connection = {"nessie": {"uri": "http://127.0.0.1:9"}, "s3": {"endpoint": "http://127.0.0.1:9", "region": "x"}}
    job = project.job(target={"connection": connection, "settings": {"request_timeout_seconds": 2}})
    code, out, _ = dativo("check", "--config", job, "--json")
    assert code == 2
    (found,) = json.loads(out)["jobs"]
    assert [p.split(":")[0] for p in found["problems"]] == ["nessie does not answer", "s3 does not answer"]
    ended = project.run(job)
    assert (ended.code, ended.json["jobs"][0]["cause"]) == (2, "store")
    assert ended.names().count("infrastructure_warning") == 2
    assert "job_started" in ended.names()
    assert not (project.of_job() / "state.json").exists()


def test_a_database_port_is_looked_at_where_it_is_configured(project: Project, dativo: Dativo) -> None:
    tables = [{"name": "public.orders", "cursor_field": "at"}]
    source = {"connection": {"host": "127.0.0.1", "port": 9, "database": "d", "user": "u"}, "tables": tables}
    job = project.job(source_connector_path="connectors/sources/postgres.yaml", source=source)
    code, out, _ = dativo("check", "--config", job, "--quick")
    assert code == 2
    assert "database does not answer: no connection (Connection refused)" in out


def test_wrong_credentials_are_named_by_their_setting_and_not_shown(
    project: Project, dativo: Dativo, google: Google
) -> None:
    google.add(Doc("book", "Book", mime=SPREADSHEET, sheets=[Sheet("Orders", [["id", "who", "at"]])]))
    other = json.loads(google.account(client_email="other-canary@x.iam.gserviceaccount.com"))
    urls = {"drive_url": google.url, "sheets_url": google.url}
    source = {
        "sheets": [{"id": "book", "object": "orders"}],
        "engine": {"options": {"settings": urls}},
        "credentials": other,
    }
    job = project.job(source_connector_path="connectors/sources/google_sheets.yaml", source=source)
    code, out, err = dativo("check", "--config", job)
    assert code == 2
    assert "credentials_json" in out
    assert "other-canary" not in out + err
    assert other["private_key"].splitlines()[1] not in out + err


def test_discover_shows_what_the_tap_finds(project: Project, dativo: Dativo) -> None:
    project.csv(1)
    code, out, _ = dativo("discover", "--config", project.job(), "--json")
    assert code == 0
    found = json.loads(out)
    assert found["count"] == 1
    assert found["metadata"] == {"tenant": "acme", "job": "orders", "tap": "tap-csv"}
    (stream,) = found["objects"]
    assert (stream["object"], stream["selected"], stream["keys"]) == ("orders", True, ["id"])
    assert stream["columns"] == ["at", "id", "who"]
    code, out, _ = dativo("discover", "--config", project.job())
    assert out.splitlines()[1].split() == ["orders", "orders", "yes", "id", "3"]


def test_install_finds_what_is_there_and_says_what_is_not(project: Project, dativo: Dativo) -> None:
    code, out, _ = dativo("install", "--config", project.job(), "--json")
    assert code == 0
    assert Path(json.loads(out)["taps"][0]["tap"]).name == "tap-csv"
    files = [{"path": "data", "object": "orders"}]
    options = {"executable": "no-such-tap"}
    job = project.job(source={"files": files, "engine": {"options": options}})
    code, _, err = dativo("install", "--config", job)
    assert code == 2
    assert "tap 'no-such-tap' is not found" in err
    source = {
        "connection": {"database": "d"},
        "tables": [{"name": "public.orders"}],
        "engine": {"options": {"package": "no-such-tap==1"}},
    }
    job = project.job(source_connector_path="connectors/sources/postgres.yaml", source=source)
    code, _, err = dativo("discover", "--config", job, "--no-install")
    assert code == 2
    assert "tap 'tap-postgres' is not installed: run `dativo install`" in err


def test_a_state_of_another_program_is_set_and_the_next_run_reads_only_the_new(
    project: Project, dativo: Dativo
) -> None:
    old = project.csv(1, 2)
    job = project.job()
    assert dativo("state", "--config", job, kind="show")[:2] == (0, "{}\n")
    moment = "2023-11-14T22:13:22.000000Z"
    os.utime(old, (1_700_000_002, 1_700_000_002))
    given = project.write("old.json", json.dumps({"file_data/a.csv": {"last_modified": moment}}))
    code, out, _ = dativo("state", "--config", job, "--file", given, kind="set")
    assert code == 0
    assert json.loads(out)["file_data/a.csv"] == {"last_modified": moment}
    project.csv(3, name="b.csv")
    ended = project.run(job)
    assert ended.code == 0, ended.err
    assert project.ids() == [3]
    code, out, _ = dativo("state", "--config", job, kind="show")
    assert set(json.loads(out)) == {"file_data/a.csv", "file_data/b.csv", "singer"}

    code, out, _ = dativo("report", "--config", job)
    assert code == 0
    assert out.splitlines()[1].split()[-6:] == ["orders", "shop.orders", "1", "1", "0", "0"]
    code, out, _ = dativo("report", "--config", job, "--json")
    assert json.loads(out)["jobs"][0]["exit_code"] == 0

    assert dativo("state", "--config", job, kind="reset")[:2] == (0, "{}\n")
    assert not (project.of_job() / "state.json").exists()
    code, _, err = dativo("state", "--config", job, "--file", project.folder / "none", kind="set")
    assert code == 2
    assert "the STATE cannot be read (No such file or directory)" in err


def test_only_the_tenant_that_is_asked_for(project: Project, dativo: Dativo) -> None:
    project.csv(1)
    project.job()
    project.job(tenant="globex")
    code, out, _ = dativo("check", "--job-dir", project.folder / "jobs", "--tenant-id", "acme", "--quick", "--json")
    assert code == 2
    good, bad = json.loads(out)["jobs"]
    assert (good["tenant"], good["problems"]) == ("acme", [])
    assert "the job is of tenant 'globex', not of 'acme'" in bad["problems"][0]


@pytest.mark.parametrize(
    ("folder", "problem"), [("none", "there is no such folder"), ("data", "the folder holds no .yaml or .yml file")]
)
def test_a_folder_without_jobs(project: Project, dativo: Dativo, folder: str, problem: str) -> None:
    project.csv(1)
    code, _, err = dativo("run", "--job-dir", project.folder / folder)
    assert code == 2
    assert problem in err


@pytest.mark.parametrize(
    "words", [["run"], ["run", "--config", "a", "--job-dir", "b"], ["check", "--config", "a", "b"]]
)
def test_which_jobs_must_be_said_once(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2


def exit_code_reports() -> list[Any]:
    stream = {"warnings": {}, "by_rule": {}}
    totals = {"records": 2, "good": 2, "quarantined": 0}
    return [
        pytest.param("success", totals, [stream], 0, id="all-good"),
        pytest.param("success", dict.fromkeys(totals, 0), [], 0, id="nothing-new"),
        pytest.param("partial", totals | {"good": 1, "quarantined": 1}, [stream], 1, id="quarantined"),
        pytest.param("success", totals, [stream | {"warnings": {"r": 1}}], 1, id="warned"),
        pytest.param("success", totals, [stream | {"by_rule": {"r": 1}}], 1, id="changed"),
        pytest.param("partial", totals | {"good": 0, "quarantined": 2}, [stream], 2, id="none-good"),
        pytest.param("failed", totals, [stream], 2, id="failed"),
        pytest.param("running", totals, [stream], 2, id="cut-off"),
    ]


@pytest.mark.parametrize(("status", "totals", "streams", "code"), exit_code_reports())
def test_exit_codes_come_from_the_run_report(
    status: str, totals: dict[str, int], streams: list[dict[str, Any]], code: int
) -> None:
    from dativo_ingest import exit_codes

    assert exit_codes.of_report({"status": status, "totals": totals, "streams": streams}) == code
    assert exit_codes.worst([0, 1, code]) == max(1, code)


def test_the_bridge_gets_the_source_that_is_installed_for_it(project: Project) -> None:
    from dativo_ingest.events import Events
    from dativo_ingest.places import Places
    from dativo_ingest.taps import with_source
    from tap_adapters.source import Source
    from tap_adapters.sources import adapt

    places = Places(project.folder, project.state)
    bridge = adapt(Source("faker", "airbyte", project.folder, objects=("users",)))
    with pytest.raises(RunError, match="tap 'source-faker' is not installed"):
        with_source(bridge, places, {}, Events(level="ERROR"), install=False)
    digest = hashlib.sha256(b"airbyte-source-faker==7.2.1").hexdigest()[:12]
    command = project.write(f"state/.taps/airbyte-source-faker-{digest}/bin/source-faker", "")
    found = with_source(bridge, places, {}, Events(level="ERROR"), install=False)
    assert found.config["source"] == str(command)
    assert "package" not in found.config
    assert found.name == "tap-airbyte"


def test_a_fault_of_ours_in_one_job_leaves_the_others_alone(
    project: Project, dativo: Dativo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dativo_ingest.commands import run as command

    real = command.run_job

    def faulty(ready: Any, *rest: Any) -> Any:
        if ready.file.name == "a":
            raise ZeroDivisionError("canary-value")
        return real(ready, *rest)

    monkeypatch.setattr(command, "run_job", faulty)
    project.csv(1)
    project.job("a")
    project.job("b")
    code, out, err = dativo("run", "--job-dir", project.folder / "jobs", "--json")
    assert code == 2
    broken, good = json.loads(out)["jobs"]
    assert broken["error"].startswith("unforeseen ZeroDivisionError at test_commands.py:")
    assert good["exit_code"] == 0
    assert "canary-value" not in err + out

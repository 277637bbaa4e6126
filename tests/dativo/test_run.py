"""`dativo run` of CSV jobs: real Meltano, real tap, real target, tables read back by DuckDB."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
from pathlib import Path

import pytest
import yaml

from dativo_ingest.cli import main
from tests.dativo import kills
from tests.dativo.project import ROOT, TAP, Project
from tests.docs.pages import sections

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_commands")]
# A tap whose first read ends after all of its records, as when its source goes away: with a code that is not 0.
DOWN_AT_FIRST = """#!/bin/sh
case "$*" in *--discover*) exec {tap} "$@";; esac
{tap} "$@"
test -e {there} || {{ touch {there}; exit 1; }}
"""


def test_first_load_second_load_and_nothing_new(project: Project) -> None:
    project.csv(1, 2, 3)
    job = project.job()
    first = project.run(job)
    assert first.code == 0, first.err
    assert project.ids() == [1, 2, 3]
    state = project.state_of()
    assert set(state) == {"file_data/a.csv", "singer"}
    assert state["file_data/a.csv"] == {"last_modified": "2023-11-14T22:13:23.000000Z"}
    assert list(state["singer"]["state"]["bookmarks"]) == ["orders"]

    project.csv(4, 5, name="b.csv")
    second = project.run(job)
    assert second.code == 0, second.err
    assert second.json["jobs"][0]["target"]["totals"]["records"] == 2
    assert project.ids() == [1, 2, 3, 4, 5]

    pointers = project.tables().pointers()
    third = project.run(job)
    assert third.code == 0, third.err
    assert third.json["jobs"][0]["target"]["totals"]["records"] == 0
    assert project.tables().pointers() == pointers
    wanted = [
        "startup_begin",
        "tenant_inferred",
        "secrets_loaded",
        "env_validated",
        "infra_validated",
        "state_initialized",
        "job_validated",
        "startup_complete",
        "job_started",
        "extraction_started",
    ]
    assert [name for name in third.names() if name in wanted] == wanted
    assert third.names()[-1] == "job_finished"
    last = {"timestamp", "level", "message", "tenant_id", "job_name", "exit_code", "seconds", "attempts", "totals"}
    assert last <= third.events[-1].keys()
    assert all(e["tenant_id"] == "acme" for e in third.events if e.get("job_name"))


def test_what_a_run_leaves_is_the_owners_alone(project: Project) -> None:
    project.csv(1)
    assert project.run(project.job()).code == 0
    for path in [project.of_job(), *project.of_job().rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    left = {p.name for p in (project.of_job() / "meltano").iterdir()}
    assert left <= {".meltano", ".gitignore", "bin", "meltano.yml", "state", "cache"}
    assert not (project.of_job() / "meltano" / ".meltano" / "run").exists()


@pytest.mark.parametrize(("mode", "code", "ids"), [("quarantine", 0, [1, 3]), ("strict", 2, [])])
def test_a_row_that_breaks_the_contract(project: Project, mode: str, code: int, ids: list[int]) -> None:
    path = project.csv(1, 2, 3)
    path.write_text(path.read_text().replace("2,ada", "2,"))
    ended = project.run(project.job(schema_validation_mode=mode), "--partial-ok")
    assert ended.code == code, ended.err
    assert ended.json["exit_code"] == max(code, 1)
    assert project.ids() == ids
    (job,) = ended.json["jobs"]
    if mode == "quarantine":
        assert [json.loads(r["_record"])["id"] for r in project.tables().rows("shop.orders__quarantine")] == ["2"]
        assert job["cause"] is None
        assert "singer" in project.state_of()
    else:
        assert (job["cause"], job["retryable"]) == ("violation", False)
        assert job["target"]["error"].keys() == {"code", "message", "hint", "retryable"}
        assert not (project.of_job() / "state.json").exists()
        # What was read is said, though nothing of it is there.
        table = project.dativo("run", "--config", project.job(schema_validation_mode=mode)).out
        assert table.splitlines()[-1].split()[:6] == ["acme", "orders", "failure", "3", "0", "0"]


def test_rows_of_which_none_is_good_are_a_failure(project: Project) -> None:
    path = project.csv(1, 2)
    path.write_text(path.read_text().replace("ada", ""))
    ended = project.run(project.job(schema_validation_mode="quarantine"))
    (job,) = ended.json["jobs"]
    assert (ended.code, job["cause"], job["retryable"]) == (2, "no_good_rows", False)
    assert len(project.tables().rows("shop.orders__quarantine")) == 2


def test_a_tap_that_dies_publishes_nothing_twice(project: Project) -> None:
    good = project.csv(1, 2, name="a.csv")
    bad = project.csv(3, name="b.csv")
    bad.write_text(bad.read_text() + "4,mallory\n")
    os.utime(bad, (1_700_000_000, 1_700_000_000))
    job = project.job()
    ended = project.run(job)
    assert ended.code == 2
    (report,) = ended.json["jobs"]
    assert (report["cause"], report["retryable"]) == ("source", None)
    assert "tap_file: " in report["error"]
    assert "b.csv" in report["error"]
    assert "mallory" not in ended.err + ended.out
    assert project.ids() == []
    bad.write_text(good.read_text().replace("1,", "3,").replace("2,", "4,"))
    assert project.run(job).code == 0
    assert project.ids() == [1, 2, 3, 4]


def test_the_job_is_tried_again_for_what_may_pass_and_not_for_what_cannot(project: Project) -> None:
    project.csv(1)
    project.environment["DATIVO_MELTANO"] = str(_dying_meltano(project.folder))
    again = {"max_retries": 2, "initial_delay_seconds": 0.01, "backoff_multiplier": 1}
    ended = project.run(project.job(retry_config=again))
    assert (ended.code, ended.json["jobs"][0]["attempts"]) == (2, 3)
    assert ended.names().count("retry_attempt") == 2
    ended = project.run(project.job(retry_config=again | {"retryable_exit_codes": [7]}))
    assert ended.json["jobs"][0]["attempts"] == 1
    patterns = {"retryable_exit_codes": [7], "retryable_error_patterns": ["out of luck"]}
    ended = project.run(project.job(retry_config=again | patterns))
    assert ended.json["jobs"][0]["attempts"] == 3
    # A scheduler makes the tries itself.
    ended = project.run(project.job(retry_config=again), "--try", "2")
    (report,) = ended.json["jobs"]
    assert (report["attempts"], report["retry_in_seconds"]) == (2, 0.01)
    assert "retry_attempt" not in ended.names()
    ended = project.run(project.job(retry_config=again), "--try", "3")
    assert ended.json["jobs"][0]["retry_in_seconds"] is None
    del project.environment["DATIVO_MELTANO"]
    path = project.csv(1)
    path.write_text(path.read_text().replace("ada", ""))
    ended = project.run(project.job(retry_config=again))
    assert (ended.json["jobs"][0]["cause"], ended.json["jobs"][0]["attempts"]) == ("violation", 1)


def test_the_retries_of_the_page_outlast_a_source_that_is_down_for_a_moment(project: Project) -> None:
    """The page's pauses are real ones: five seconds here. What the first try had read does not come twice."""
    (section,) = [one for one in sections("orchestrator.md") if one.heading == "Retries"]
    (shown,) = section.blocks
    project.csv(1, 2)
    tap = project.write("tap", DOWN_AT_FIRST.format(there=project.folder / "was-down", tap=TAP))
    tap.chmod(0o755)
    source = kills.reading(tap)
    ended = project.run(project.job(source=source, **yaml.safe_load(shown.text)))
    assert ended.code == 0, ended.err
    assert ended.said("retry_attempt") == ["try 1 failed (source); the next is in 5 s"]
    (report,) = ended.json["jobs"]
    assert (report["attempts"], report["seconds"] >= 5) == (2, True)
    assert project.ids() == [1, 2]


def _dying_meltano(folder: Path) -> Path:
    path = folder / "meltano"
    path.write_text("#!/bin/sh\necho 'out of luck' >&2\nexit 1\n")
    path.chmod(0o755)
    return path


def test_meltano_that_is_not_there_is_one_line(project: Project) -> None:
    project.csv(1)
    project.environment["DATIVO_MELTANO"] = "no-such-meltano"
    ended = project.run(project.job())
    assert ended.code == 2
    assert ended.said("job_error") == [
        "Meltano is not found: install it (pipx install meltano), or set DATIVO_MELTANO to its path"
    ]


def test_the_shipped_job_runs_from_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("assets", "examples", "jobs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (page,) = [one for one in sections("orchestrator.md") if one.heading.startswith("`dativo`:")]
    job, shown = (block.text for block in page.blocks)
    assert yaml.safe_load(job) == yaml.safe_load((ROOT / "jobs/acme/csv_orders.yaml").read_text())
    first, head, partial, second, nothing = shown.splitlines()
    for line, code, rows in ((first, 1, [head, partial]), (second, 0, [head, nothing])):
        dollar, program, *words = shlex.split(line, comments=True)
        assert (dollar, program) == ("$", "dativo")
        assert main(words) == code
        for row, printed in zip(rows, capsys.readouterr().out.splitlines(), strict=True):
            pattern = re.escape(" ".join(row.split())).replace("…", ".+")
            assert re.fullmatch(pattern, " ".join(printed.split())), (row, printed)


def test_rows_become_markdown_on_their_way_to_the_table(project: Project) -> None:
    project.csv(1, 2)
    columns = [
        {"name": "doc_id", "type": "string", "required": True},
        {"name": "markdown_kv_content", "type": "string"},
    ]
    project.asset(schema=columns)
    ended = project.run(project.job(target={"markdown_kv_storage": {"mode": "string"}}))
    assert ended.code == 0, ended.err
    rows = project.tables().rows("shop.orders", order="doc_id")
    assert [row["doc_id"] for row in rows] == ["1", "2"]
    assert "who:: ada" in rows[0]["markdown_kv_content"]


def test_a_mapper_that_dies_is_a_failure(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.csv(1, 2)
    dying = project.write("dying", "#!/bin/sh\ncat > /dev/null\nexit 3\n")
    dying.chmod(0o755)
    monkeypatch.setattr("dativo_ingest.mapping.find_executable", lambda _name, _environment: str(dying))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    job = project.job(target={"markdown_kv_storage": {"mode": "string"}})
    assert main(project.words("run", "--config", job, "--json")) == 2
    assert json.loads(capsys.readouterr().out)["jobs"][0]["cause"] == "source"
    assert not (project.of_job() / "state.json").exists()

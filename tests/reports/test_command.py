"""`dativo report`: which runs a word means, what is printed, and what it refuses."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dativo_ingest import kept_reports
from dativo_ingest.cli import main
from dativo_ingest.places import JobFolder
from tests.dativo.project import ROOT
from tests.docs.pages import sections
from tests.reports import made
from tests.reports.conftest import Dativo
from tests.reports.ran import RECORD, SECRET, Ran

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_commands")]


def test_runs_are_found_by_every_name_they_have(ran: Ran, dativo: Dativo, tmp_path: Path) -> None:
    folder, acme, both = ran.project.folder, [ran.partial["run_id"]], {ran.partial["run_id"], ran.failed["run_id"]}
    (tmp_path / "call.json").write_text(json.dumps(ran.call))
    words = {
        ran.partial["run_id"]: acme,
        ran.partial["run_id"][:13]: acme,
        "acme/orders": acme,
        "acme.orders": acme,
        str(folder / "jobs" / "acme" / "orders.yaml"): acme,
        str(ran.state / "acme" / "orders"): acme,
        str(ran.state / "acme" / "orders" / "report.json"): acme,
        str(ran.state / "acme" / "orders" / "runs"): acme,
        ran.call["call_id"]: both,
        str(folder / "jobs"): both,
        str(ran.state): both,
        str(tmp_path / "call.json"): both,
        str(tmp_path): both,
    }
    for word, ids in words.items():
        code, out, err = dativo("report", word, "--json")
        assert err == "", word
        found = json.loads(out)
        assert {job["run_id"] for job in found["jobs"]} == set(ids), word
        assert code == found["exit_code"] == (1 if ids is acme else 2), word
        assert [one["records"] for one in found["history"]["acme.orders"]] == [4], word
    code, out, _ = dativo("report", "--job-dir", folder / "jobs", "--tenant-id", "acme", "--json")
    assert code == 2
    found = json.loads(out)
    assert [job["run_id"] for job in found["jobs"]] == acme
    assert "of tenant 'globex', not of 'acme'" in found["problems"][0]


def test_the_lines_of_the_page(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, there in {"jobs": "jobs", "assets": "assets", "data": "data", ".local/state": "state"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(ran.project.folder / there)
    (tmp_path / "run.json").write_text(json.dumps(ran.partial))
    monkeypatch.chdir(tmp_path)
    (section,) = [one for one in sections("reports-and-alerts.md") if one.heading == "`dativo report`"]
    (block,) = section.blocks
    for line in block.text.replace("0c5a3c2e", ran.partial["run_id"][:8]).splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "dativo"
        whole = "jobs" in words or ".local/state" in words
        assert main(words) == (2 if whole else 1), line
        said, page = capsys.readouterr().out, tmp_path / "report.html"
        text = page.read_text() if "--html" in words else said
        assert ("globex" in text, "acme" in text) == (whole, True), line


def test_what_was_kept_is_what_was_said(ran: Ran) -> None:
    assert ran.code == 2
    assert ran.failed["cause"] == "source"
    for job in ran.call["jobs"]:
        folder = JobFolder(ran.state / job["tenant"] / job["job"])
        (kept,) = kept_reports.reports(folder)
        assert kept == json.loads(folder.report.read_text()) == job
        assert SECRET not in folder.report.read_text()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"job": "a", "sta', "it is damaged: no whole JSON"),
        ("[1]", "is no JSON object"),
        ('{"a": 1}', "is no report of a run"),
        ('{"job": "a", "status": "success", "exit_code": "c4n4ry"}', "Expected `int`, got `str` - at `$.exit_code`"),
    ],
)
def test_a_damaged_report_is_named(dativo: Dativo, tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "one.json").write_text(text)
    code, out, err = dativo("report", tmp_path / "one.json", "--html", tmp_path / "page.html")
    assert (code, out) == (2, "")
    assert str(tmp_path / "one.json") in err
    assert problem in err
    assert "c4n4ry" not in err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("no-such-run", "there is no run, job, report or folder 'no-such-run'"),
        ("../../etc/passwd", "there is no run, job, report or folder"),
        ("acme/none", "there is no run, job, report or folder"),
        (".", "holds neither reports nor jobs"),
        ("none.yaml", "there is no run, job, report or folder"),
    ],
)
def test_what_is_not_there_is_said(
    dativo: Dativo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = dativo("report", word)
    assert (code, out) == (2, "")
    assert problem in err


def test_a_job_that_has_not_run_is_named_beside_those_that_have(ran: Ran, dativo: Dativo, tmp_path: Path) -> None:
    for name in ("orders", "never"):
        job = (ran.project.folder / "jobs" / "acme" / "orders.yaml").read_text()
        (tmp_path / f"{name}.yaml").write_text(job)
    code, out, _ = dativo("report", tmp_path)
    assert code == 2
    assert "job acme.never has no report: run it first, or check --state-dir" in out
    code, out, err = dativo("report", tmp_path / "never.yaml")
    assert (code, out) == (2, "")
    assert "job acme.never has no report" in err


def test_a_page_that_cannot_be_written_is_one_line(dativo: Dativo, tmp_path: Path) -> None:
    code, out, err = dativo("report", "acme/orders", "--html", tmp_path / "none" / "page.html")
    assert (code, out) == (2, "")
    assert "cannot be written" in err


def test_the_text_says_what_the_report_says(ran: Ran, dativo: Dativo) -> None:
    code, out, _ = dativo("report", ran.call["call_id"])
    assert code == 2
    rows = [line.split() for line in out.splitlines()]
    assert ["4", "2", "2", "0"] in [row[-4:] for row in rows if row[:2] == ["acme", "orders"]]
    assert "rule orders.who.required: 1 record of stream orders, first at line 4, $.who" in out
    assert f"$ dativo run --config {ran.failed['path']} --root {ran.project.folder} --state-dir {ran.state}" in out
    assert [word for word in (RECORD, SECRET, "ada", "\x1b") if word in out] == []


def test_the_command_that_is_named_replays_what_is_in_quarantine(ran: Ran, dativo: Dativo) -> None:
    out = dativo("report", "acme/orders")[1]
    words = next(line for line in out.splitlines() if "$ dativo replay" in line).partition("$ dativo ")[2]
    command = [sys.executable, "-m", "dativo_ingest", *shlex.split(words), "--json"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ran.state, check=False)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert [found[n] for n in ("table", "tried", "replayed", "still_broken")] == ["shop.orders", 2, 0, 2]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--job", "none.yaml", "--table", "a.b"], "ERROR: config: none.yaml: the job cannot be read"),
        (["--job=none.yaml", "--config", "x", "--table", "a.b"], "give --job or --config, not both"),
    ],
)
def test_a_job_that_cannot_be_read_is_not_replayed(
    words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["replay", *words])
    assert end.value.code == 2
    assert problem in capsys.readouterr().err


def on_terminal(ran: Ran, *words: str, **environment: str) -> str:
    """What `dativo report` writes to a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "dativo_ingest", *ran.project.words("report", *words)]
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "200"}
    process = subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=kept | environment)
    os.close(theirs)
    found = b""
    with os.fdopen(ours, "rb", buffering=0) as screen:
        while True:
            try:
                part = screen.read(65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            found += part
    assert process.communicate()[1] == b""
    assert process.returncode == 1
    return found.decode()


def test_a_terminal_gets_colours_and_no_color_gets_none(ran: Ran) -> None:
    shown = on_terminal(ran, "acme/orders")
    assert "\x1b[" in shown
    assert "succeeded in part" in shown
    plain = on_terminal(ran, "acme/orders", NO_COLOR="1")
    assert "\x1b" not in plain
    assert "succeeded in part" in plain


def test_terminal_codes_and_markup_in_names_are_shown_as_text(dativo: Dativo, tmp_path: Path) -> None:
    name = "\x1b[31m[red]a\nb"
    (tmp_path / "one.json").write_text(json.dumps(made.run(made.stream(name, 3))))
    out = dativo("report", tmp_path / "one.json")[1]
    assert r"\x1b[31m[red]a\nb" in out
    assert "\x1b" not in out


def test_counts_that_do_not_add_up_are_an_alarm(dativo: Dativo, tmp_path: Path) -> None:
    lost = made.stream("leaky", 10)
    lost["good"] = 12
    (tmp_path / "one.json").write_text(json.dumps(made.run(lost)))
    out = dativo("report", tmp_path / "one.json")[1]
    assert "ALARM: stream leaky does not add up: 2 records too many" in out
    assert "Keep this report and the tables as they are" in out


def test_what_the_tap_says_is_held_against_what_was_read(dativo: Dativo, tmp_path: Path) -> None:
    report = made.run(made.stream("a", 10), made.stream("b", 10), tap_says={"a": 12, "b": 10})
    (tmp_path / "one.json").write_text(json.dumps(report))
    out = dativo("report", tmp_path / "one.json")[1]
    assert "a: the tap says that it sent 12 records, 10 were read" in out
    assert "b: the tap says" not in out


def test_a_report_of_the_target_alone_is_shown(dativo: Dativo, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(made.run(made.stream("a", 5, 1))["target"]))
    code, out, _ = dativo("report", tmp_path / "one.json")
    assert code == 1
    assert "target succeeded in part in 3.00 s" in out


def test_the_last_fifty_runs_are_kept(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    for number in range(55):
        report = made.run(made.stream("a", number), number=number)
        kept_reports.keep(folder, report, json.dumps(report).encode())
    kept = [one["target"]["totals"]["records"] for one in kept_reports.reports(folder)]
    assert kept == list(range(5, 55))
    (folder.runs / "20261101T030500Z-damaged.json").write_text("{")
    assert len(list(kept_reports.reports(folder))) == 50
    assert json.loads(folder.report.read_text())["target"]["totals"]["records"] == 54
    assert kept_reports.path_of(folder, "00000000-0000") is None

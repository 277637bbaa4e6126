"""The journal of publishes and the proof of the tap's end: what a caller that keeps the STATE learns after a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Load
from tests.readback import Tables
from tests.target.running import Target, schema

pytestmark = pytest.mark.usefixtures("warm_commands")


def record(number: int, stream: str = "a") -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": {"id": number, "s": "x"}}


def state(number: int) -> dict[str, Any]:
    return {"type": "STATE", "value": {"bookmarks": {"a": number}}}


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def landed(folder: Path, journal: Path) -> dict[str, Any]:
    config = folder / "landed.json"
    config.write_text(json.dumps({"warehouse": str(folder / "warehouse"), "job_id": "j"}))
    command = [sys.executable, "-m", "target_dativo_iceberg.landed", "--config", str(config), "--journal", str(journal)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_every_epoch_is_noted_with_its_state_before_it_is_published(load: Load, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    ended = load([schema(), record(1), state(1)], job_id="j", journal_path=str(journal))
    load([schema(), record(2), state(2)], job_id="j", journal_path=str(journal))
    assert [json.loads(e["state"]) for e in entries(journal)] == [s["value"] for s in (state(1), state(2))]
    assert entries(journal)[0]["state"].encode() + b"\n" == ended.out
    assert {e["key"] for e in entries(journal)} == {"dativo.checkpoint.j"}
    assert [e["tables"] for e in entries(journal)] == [["default.a"], ["default.a"]]
    assert journal.stat().st_mode & 0o077 == 0
    assert landed(tmp_path, journal) == {"entry": 1, "state": entries(journal)[1]["state"]}


def test_an_epoch_that_was_noted_and_not_published_has_not_landed(load: Load, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    load([schema(), record(1), state(1)], job_id="j", journal_path=str(journal))
    noted = entries(journal)[0]
    lost = noted | {"checkpoint": noted["checkpoint"].replace('"epoch": 1', '"epoch": 2'), "state": "{}"}
    with journal.open("a") as file:
        file.write(json.dumps(lost) + "\n" + '{"cut off')
    assert landed(tmp_path, journal)["entry"] == 0
    journal.write_text(json.dumps(lost) + "\n")
    assert landed(tmp_path, journal) == {"entry": None, "state": None}


def test_without_a_catalog_or_a_journal_nothing_has_landed(tmp_path: Path) -> None:
    assert landed(tmp_path, tmp_path / "none.jsonl")["entry"] is None
    journal = tmp_path / "journal.jsonl"
    journal.write_text('{"key": "k", "checkpoint": "c", "tables": ["default.a"], "state": "{}"}\n')
    assert landed(tmp_path, journal)["entry"] is None
    assert not (tmp_path / "warehouse").exists()


def test_a_journal_that_cannot_be_written_ends_the_run_before_the_publish(load: Load, tables: Tables) -> None:
    ended = load([schema(), record(1), state(1)], job_id="j", journal_path="/no/such/folder/j", code=1)
    assert ended.out == b""
    assert "the journal cannot be written (No such file or directory)" in ended.errors[0]
    assert tables.count("a") == 0


def test_the_journal_needs_a_job(load: Load) -> None:
    ended = load([], journal_path="x", code=1)
    assert "setting 'journal_path' needs 'job_id'" in ended.errors[0]


@pytest.mark.parametrize("ends_well", [True, False])
def test_the_end_of_the_input_counts_only_with_the_proof_that_the_tap_ended(
    target: Target, tables: Tables, tmp_path: Path, ends_well: bool
) -> None:
    proof = tmp_path / "ended"
    child = target.start(completion_path=str(proof), epoch_max_seconds=1)
    child.feed(schema(), record(1), state(1))
    child.until(lambda: child.states, "the first epoch")
    child.feed(record(2))  # no STATE after it: no pause publishes it
    child.until(lambda: not child.unread(), "all is read")
    if ends_well:
        os.close(os.open(proof, os.O_CREAT))
    ended = child.wait()
    assert tables.count("a") == (2 if ends_well else 1)
    assert ended.states == [state(1)["value"]]
    assert ended.code == (0 if ends_well else 1)
    if not ends_well:
        assert "the input ended, but the tap has not come to its end; the open epoch is dropped" in ended.errors[0]
        assert ended.report["status"] == "failed"

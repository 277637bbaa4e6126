"""Both tables in one commit: rivals, kills and lost answers never lose a record or land it twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from target_dativo_iceberg import publish as publishing
from target_dativo_iceberg.errors import UnknownOutcomeError
from tests.replay.orders import MINIMUM, RELAXED, Lake, order, planted


@pytest.fixture
def waiting(lake: Lake) -> Lake:
    """A lake whose quarantine a replay would empty: orders 7, 27 … of 200."""
    lake.load(planted(200, MINIMUM))
    lake.contract(RELAXED, "2.0.0")
    return lake


def adds_up(lake: Lake, total: int = 200) -> None:
    """Every record is in the good table, or waits; none is in both."""
    ids = lake.ids()
    assert ids == sorted(set(ids))
    assert len(ids) + lake.waiting() == total


@contextmanager
def before_first_commit(monkeypatch: pytest.MonkeyPatch, act: Any) -> Iterator[None]:
    """Do something when the first commit is prepared, just before it is sent."""
    real, done = publishing.commit, []

    def commit(*args: Any) -> None:
        if not done:
            done.append(True)
            act(lambda: real(*args))
        else:
            real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "commit", commit)
        yield
    assert done


def test_both_pointers_move_in_one_transaction(waiting: Lake) -> None:
    before = waiting.tables.pointers()
    seen: list[dict[str, str]] = []
    ended = threading.Event()

    def watch() -> None:
        with sqlite3.connect(waiting.folder / "warehouse" / "catalog.db", timeout=60) as con:
            while not ended.is_set():
                query = "SELECT table_name, metadata_location FROM iceberg_tables"
                found = dict(con.execute(query).fetchall())
                if not seen or seen[-1] != found:
                    seen.append(found)
                time.sleep(0.0005)
        con.close()

    watching = threading.Thread(target=watch)
    watching.start()
    assert waiting.replay() == 0
    ended.set()
    watching.join()
    after = waiting.tables.pointers()
    assert all(before[name] != after[name] for name in before)
    both = [{n.removeprefix("default."): p for n, p in pointers.items()} for pointers in (before, after)]
    assert seen in (both, both[:1], both[1:])
    adds_up(waiting)


def test_rows_that_another_run_rejects_meanwhile_are_kept(waiting: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def rival(send: Any) -> None:
        waiting.load([order(300), order(301, amount="many")], "rival")
        send()

    with before_first_commit(monkeypatch, rival):
        assert waiting.replay() == 0
    adds_up(waiting, 202)
    assert (len(waiting.ids()), waiting.waiting(), waiting.replayed()) == (201, 1, 10)


def test_two_replays_at_a_time_land_each_record_once(waiting: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def rival(send: Any) -> None:
        subprocess.run([sys.executable, "-m", "target_dativo_iceberg.replay", *waiting.words()], check=True)
        send()

    with before_first_commit(monkeypatch, rival):
        assert waiting.replay() == 0
    adds_up(waiting)
    assert (waiting.waiting(), waiting.replayed()) == (0, 10)


def test_a_replay_that_loses_to_part_of_the_rows_takes_the_rest(waiting: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def rival(send: Any) -> None:
        assert waiting.replay("--limit", "4") == 0
        send()

    with before_first_commit(monkeypatch, rival):
        assert waiting.replay() == 0
    adds_up(waiting)
    assert waiting.waiting() == 0


def test_a_commit_whose_answer_was_lost_is_not_made_twice(waiting: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_the_answer(send: Any) -> None:
        send()
        raise UnknownOutcomeError("no answer")

    with before_first_commit(monkeypatch, lose_the_answer):
        assert waiting.replay() == 0
    adds_up(waiting)
    assert waiting.waiting() == 0


def test_a_kill_before_the_commit_changes_nothing(waiting: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    before = waiting.tables.pointers()
    pid = os.fork()
    if pid == 0:
        publishing.commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        waiting.replay()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert waiting.tables.pointers() == before
    adds_up(waiting)
    assert waiting.replay() == 0
    adds_up(waiting)
    assert waiting.waiting() == 0


def test_a_failure_before_the_commit_leaves_no_file(waiting: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from target_dativo_iceberg import replay_attempt

    files = {p for p in (waiting.folder / "warehouse").rglob("*") if p.is_file()}

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(replay_attempt, "marked", fail)
        with pytest.raises(OSError, match="full"):
            waiting.replay()
    assert {p for p in (waiting.folder / "warehouse").rglob("*") if p.is_file()} == files
    assert waiting.replay() == 0


def test_the_jobs_checkpoint_stays_as_its_load_left_it(lake: Lake) -> None:
    lake.settings["job_id"] = "nightly"
    lake.load(planted(40, MINIMUM))
    before = lake.checkpoint("nightly")
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay() == 0
    assert before is not None
    assert lake.checkpoint("nightly") == before

"""Unchanged files are not read again, changed ones are, whatever the clock shows."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.common import stream
from tests.tap_csv.conftest import Messages, Sync, entry

OLD = 1_600_000_000 * 10**9


def _bookmark(messages: Messages, name: str = "a.csv") -> dict[str, Any]:
    return messages.state["bookmarks"]["rows"]["files"][name]


def _age(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a file an old time, and let so much time pass that its change time is old too."""
    os.utime(path, ns=(OLD, OLD))
    now = time.time_ns()
    monkeypatch.setattr("tap_adapters.common.bookmarks.time.time_ns", lambda: now + 3600 * 10**9)


def test_the_bookmark_holds_time_and_size(sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    _age(tmp_path / "a.csv", monkeypatch)
    assert _bookmark(sync(entry("a.csv"))) == {
        "last_modified": "2020-09-13T12:26:40.000000Z",
        "mtime_ns": OLD,
        "size": 5,
    }


def test_an_unchanged_file_is_not_read_again(sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    young = sync(entry("a.csv"))
    again = sync(entry("a.csv"), state=young.state)
    assert (again.records(), again.state) == ([], young.state)
    _age(tmp_path / "a.csv", monkeypatch)
    old = sync(entry("a.csv"))
    again = sync(entry("a.csv"), state=old.state)
    assert (again.records(), again.state) == ([], old.state)


def test_a_bookmark_loses_its_digest_once_the_file_has_settled(
    sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    os.utime(path, ns=(OLD, OLD))
    young = sync(entry("a.csv"))
    assert "sha256" in _bookmark(young)
    _age(path, monkeypatch)
    settled = sync(entry("a.csv"), state=young.state)
    assert settled.records() == []
    assert "sha256" not in _bookmark(settled)
    assert sync(entry("a.csv"), state=settled.state).records() == []


@pytest.mark.parametrize("moment", [OLD, None])
def test_a_change_within_one_tick_of_the_clock_is_noticed(sync: Sync, tmp_path: Path, moment: int | None) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    tick = moment or path.stat().st_mtime_ns
    os.utime(path, ns=(tick, tick))
    first = sync(entry("a.csv"))
    path.write_text("id\n2\n")
    os.utime(path, ns=(tick, tick))
    second = sync(entry("a.csv"), state=first.state)
    assert second.records() == [{"id": "2"}]
    assert sync(entry("a.csv"), state=second.state).records() == []


def test_an_appended_file_is_read_again_as_a_whole(sync: Sync, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    tick = path.stat().st_mtime_ns
    first = sync(entry("a.csv"))
    path.write_text("id\n1\n2\n")
    os.utime(path, ns=(tick, tick))
    assert [record["id"] for record in sync(entry("a.csv"), state=first.state).records()] == ["1", "2"]


def test_a_touched_file_and_an_older_copy_are_read_again(sync: Sync, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    first = sync(entry("a.csv"))
    for moment in (first.state["bookmarks"]["rows"]["files"]["a.csv"]["mtime_ns"] + 1, OLD):
        os.utime(path, ns=(moment, moment))
        assert sync(entry("a.csv"), state=first.state).records() == [{"id": "1"}]


def test_only_new_files_of_a_folder_are_read_and_gone_ones_are_remembered(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("id\n1\n")
    first = sync(entry("in"))
    (tmp_path / "in" / "b.csv").write_text("id\n2\n")
    (tmp_path / "in" / "a.csv").rename(tmp_path / "a.csv")
    second = sync(entry("in"), state=first.state)
    assert second.records() == [{"id": "2"}]
    assert set(second.state["bookmarks"]["rows"]["files"]) == {"in/a.csv", "in/b.csv"}


def test_a_state_follows_each_complete_file(sync: Sync, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.csv").write_text(f"id\n{name}\n")
    for settings in ({}, {"stream_maps": {"rows": {"twice": "id"}}}):
        messages = sync(entry("*.csv"), **settings).all
        kinds = [message["type"] for message in messages]
        assert kinds == ["SCHEMA", *["RECORD", "STATE"] * 3]
        assert [len(m["value"]["bookmarks"]["rows"]["files"]) for m in messages if m["type"] == "STATE"] == [1, 2, 3]


def test_the_states_of_many_files_are_few_but_the_last_is_complete(
    sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "FEW_ITEMS", 3)
    for number in range(20):
        (tmp_path / f"{number:02}.csv").write_text("id\n1\n")
    messages = sync(entry("*.csv"))
    assert len(messages.of("STATE")) < 20
    assert len(messages.state["bookmarks"]["rows"]["files"]) == 20


def test_full_table_reads_every_file_every_time(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    first = sync(entry("a.csv"))
    schema = first.of("SCHEMA")[0]["schema"]
    selected = [{"breadcrumb": [], "metadata": {"selected": True}}]

    def records(method: str) -> list[dict[str, Any]]:
        item = {"tap_stream_id": "rows", "schema": schema, "metadata": selected, "replication_method": method}
        return sync(entry("a.csv"), state=first.state, catalog={"streams": [item]}).records()

    assert records("FULL_TABLE") == [{"id": "1"}]
    assert records("INCREMENTAL") == []


def test_bookmarks_of_other_streams_and_unknown_shapes_survive(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    state = {"bookmarks": {"other": {"x": 1}, "rows": {"files": {"a.csv": "2020-01-01"}}}}
    messages = sync(entry("a.csv"), state=state)
    assert messages.records() == [{"id": "1"}]
    assert messages.state["bookmarks"]["other"] == {"x": 1}
    assert _bookmark(messages)["size"] == 5

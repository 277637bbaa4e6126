"""Load method `overwrite`: a table is replaced at once, and only by a stream that the tap is known to have finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg.errors import InputError
from tests.partitions.lake import Lake
from tests.target.running import Target, record, schema, state

TYPES = {"id": {"type": "integer"}, "s": {"type": ["string", "null"]}}
OLD = [{"id": 1, "s": "old"}, {"id": 2, "s": "old"}]
ACTIVATED = {"type": "ACTIVATE_VERSION", "stream": "t", "version": 7}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake(tmp_path)
    found.load(OLD, TYPES)
    found.settings["load_method"] = "overwrite"
    return found


def _run(lake: Lake, *lines: Any, **settings: Any) -> Any:
    return lake.run("".join(json.dumps(line) + "\n" for line in lines).encode(), **settings)


def _is_old(lake: Lake) -> bool:
    return lake.tables.rows("t", "id") == OLD


def test_all_rows_of_the_run_replace_all_that_were_there_in_one_snapshot(lake: Lake) -> None:
    before = lake.table().current_snapshot()
    lines = [schema("t"), *(record(n, "t", s="new") for n in (1, 1, 5)), state(1), record(6, "t"), state(2)]
    _run(lake, *lines, epoch_max_mb=1)
    assert [r["id"] for r in lake.tables.rows("t", "id")] == [1, 1, 5, 6]
    after = lake.table().current_snapshot()
    assert before is not None
    assert after is not None
    assert after.parent_snapshot_id == before.snapshot_id


@pytest.mark.parametrize("end", [state({"bookmarks": {}}), ACTIVATED])
def test_a_finished_stream_without_records_empties_its_table(end: dict[str, Any], lake: Lake) -> None:
    _run(lake, schema("t"), end)
    assert lake.tables.rows("t") == []


@pytest.mark.parametrize(
    "ending",
    [
        [],
        [state(1), record(3, "t")],
        [ACTIVATED, record(3, "t")],
        [state({"currently_syncing": "t"})],
        [state({"bookmarks": {"t": {"starting_replication_value": None}}})],
        [state({"bookmarks": {"t": {"progress_markers": {"replication_key": "id"}}}})],
        [state({"bookmarks": {"t": {"partitions": [{"context": {}, "replication_key_signpost": "x"}]}}})],
    ],
)
def test_a_table_stays_when_the_tap_may_have_died(ending: list[dict[str, Any]], lake: Lake) -> None:
    with pytest.raises(InputError, match="nothing says that the tap had finished t"):
        _run(lake, schema("t"), record(1, "t", s="new"), *ending)
    assert _is_old(lake)


@pytest.mark.parametrize(
    "value", [5, {"bookmarks": {"t": {"id": 3}, "u": {"progress_markers": {}}}}, {"currently_syncing": "u"}, [1]]
)
def test_a_state_after_the_last_record_proves_that_the_tap_has_finished(value: Any, lake: Lake) -> None:
    _run(lake, schema("t"), record(9, "t"), state(value), schema("u"), record(1, "u"), state(value), load_method=None,
         stream_settings={"t": {"load_method": "overwrite"}})  # fmt: skip
    assert [r["id"] for r in lake.tables.rows("t")] == [9]
    assert lake.tables.count("u") == 1


def test_what_another_writer_adds_meanwhile_is_replaced_too(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from target_dativo_iceberg import publish

    commit = publish.commit

    def late(*args: Any) -> None:
        monkeypatch.setattr(publish, "commit", commit)
        lake.load([{"id": 77, "s": "rival"}], TYPES, load_method="append-only")
        commit(*args)

    monkeypatch.setattr(publish, "commit", late)
    _run(lake, schema("t"), record(1, "t", s="new"), state(1))
    assert lake.tables.rows("t") == [{"id": 1, "s": "new"}]


def test_a_table_in_partitions_is_replaced_whole(lake: Lake) -> None:
    settings = {"partition_by": ["bucket[3](id)"], "stream_settings": {"u": {"load_method": "overwrite"}}}
    for rows in (range(30), range(20, 40)):
        _run(lake, schema("u"), *(record(n, "u") for n in rows), state(1), **settings)
    assert sorted(r["id"] for r in lake.tables.rows("u")) == list(range(20, 40))


def test_a_tap_that_dies_leaves_the_table_and_its_state(target: Target) -> None:
    target.run([schema(), record(1), state(1)])
    child = target.start(load_method="overwrite")
    child.feed(schema(), record(2), state(2), record(3))
    ended = child.wait()
    assert ended.code == 1
    assert ended.out == b""
    assert "nothing says that the tap had finished a" in ended.errors[-1]

"""Load method `upsert`: one row for each key, the last of the stream; files without such keys stay as they are."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg import keyed_rows, publish
from target_dativo_iceberg.errors import ContractError, ViolationError
from tests.partitions.lake import Lake, files
from tests.partitions.test_loads import COLUMNS

KEYED = {"id": {"type": "integer"}, "s": {"type": ["string", "null"]}, "n": {"type": ["integer", "null"]}}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path, load_method="upsert")


def _rows(lake: Lake, name: str = "t") -> list[dict[str, Any]]:
    return sorted(lake.table(name).scan().to_arrow().to_pylist(), key=lambda r: json.dumps(r, default=str))


def _paths(lake: Lake) -> set[str]:
    return {f.file_path for f in files(lake.table())}


def _row(number: int, text: str | None = None, count: int | None = None) -> dict[str, Any]:
    return {"id": number, "s": text, "n": count}


def _load(lake: Lake, rows: Sequence[dict[str, Any]], keys: Sequence[str] = ("id",), **settings: Any) -> Any:
    return lake.load(rows, KEYED, keys, **settings).as_dict()["streams"][0]


def test_the_last_row_of_a_key_stays_whatever_came_before(lake: Lake) -> None:
    _load(lake, [_row(1, "first"), _row(2, "first"), _row(2, "second")])
    _load(lake, [_row(2, "third"), _row(3, "first"), _row(2, "fourth"), _row(2, "fifth")])
    assert lake.tables.rows("t", "id") == [_row(1, "first"), _row(2, "fifth"), _row(3, "first")]


def test_files_without_such_keys_and_files_of_equal_rows_stay_as_they_are(lake: Lake) -> None:
    for start in (0, 100, 200):
        _load(lake, [_row(n, "old", n) for n in range(start, start + 100)])
    before = _paths(lake)
    report = _load(lake, [_row(n, "old", n) for n in range(50, 250)])
    assert _paths(lake) == before
    assert report["files"] == 0
    _load(lake, [_row(n, "old", n) for n in range(99)] + [_row(150, "new", 150)])
    assert len(before & _paths(lake)) == 2
    assert len(_rows(lake)) == 300
    summary = lake.table().current_snapshot().summary  # type: ignore[union-attr]
    assert summary is not None
    assert (summary["dativo.rows-updated"], summary["dativo.rows-unchanged"]) == ("1", "99")


def test_a_table_that_repeats_keys_has_one_row_of_each_that_comes_again(lake: Lake) -> None:
    lake.load(
        [_row(1, "a"), _row(1, "b"), _row(2, "a"), _row(2, "a"), _row(3, "a"), _row(3, "b")],
        KEYED,
        load_method="append-only",
    )
    _load(lake, [_row(1, "c"), _row(2, "a")])
    assert _rows(lake) == [_row(1, "c"), _row(2, "a"), _row(3, "a"), _row(3, "b")]


@pytest.mark.parametrize("kind", COLUMNS)
def test_keys_of_every_type(kind: str, lake: Lake) -> None:
    column, values = COLUMNS[kind]
    lake.contract([{"name": "k", "primaryKey": True, **column}, {"name": "v", "logicalType": "integer"}])
    told = [_told(value) for value in values]
    lake.load([{"k": k, "v": 1} for k in told], keys=["k"])
    lake.load([{"k": k, "v": 2} for k in told[1:]], keys=["k"])
    found = lake.table().scan().to_arrow()
    assert sorted(found["v"].to_pylist()) == [1] + [2] * (len(values) - 1)
    assert len(set(found["k"].to_pylist())) == len(values)


def _told(value: Any) -> Any:
    if isinstance(value, (bool, int, str)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def test_keys_of_several_columns(lake: Lake) -> None:
    lake.contract(
        [
            {"name": "b", "logicalType": "string", "primaryKey": True, "primaryKeyPosition": 2},
            {"name": "a", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 1},
            {"name": "v", "logicalType": "object"},
        ]
    )
    rows = [{"a": n % 7, "b": f"k{n % 5}", "v": {"n": n}} for n in range(70)]
    lake.load(rows)
    lake.load([{"a": 3, "b": "k3", "v": {"n": -1}}, {"a": 3, "b": "k30", "v": None}])
    found = {(r["a"], r["b"]): json.loads(r["v"] or "null") for r in _rows(lake)}
    assert len(found) == len(_rows(lake)) == 36
    assert found[3, "k3"] == {"n": -1}
    assert found[3, "k30"] is None
    assert found[2, "k2"] == {"n": 37}


def test_a_stream_without_a_key_is_refused_before_any_row(lake: Lake) -> None:
    with pytest.raises(ContractError, match="stream 't' has no key, which load_method upsert needs"):
        lake.load([_row(1)], KEYED)


def test_a_null_key_breaks_the_contract(lake: Lake) -> None:
    nullable = KEYED | {"id": {"type": ["integer", "null"]}}
    with pytest.raises(ViolationError, match=r"\$.id"):
        lake.load([_row(1), {"id": None}], nullable, ["id"])
    lake.load([_row(1), {"id": None}], nullable, ["id"], on_violation="quarantine")
    assert _rows(lake) == [_row(1)]
    assert lake.tables.count("t__quarantine") == 1


@pytest.mark.parametrize("partition", ["bucket[4](id)", "n", "truncate[1](s)"])
def test_a_row_moves_to_the_partition_of_its_new_values(partition: str, lake: Lake) -> None:
    lake.settings["partition_by"] = [partition]
    _load(lake, [_row(n, f"{n % 3}x", n % 4) for n in range(60)])
    _load(lake, [_row(n, f"{n % 2}y", n % 5) for n in range(30, 90)])
    expected = [_row(n, f"{n % 3}x", n % 4) for n in range(30)] + [_row(n, f"{n % 2}y", n % 5) for n in range(30, 90)]
    assert lake.tables.rows("t", "id") == expected


def test_rows_with_lists_and_objects_in_lists_are_replaced_and_kept(lake: Lake) -> None:
    item = {
        "type": "object",
        "properties": {"k": {"type": "string"}, "v": {"type": "array", "items": {"type": "integer"}}},
    }
    nested = {"id": {"type": "integer"}, "l": {"type": "array", "items": {"type": "array", "items": item}}}

    def row(number: int, *values: int) -> dict[str, Any]:
        return {"id": number, "l": [[{"k": "a", "v": list(values)}], []]}

    lake.load([row(1, 1), row(2, 2, 2)], nested, ["id"])
    lake.load([row(1, 3), row(3)], nested, ["id"])
    assert lake.tables.rows("t", "id") == [row(1, 3), row(2, 2, 2), row(3)]


def test_rows_written_before_there_was_a_list_are_replaced_and_kept(lake: Lake) -> None:
    plain, lists = {"id": {"type": "integer"}}, {"type": ["array", "null"], "items": {"type": "integer"}}
    lake.load([{"id": n} for n in range(4)], plain, ["id"])
    lake.load([{"id": 1, "l": [7]}, {"id": 2, "l": None}], plain | {"l": lists}, ["id"])
    assert {row["id"]: row["l"] for row in lake.tables.rows("t")} == {0: None, 1: [7], 2: None, 3: None}


def test_rows_that_are_copied_keep_their_nulls(lake: Lake) -> None:
    """PyIceberg reads a null list of structs as an empty one, and such a map too."""
    members = [{"name": "u", "logicalType": "integer"}]
    item = {"logicalType": "object", "properties": members}
    lists = {"name": "l", "logicalType": "array", "items": item}
    maps = {"name": "m", "logicalType": "map", "map": {"key": {"logicalType": "string"}, "value": item}}
    inner = {"name": "o", "logicalType": "object", "properties": [lists, maps]}
    lake.contract([{"name": "id", "logicalType": "integer", "primaryKey": True}, lists, maps, inner])
    whole = {"l": [{"u": 1}], "m": {"a": {"u": 1}}}
    empty: dict[str, Any] = {"l": [], "m": {}}
    null = {"l": None, "m": None}
    rows = [whole | {"o": null}, empty | {"o": whole}, null | {"o": empty}, null | {"o": None}]
    lake.load([{"id": n} | row for n, row in enumerate(rows)])
    lake.load([{"id": 9} | null | {"o": null}, {"id": 0} | null | {"o": None}])
    expected = [null | {"o": None}, *rows[1:], null | {"o": null}]
    assert [{k: v for k, v in row.items() if k != "id"} for row in lake.tables.rows("t", "id")] == expected
    report = lake.load([{"id": n} | row for n, row in enumerate(rows) if n]).as_dict()["streams"][0]
    assert report["files"] == 0


def test_rows_meet_across_changes_of_the_table(lake: Lake) -> None:
    int_ = {
        "name": "id",
        "id": "i",
        "logicalType": "integer",
        "logicalTypeOptions": {"format": "i32"},
        "primaryKey": True,
    }
    text = {"name": "s", "id": "s", "logicalType": "string"}
    lake.contract([int_, text])
    lake.load([{"id": n, "s": "old"} for n in range(4)])
    long_ = {**int_, "name": "key", "logicalTypeOptions": {}}
    lake.contract([long_, {**text, "name": "text"}, {"name": "n", "logicalType": "integer"}], description="two")
    lake.load([{"key": 1, "text": "new", "n": 7}, {"key": 1 << 40, "text": "new"}])
    assert lake.tables.rows("t", "key") == [
        {"key": 0, "text": "old", "n": None},
        {"key": 1, "text": "new", "n": 7},
        {"key": 2, "text": "old", "n": None},
        {"key": 3, "text": "old", "n": None},
        {"key": 1 << 40, "text": "new", "n": None},
    ]


def test_a_schema_that_changes_within_the_epoch(lake: Lake) -> None:
    def lines() -> Iterator[dict[str, Any]]:
        for properties in (KEYED, KEYED | {"extra": {"type": ["string", "null"]}}):
            yield {"type": "SCHEMA", "stream": "t", "schema": {"properties": properties}, "key_properties": ["id"]}
            for n in (1, 2, len(properties)):
                yield {"type": "RECORD", "stream": "t", "record": _row(n, str(len(properties))) | {"extra": "e"}}

    lake.run("".join(json.dumps(line) + "\n" for line in lines()).encode())
    found = {r["id"]: (r["s"], r["extra"]) for r in _rows(lake)}
    assert found == {1: ("4", "e"), 2: ("4", "e"), 3: ("3", None), 4: ("4", "e")}


def test_a_rival_who_is_faster_is_merged_with_and_not_lost(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    _load(lake, [_row(n, "old") for n in range(5)])
    commit, calls = publish.commit, []

    def late(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            monkeypatch.setattr(publish, "commit", commit)
            _load(lake, [_row(1, "rival"), _row(2, "rival"), _row(7, "rival"), _row(8, "rival")])
            monkeypatch.setattr(publish, "commit", late)
        commit(*args)

    monkeypatch.setattr(publish, "commit", late)
    _load(lake, [_row(2, "mine"), _row(3, "mine"), _row(7, "mine"), _row(9, "mine")])
    assert len(calls) == 2
    assert {r["id"]: r["s"] for r in _rows(lake)} == {
        0: "old", 1: "rival", 2: "mine", 3: "mine", 4: "old", 7: "mine", 8: "rival", 9: "mine",
    }  # fmt: skip
    assert len(_rows(lake)) == 8


@pytest.mark.parametrize("seed", range(6))
def test_any_sequence_of_loads_is_what_a_dict_says(seed: int, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """With parts and waiting rows so small that all of them are on disk."""
    pick = random.Random(seed)
    monkeypatch.setattr(keyed_rows, "PART_ENTRIES", 50)
    monkeypatch.setattr("target_dativo_iceberg.arranged.Waiting.__init__", _narrow)
    lake.settings["partition_by"] = pick.choice([[], ["bucket[3](id)"], ["n"]])
    lake.settings["sort_by"] = pick.choice([[], ["s"], ["id desc"]])
    model: dict[int, dict[str, Any]] = {}
    for _ in range(6):
        rows = [
            _row(pick.randrange(400), pick.choice([None, "a", "b" * 50]), pick.choice([None, 1, 2]))
            for _ in range(pick.choice([1, 30, 700]))
        ]
        _load(lake, rows)
        model |= {row["id"]: row for row in rows}
        assert lake.tables.rows("t", "id") == [model[key] for key in sorted(model)]


def _narrow(self: Any, _limit: int) -> None:
    self.limit = 1
    self._writers = set()


def test_checks_of_the_table_see_it_as_the_merge_will_leave_it(lake: Lake) -> None:
    check = {
        "id": "three",
        "metric": "rowCount",
        "mustBeLessOrEqualTo": 3,
        "customProperties": [{"property": "dativo.scope", "value": "table"}],
    }
    columns = [{"name": "id", "logicalType": "integer", "primaryKey": True}, {"name": "s", "logicalType": "string"}]
    lake.contract(columns, quality=[check])
    for text in ("a", "b"):
        lake.load([{"id": n, "s": text} for n in (1, 2, 3)])
    before = _paths(lake)
    with pytest.raises(ViolationError, match="three"):
        lake.load([{"id": n, "s": "c"} for n in (3, 4)])
    assert _paths(lake) == before


def test_a_run_that_fails_before_its_commit_leaves_no_file(lake: Lake) -> None:
    _load(lake, [_row(n) for n in range(9)])
    before = set(lake.folder.glob("warehouse/**/*.parquet"))
    with pytest.raises(ViolationError):
        _load(lake, [_row(1, "new"), {"id": "x"}])
    assert set(lake.folder.glob("warehouse/**/*.parquet")) == before

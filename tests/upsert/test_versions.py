"""ACTIVATE_VERSION and deleted rows: older versions and deleted keys leave tables, or are marked; nothing else is."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg import publish
from target_dativo_iceberg.errors import ContractError, ViolationError
from target_dativo_iceberg.report import RunReport
from tests.partitions.lake import Lake, files

SOFT = {"_sdc_deleted_at": {"type": ["string", "null"], "format": "date-time"}}
TYPES: dict[str, Any] = {"id": {"type": "integer"}, "s": {"type": ["string", "null"]}}
GONE_AT = "2024-05-06T07:08:09Z"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path, add_record_metadata=True)


def _run(lake: Lake, *lines: Any, **settings: Any) -> RunReport:
    return lake.run("".join(json.dumps(line) + "\n" for line in lines).encode(), **settings)


def _schema(**more: Any) -> dict[str, Any]:
    return {"type": "SCHEMA", "stream": "t", "schema": {"properties": TYPES | more}, "key_properties": ["id"]}


def _record(number: int, version: int | None = None, text: str | None = None, **more: Any) -> dict[str, Any]:
    told = {} if version is None else {"version": version}
    return {"type": "RECORD", "stream": "t", "record": {"id": number, "s": text} | more, **told}


def _activate(version: int) -> dict[str, Any]:
    return {"type": "ACTIVATE_VERSION", "stream": "t", "version": version}


STATE = {"type": "STATE", "value": 1}


def _rows(lake: Lake) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.table().scan().to_arrow().to_pylist()
    return sorted(found, key=lambda row: (row["id"], str(row["s"])))


def _live(lake: Lake) -> list[int]:
    return [row["id"] for row in _rows(lake) if row["_sdc_deleted_at"] is None]


def _ids(lake: Lake) -> list[int]:
    return [row["id"] for row in _rows(lake)]


def _summary(lake: Lake, name: str) -> str | None:
    snapshot = lake.table().current_snapshot()
    assert snapshot is not None
    assert snapshot.summary is not None
    return snapshot.summary.additional_properties.get(f"dativo.{name}")


# ---- record metadata ----


def test_the_columns_say_what_the_message_and_the_run_say(lake: Lake) -> None:
    before = dt.datetime.now(dt.UTC)
    lines = [_record(1, 7) | {"time_extracted": "2024-01-02T03:04:05+01:00"}, _record(2)]
    odd = {"stream": "t", "version": 8, "record": {"id": 3, "s": None}, "time_extracted": GONE_AT, "type": "RECORD"}
    slow = _record(4, 9) | {"record": {"id": "4"}, "version": "9"}
    _run(lake, _schema(), *lines, odd, STATE, slow)
    after = dt.datetime.now(dt.UTC)
    one, two, three, four = _rows(lake)
    assert one["_sdc_extracted_at"] == dt.datetime(2024, 1, 2, 2, 4, 5, tzinfo=dt.UTC)
    assert three["_sdc_extracted_at"] == dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
    assert [row["_sdc_table_version"] for row in (one, two, three, four)] == [7, None, 8, 9]
    assert (two["_sdc_extracted_at"], two["_sdc_deleted_at"]) == (None, None)
    for row in (one, two, three, four):
        assert before <= row["_sdc_batched_at"] <= row["_sdc_received_at"] <= after
        assert row["_sdc_sequence"] == int(row["_sdc_received_at"].timestamp() * 1000)
        assert int(before.timestamp() * 1000) <= row["_sdc_sync_started_at"] <= row["_sdc_sequence"]


def test_rows_of_batch_files_have_them_too(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"id": 1, "s": "x", "_sdc_table_version": 3}\n')
    file = f"file://{tmp_path / 'rows.jsonl'}"
    batch = {"type": "BATCH", "stream": "t", "encoding": {"format": "jsonl", "compression": "none"}, "manifest": [file]}
    _run(lake, _schema(), batch, batch_roots=[str(tmp_path)])
    (row,) = _rows(lake)
    assert row["_sdc_table_version"] == 3
    assert row["_sdc_received_at"] is not None
    assert row["_sdc_sync_started_at"] is not None


def test_stream_maps_leave_them(lake: Lake) -> None:
    line = _record(1, 7) | {"time_extracted": GONE_AT}
    _run(lake, _schema(), line, _activate(7), stream_maps={"t": {"double": "id * 2"}})
    (row,) = _rows(lake)
    assert (row["double"], row["_sdc_table_version"]) == ("2", 7)
    assert row["_sdc_extracted_at"] is not None


def test_a_contract_that_has_one_as_another_type_is_refused(lake: Lake) -> None:
    lake.contract([{"name": "id", "logicalType": "integer"}, {"name": "_sdc_sequence", "logicalType": "string"}])
    with pytest.raises(ContractError, match="column '_sdc_sequence' is string and must be integer"):
        _run(lake, _schema(), _record(1))


def test_a_contract_need_not_have_them(lake: Lake) -> None:
    lake.contract([{"name": "id", "logicalType": "integer"}, {"name": "s", "logicalType": "string"}])
    report = _run(lake, _schema(), _record(1, 5))
    assert [row["_sdc_table_version"] for row in _rows(lake)] == [5]
    assert report.as_dict()["streams"][0]["unknown_fields"] == []


def test_what_a_schema_says_of_them_does_not_count_under_a_relaxed_contract(lake: Lake) -> None:
    lake.contract([{"name": "id", "logicalType": "integer", "primaryKey": True}])
    text = {"_sdc_deleted_at": {"type": ["string", "null"]}}
    _run(lake, _schema(**text), _delete(1), evolution="relaxed", load_method="upsert")
    assert [(row["s"], row["_sdc_deleted_at"].year) for row in _rows(lake)] == [(None, 2024)]


# ---- versions ----


@pytest.mark.parametrize("method", ["append-only", "upsert"])
@pytest.mark.parametrize("place", ["before the STATE", "after the STATE", "before the rows"])
def test_rows_of_older_versions_are_deleted_in_the_commit_of_the_epoch(place: str, method: str, lake: Lake) -> None:
    settings = {"load_method": method, "hard_delete": True}
    _run(lake, _schema(), *(_record(n, 1) for n in range(5)), _activate(1), STATE, **settings)
    before = lake.table().current_snapshot()
    lines: list[Any] = [_record(n, 2) for n in (3, 4, 5)]
    ends = {
        "before the STATE": [*lines, _activate(2), STATE],
        "after the STATE": [*lines, STATE, _activate(2)],
        "before the rows": [_activate(2), *lines, STATE],
    }
    report = _run(lake, _schema(), *ends[place], **settings).as_dict()["streams"][0]
    after = lake.table().current_snapshot()
    assert before is not None
    assert after is not None
    assert after.parent_snapshot_id == before.snapshot_id
    assert _ids(lake) == [3, 4, 5]
    gone = 3 if method == "upsert" else 5  # two were replaced by key
    assert (report["deleted"], report["marked_deleted"], report["good"]) == (gone, 0, 3)
    assert _summary(lake, "rows-deleted") == str(gone)


@pytest.mark.parametrize("method", ["append-only", "upsert"])
def test_or_they_are_marked_once(method: str, lake: Lake) -> None:
    _run(lake, _schema(), *(_record(n, 1) for n in range(4)), load_method=method)
    before = dt.datetime.now(dt.UTC)
    report = _run(lake, _schema(), _record(4, 2), _activate(2), load_method=method).as_dict()["streams"][0]
    assert _ids(lake) == [0, 1, 2, 3, 4]
    assert _live(lake) == [4]
    marks = {row["id"]: row["_sdc_deleted_at"] for row in _rows(lake)}
    assert all(before <= marks[n] <= dt.datetime.now(dt.UTC) for n in range(4))
    assert (report["deleted"], report["marked_deleted"]) == (0, 4)
    _run(lake, _schema(), _record(4, 3), _record(5, 3), _activate(3), load_method="upsert")
    assert {row["id"]: row["_sdc_deleted_at"] for row in _rows(lake) if row["id"] < 4} == {
        n: marks[n] for n in range(4)
    }
    assert _live(lake) == [4, 5]


def test_a_row_that_comes_again_is_alive_again(lake: Lake) -> None:
    settings = {"load_method": "upsert"}
    _run(lake, _schema(), _record(1, 1), _record(2, 1), **settings)
    _run(lake, _schema(), _record(2, 2), _activate(2), **settings)
    _run(lake, _schema(), _record(1, 3), _record(2, 3), _activate(3), **settings)
    assert _live(lake) == [1, 2]
    assert {row["_sdc_table_version"] for row in _rows(lake)} == {3}


@pytest.mark.parametrize("method", ["append-only", "upsert"])
def test_rows_of_the_run_stay_whatever_their_version(method: str, lake: Lake) -> None:
    settings = {"load_method": method, "hard_delete": True, "epoch_max_seconds": 1}
    _run(lake, _schema(), _record(0, 1), **settings)
    long = [_record(n, 1, "x" * 1_000_000) for n in (1, 2)]
    lines = [_schema(), *long, STATE, _record(3, 2), _activate(2), STATE, _record(4, 3), _activate(3), _record(5)]
    report = _run(lake, *lines, **settings, epoch_max_mb=1)
    assert report.epochs > 1
    assert _ids(lake) == [1, 2, 3, 4, 5]


def test_an_epoch_with_nothing_but_the_message_retires_rows_or_does_nothing(lake: Lake) -> None:
    _run(lake, _schema(), _record(0, 1), hard_delete=True)
    _run(lake, _schema(), _activate(2), hard_delete=True)
    assert _ids(lake) == []
    before = lake.table().metadata_location
    _run(lake, _schema(), _activate(2), hard_delete=True)
    assert lake.table().metadata_location == before


def test_rows_without_a_version_stay(lake: Lake) -> None:
    _run(lake, _schema(), _record(1), add_record_metadata=False)
    _run(lake, _schema(), _record(2), _record(3, 1))
    _run(lake, _schema(), _record(4, 2), _activate(2), hard_delete=True)
    assert _ids(lake) == [1, 2, 4]


def test_without_the_columns_nothing_changes_and_a_warning_says_what_to_set(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    for version in (1, 2):
        lines = [_schema(), _record(version, version), _activate(version)]
        _run(lake, *lines, add_record_metadata=False, hard_delete=True)
    assert [row["id"] for row in lake.tables.rows("t", "id")] == [1, 2]
    assert [r for r in caplog.messages if "set add_record_metadata" in r]


def test_the_messages_can_be_ignored(lake: Lake) -> None:
    settings = {"process_activate_version_messages": False, "hard_delete": True}
    for version in (1, 2):
        _run(lake, _schema(), _record(version, version), _activate(version), **settings)
    assert _live(lake) == [1, 2]


def test_files_without_older_rows_stay_and_files_of_them_alone_are_not_read(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in (1, 2, 3):
        _run(lake, _schema(), *(_record(n, version) for n in range(100)))
    before = {f.file_path for f in files(lake.table())}
    monkeypatch.setattr("target_dativo_iceberg.retirement.stored", _unreadable)
    monkeypatch.setattr("target_dativo_iceberg.rewriting.stored", _unreadable)
    _run(lake, _schema(), _activate(3), hard_delete=True)
    after = {f.file_path for f in files(lake.table())}
    assert len(after) == 1
    assert after < before


def _unreadable(*_: Any) -> Any:
    raise AssertionError("a file is read")


def test_a_table_in_partitions_and_order_keeps_both(lake: Lake) -> None:
    settings = {"partition_by": ["bucket[3](id)"], "sort_by": ["id desc"]}
    _run(lake, _schema(), *(_record(n, 1 + n % 2) for n in range(60)), **settings)
    _run(lake, _schema(), _activate(2), hard_delete=True, **settings)
    assert _ids(lake) == list(range(1, 60, 2))
    assert len(files(lake.table())) == 3


def test_a_rival_who_is_faster_is_looked_at_too(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for method in ("append-only", "upsert"):
        _run(lake, _schema(), _record(1, 1), _record(2, 2), load_method=method)
        rival = lambda: _run(lake, _schema(), _record(3, 1), _record(4, 9))  # noqa: E731
        with monkeypatch.context() as patch:
            _before_commit(patch, rival)
            _run(lake, _schema(), _record(5, 2), _activate(2), hard_delete=True, load_method=method)
        assert sorted(set(_ids(lake))) == [2, 4, 5]


def _before_commit(patch: pytest.MonkeyPatch, rival: Callable[[], Any]) -> None:
    commit = publish.commit

    def late(*args: Any) -> None:
        patch.setattr(publish, "commit", commit)
        rival()
        commit(*args)

    patch.setattr(publish, "commit", late)


def test_checks_of_the_table_see_it_without_the_older_rows(lake: Lake) -> None:
    check = {
        "id": "three",
        "metric": "rowCount",
        "mustBeLessOrEqualTo": 3,
        "customProperties": [{"property": "dativo.scope", "value": "table"}],
    }
    columns = [{"name": "id", "logicalType": "integer"}, {"name": "s", "logicalType": "string"}]
    lake.contract(columns, quality=[check])
    lake.settings["hard_delete"] = True
    _run(lake, _schema(), *(_record(n, 1 + n // 2) for n in range(3)))
    _run(lake, _schema(), _record(3, 3), _record(4, 3), _activate(2))
    assert _ids(lake) == [2, 3, 4]
    before = set(lake.folder.glob("warehouse/**/*.parquet"))
    with pytest.raises(ViolationError, match="three"):
        _run(lake, _schema(), *(_record(n, 4) for n in range(4)), _activate(4))
    assert _ids(lake) == [2, 3, 4]
    assert set(lake.folder.glob("warehouse/**/*.parquet")) == before


@pytest.mark.parametrize("hard", [True, False])
def test_any_versions_of_rows_that_are_added(hard: bool, lake: Lake) -> None:
    pick = random.Random(f"append {hard}")
    lake.settings |= {"hard_delete": hard, "sort_by": ["s"]}
    model: list[tuple[int, int | None, bool]] = []
    for run in range(8):
        new = [(100 * run + n, pick.choice([None, 1, 2, 3, 4, 5]), True) for n in range(pick.choice([0, 1, 20]))]
        version = pick.choice([None, 2, 3, 4, 6])
        lines = [_record(number, own, pick.choice([None, "a", "b"])) for number, own, _ in new]
        _run(lake, _schema(), *lines, *([_activate(version)] if version else []))
        before = [(n, own, alive and not _is_old(own, version)) for n, own, alive in model]
        model = [row for row in before if not hard or not _is_old(row[1], version)] + new
        found = [(r["id"], r["_sdc_table_version"], r["_sdc_deleted_at"] is None) for r in _rows(lake)]
        assert found == sorted(model, key=lambda row: row[0])


def _is_old(own: int | None, version: int | None) -> bool:
    return own is not None and version is not None and own < version


# ---- deletes of log-based taps ----


def _delete(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": "t", "record": {"id": number, "_sdc_deleted_at": GONE_AT} | more}


@pytest.mark.parametrize("metadata", [True, False])
def test_a_deleted_key_loses_its_row(metadata: bool, lake: Lake) -> None:
    settings = {"load_method": "upsert", "hard_delete": True, "add_record_metadata": metadata}
    _run(lake, _schema(**SOFT), *(_record(n, text="old") for n in range(4)), **settings)
    lines = [_delete(1), _delete(2), _record(2, text="new"), _record(5, text="new"), _delete(5), _delete(77)]
    report = _run(lake, _schema(**SOFT), *lines, **settings).as_dict()["streams"][0]
    assert {row["id"]: row["s"] for row in _rows(lake)} == {0: "old", 2: "new", 3: "old"}
    assert (report["deleted"], report["records"], report["good"]) == (1, 6, 6)
    assert _summary(lake, "rows-deleted") == "1"
    assert _summary(lake, "rows-updated") == "1"


def test_or_it_keeps_its_row_with_a_mark(lake: Lake) -> None:
    settings = {"load_method": "upsert"}
    _run(lake, _schema(**SOFT), *(_record(n, text="old") for n in range(4)), **settings)
    lines = [_delete(1), _delete(2), _record(2, text="new"), _record(5, text="new"), _delete(5)]
    report = _run(lake, _schema(**SOFT), *lines, **settings).as_dict()["streams"][0]
    at = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
    assert [(row["id"], row["s"], row["_sdc_deleted_at"]) for row in _rows(lake)] == [
        (0, "old", None), (1, "old", at), (2, "new", None), (3, "old", None), (5, "new", at),
    ]  # fmt: skip
    assert (report["deleted"], report["marked_deleted"]) == (0, 2)
    before = lake.table().current_snapshot()
    _run(lake, _schema(**SOFT), _delete(1) | {"version": 3}, **settings)
    assert [row["s"] for row in _rows(lake)][:2] == ["old", "old"]
    assert before is not None


@pytest.mark.parametrize("epochs", [1, 2])
def test_what_is_kept_of_a_deleted_row_does_not_depend_on_where_epochs_end(epochs: int, lake: Lake) -> None:
    settings = {"load_method": "upsert"}
    _run(lake, _schema(**SOFT), *(_record(n, text="old") for n in range(6)), **settings)
    first = [_record(0, text="new"), _record(1, text="new"), _record(2, text="old"), _record(7, text="new"), _delete(8)]
    later = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    again = _delete(4)
    again["record"]["_sdc_deleted_at"] = later.isoformat()
    then = [_delete(0), _delete(2), _delete(3), _delete(4), again, _delete(7), _delete(5), _record(5, text="back")]
    for lines in [first + then] if epochs == 1 else [first, then]:
        _run(lake, _schema(**SOFT), *lines, **settings)
    at = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
    assert [(row["id"], row["s"], row["_sdc_deleted_at"]) for row in _rows(lake)] == [
        (0, "new", at), (1, "new", None), (2, "old", at), (3, "old", at), (4, "old", at), (5, "back", None),
        (7, "new", at), (8, None, at),
    ]  # fmt: skip


@pytest.mark.parametrize("hard", [True, False])
def test_a_delete_needs_no_more_than_its_key(hard: bool, lake: Lake) -> None:
    columns = [{"name": "id", "logicalType": "integer", "primaryKey": True}]
    lake.contract([*columns, {"name": "s", "logicalType": "string", "required": True}])
    settings = {"load_method": "upsert", "hard_delete": hard, "add_record_metadata": False}
    _run(lake, _schema(**SOFT), _record(1, text="a"), _record(2, text="b"), **settings)
    _run(lake, _schema(**SOFT), _delete(1), _delete(9), **settings)
    assert [(row["id"], row["s"]) for row in _rows(lake)] == [(2, "b")] if hard else [(1, "a"), (2, "b")]
    assert _live(lake) == [2]


def test_under_append_only_it_is_a_row_like_others(lake: Lake) -> None:
    _run(lake, _schema(**SOFT), _record(1), _delete(1), hard_delete=True)
    assert [row["_sdc_deleted_at"] is None for row in _rows(lake)] == [True, False]


# ---- all of it against a dict ----


@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_any_sequence_is_what_a_dict_says(seed: int, hard: bool, lake: Lake) -> None:
    pick = random.Random(seed)
    lake.settings |= {
        "load_method": "upsert",
        "hard_delete": hard,
        "partition_by": pick.choice([[], ["bucket[2](id)"]]),
    }
    model: dict[int, tuple[str | None, bool, int | None]] = {}
    version = 1
    for _ in range(7):
        seen: set[int] = set()
        version += pick.choice([0, 0, 1])
        lines = _some(pick, version)
        for line in lines:
            _apply(model, line, seen, hard)
        _run(lake, _schema(**SOFT), *lines)
        found = {r["id"]: (r["s"], r["_sdc_deleted_at"] is not None, r["_sdc_table_version"]) for r in _rows(lake)}
        assert found == model
        assert len(found) == len(_rows(lake))


def _some(pick: random.Random, version: int) -> Sequence[dict[str, Any]]:
    """Records and deletes, each key once, and perhaps ACTIVATE_VERSION at the end."""
    keys = pick.sample(range(60), pick.choice([0, 5, 30]))
    lines = [_delete(k) if pick.random() < 0.2 else _record(k, version, pick.choice([None, "a", "b"])) for k in keys]
    return [*lines, *([_activate(version)] if pick.random() < 0.6 else [])]


def _apply(
    model: dict[int, tuple[str | None, bool, int | None]], line: dict[str, Any], seen: set[int], hard: bool
) -> None:
    if line["type"] == "ACTIVATE_VERSION":
        old = [k for k, row in model.items() if k not in seen and row[2] is not None and row[2] < line["version"]]
        for key in old:
            model.pop(key) if hard else model.update({key: (model[key][0], True, model[key][2])})
        return
    key = line["record"]["id"]
    seen.add(key)
    if "_sdc_deleted_at" not in line["record"]:
        model[key] = (line["record"]["s"], False, line["version"])
    elif hard:
        model.pop(key, None)
    else:
        text, _, version = model.get(key, (None, True, None))
        model[key] = (text, True, version)

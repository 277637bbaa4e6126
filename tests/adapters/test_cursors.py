"""STATE and state.json read each other in every dialect; a lookback only ever moves dates, and only back."""

from __future__ import annotations

import copy
import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_adapters.airbyte_cursors import airbyte_cursors
from tap_adapters.cursors import files, keyed, pipelinewise, sdk
from tap_adapters.dates import earlier
from tap_adapters.extractor import Cursors

AT = "2026-11-25T10:00:00Z"
STREAMS = {"shop-orders": "orders", "shop-users": "users"}
KEYS = {"shop-orders": "updated_at", "shop-users": "created"}

moments = st.one_of(
    st.dates().map(date.isoformat),
    st.datetimes().map(datetime.isoformat),
    st.datetimes().map(lambda d: d.isoformat(" ") + "+05:30"),
    st.datetimes().map(lambda d: d.isoformat(timespec="milliseconds") + "Z"),
)
others = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.sampled_from(["2024-13-01", "2024-01-01x", "20240101", "0/16B3748", "2024-01-01-02", "٢٠٢٤-01-01"]),
)
values = st.one_of(moments, others)


def sdk_state(value: Any) -> dict[str, Any]:
    return {"bookmarks": {"shop-orders": {"replication_key": "updated_at", "replication_key_value": value}}}


@given(moments, st.integers(0, 10_000))
def test_a_moment_moves_back_by_whole_days_and_is_written_as_before(text: str, days: int) -> None:
    moved = earlier(text, days)
    before, after = date.fromisoformat(text[:10]), date.fromisoformat(moved[:10])
    assert moved[10:] == text[10:]
    assert before - after == timedelta(days=min(days, (before - date.min).days))


@given(
    others.filter(lambda value: not isinstance(value, str) or earlier(value, 0) == earlier(value, 1)),
    st.integers(0, 99),
)
def test_what_is_no_date_stays(value: Any, days: int) -> None:
    assert earlier(value, days) == value


@pytest.mark.parametrize(
    "text", ["2024-13-01", "2024-01-01x", "20240101", "0/16B3748", "2024-01-01-02", "٢٠٢٤-01-01", ""]
)
def test_texts_that_only_look_like_dates_stay(text: str) -> None:
    assert earlier(text, 3) == text


@given(values, st.integers(0, 500))
@pytest.mark.parametrize("dialect", [sdk, pipelinewise])
def test_shifting_touches_the_cursor_and_nothing_else(dialect: Any, value: Any, days: int) -> None:
    state = sdk_state(value) | {"currently_syncing": "shop-users", "other": [value]}
    state["bookmarks"]["shop-orders"]["version"] = 1764000000000
    state["bookmarks"]["stranger"] = {"replication_key_value": value}
    before = copy.deepcopy(state)
    moved = dialect(STREAMS, KEYS).shifted(state, days)
    assert state == before
    assert moved["bookmarks"]["shop-orders"].pop("replication_key_value") == earlier(value, days)
    del before["bookmarks"]["shop-orders"]["replication_key_value"]
    assert moved == before


@given(st.dictionaries(st.sampled_from(["object_orders", "object_users"]), values))
@pytest.mark.parametrize("dialect", [sdk, pipelinewise])
def test_what_is_imported_reads_the_same_again(dialect: Any, cursors: dict[str, Any]) -> None:
    entries = {name: {"cursor": value, "last_sync": AT} for name, value in cursors.items()}
    known: Cursors = dialect(STREAMS, KEYS)
    assert known.entries(known.imported(entries), AT) == entries


def test_an_sdk_state_names_objects_and_takes_the_partition_that_is_furthest_behind() -> None:
    state = {
        "bookmarks": {
            "shop-orders": {
                "partitions": [
                    {"context": {"store": 1}, "replication_key": "updated_at", "replication_key_value": "2024-03-01"},
                    {"context": {"store": 2}, "replication_key": "updated_at", "replication_key_value": "2024-02-01"},
                ]
            },
            "shop-users": {"progress_markers": {"replication_key_value": "2024-05-01"}},
            "not_ours": {},
        }
    }
    cursors = sdk(STREAMS, KEYS)
    assert cursors.entries(state, AT) == {
        "object_orders": {"cursor": "2024-02-01", "last_sync": AT},
        "object_users": {"cursor": None, "last_sync": AT},
    }
    moved = cursors.shifted(state, 1)["bookmarks"]
    assert [p["replication_key_value"] for p in moved["shop-orders"]["partitions"]] == ["2024-02-29", "2024-01-31"]
    assert moved["shop-users"] == state["bookmarks"]["shop-users"]


def test_a_place_in_a_write_ahead_log_is_a_cursor_that_comes_back() -> None:
    state = {"bookmarks": {"shop-orders": {"lsn": 24063304, "xmin": None, "version": 1}}}
    cursors = pipelinewise(STREAMS, {})
    entries = cursors.entries(state, AT)
    assert entries == {"object_orders": {"cursor": "lsn:24063304", "last_sync": AT}}
    assert cursors.imported(entries) == {"bookmarks": {"shop-orders": {"lsn": 24063304}}}
    assert cursors.shifted(state, 9) == state


def test_places_in_a_binary_log_are_cursors_that_come_back() -> None:
    state = {
        "bookmarks": {
            "shop-orders": {"log_file": "mysql-bin.000003", "log_pos": 4711, "version": 1},
            "shop-users": {"log_file": "mysql-bin.000003", "log_pos": 4711, "gtid": "0-1-42"},
        }
    }
    cursors = pipelinewise(STREAMS, KEYS)
    entries = cursors.entries(state, AT)
    assert {name: entry["cursor"] for name, entry in entries.items()} == {
        "object_orders": "binlog:mysql-bin.000003:4711",
        "object_users": "gtid:0-1-42",
    }
    assert cursors.shifted(state, 9) == state
    assert cursors.imported(entries)["bookmarks"] == {
        "shop-orders": {"log_file": "mysql-bin.000003", "log_pos": 4711},
        "shop-users": {"gtid": "0-1-42"},
    }


@given(st.integers(0, 4_000_000_000), st.integers(0, 500))
def test_seconds_since_1970_are_shown_as_text_and_move_back(seconds: int, days: int) -> None:
    cursors = keyed({"customers": "customers"}, {"customers": "created"})
    state = {"bookmarks": {"customers": {"created": seconds}, "customers_events": {"updates_created": seconds}}}
    entries = cursors.entries(state, AT)
    assert datetime.fromisoformat(entries["object_customers"]["cursor"]).timestamp() == seconds
    assert cursors.imported(entries) == {"bookmarks": {"customers": {"created": seconds}}}
    moved = cursors.shifted(state, days)["bookmarks"]
    assert moved["customers"]["created"] == max(0, seconds - days * 86400)
    assert moved["customers_events"] == {"updates_created": seconds}


def test_files_go_by_the_names_that_users_gave_them() -> None:
    cursors = files({"/data/a.csv": "f1"}.get, lambda name: [("rows", "/data/a.csv")] if name == "f1" else [])  # type: ignore[arg-type]
    bookmark = {"last_modified": "2024-03-01T00:00:00.000000Z", "mtime_ns": 1709251200000000000, "size": 3}
    state = {"bookmarks": {"rows": {"files": {"/data/a.csv": bookmark}}}}
    assert cursors.entries(state, AT) == {"file_f1": {"last_modified": "2024-03-01T00:00:00.000000Z"}}
    moved = cursors.shifted(state, 1)["bookmarks"]["rows"]["files"]["/data/a.csv"]
    assert moved == {"last_modified": "2024-02-29T00:00:00.000000Z", "mtime_ns": 1709164800000000000, "size": 3}
    entries = {"file_f1": {"last_modified": "2024-01-01"}, "file_x": {"last_modified": "2024-01-01"}, "object_y": {}}
    assert cursors.entries(cursors.imported(entries), AT) == {"file_f1": {"last_modified": "2024-01-01"}}


def test_a_file_of_two_streams_is_as_new_as_the_one_behind_has_it() -> None:
    cursors = files(lambda path: path, lambda name: [("a", name), ("b", name)])
    state = {
        "bookmarks": {
            "a": {"files": {"s1": {"last_modified": "2024-03-01"}}},
            "b": {"files": {"s1": {"last_modified": "2024-02-01"}}},
        }
    }
    entries = cursors.entries(state, AT)
    assert entries == {"file_s1": {"last_modified": "2024-02-01"}}
    assert cursors.entries(cursors.imported(entries), AT) == entries


def stream_message(inner: Any) -> str:
    return json.dumps({"type": "STREAM", "stream": {"stream_descriptor": {"name": "users"}, "stream_state": inner}})


@given(values.filter(lambda value: (value is not None and not isinstance(value, str)) or str(value)[:1] != "{"))
def test_airbyte_cursors_come_back(value: Any) -> None:
    cursors = airbyte_cursors({"users": "users"}, "updated_at")
    entries = {} if value is None else {"object_users": {"cursor": value, "last_sync": AT}}
    assert cursors.entries(cursors.imported(entries), AT) == entries


def test_an_airbyte_state_is_moved_at_its_cursor_alone() -> None:
    inner = {
        "updated_at": "2024-03-01T00:00:00",
        "seen": "2024-03-01",
        "slices": [{"start": "2024-01-01", "end": "2024-03-01"}],
    }
    state = {"airbyte_state_type": "STREAM", "bookmarks": {"users": {"airbyte_state": stream_message(inner)}}}
    cursors = airbyte_cursors({"users": "people"}, "updated_at")
    assert cursors.entries(state, AT) == {"object_people": {"cursor": "2024-03-01T00:00:00", "last_sync": AT}}
    moved = json.loads(cursors.shifted(state, 1)["bookmarks"]["users"]["airbyte_state"])["stream"]["stream_state"]
    assert moved == {
        "updated_at": "2024-02-29T00:00:00",
        "seen": "2024-03-01",
        "slices": [{"start": "2024-01-01", "end": "2024-02-29"}],
    }


def test_an_airbyte_state_without_a_known_cursor_is_kept_whole() -> None:
    cursors = airbyte_cursors({"users": "users"}, None)
    state = {"bookmarks": {"users": {"airbyte_state": stream_message({"a": "2024-01-01", "b": 2})}}}
    entries = cursors.entries(state, AT)
    assert json.loads(entries["object_users"]["cursor"]) == {"a": "2024-01-01", "b": 2}
    assert cursors.entries(cursors.imported(entries), AT) == entries
    assert cursors.shifted(state, 5) == state


def test_airbyte_states_of_the_other_kinds_are_read() -> None:
    whole = {
        "type": "GLOBAL",
        "global": {"stream_states": [{"stream_descriptor": {"name": "users"}, "stream_state": {"lsn": 7}}]},
    }
    cursors = airbyte_cursors({"users": "users"}, None)
    for name, message in (("_airbyte_global", whole), ("_airbyte_legacy", {"users": {"lsn": 7}})):
        state = {"bookmarks": {name: {"airbyte_state": json.dumps(message)}}}
        assert cursors.entries(state, AT) == {"object_users": {"cursor": 7, "last_sync": AT}}


@given(st.recursive(values, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
@pytest.mark.parametrize(
    "cursors",
    [
        sdk(STREAMS, KEYS),
        pipelinewise(STREAMS, KEYS),
        keyed(STREAMS, KEYS),
        files(lambda path: path, lambda name: [("a", name)]),
        airbyte_cursors(STREAMS, "updated_at"),
    ],
    ids=["sdk", "pipelinewise", "keyed", "files", "airbyte"],
)
def test_a_state_from_anywhere_is_read_without_a_crash(cursors: Cursors, anything: Any) -> None:
    for state in ({"bookmarks": anything}, {"bookmarks": {"shop-orders": anything, "a": {"files": anything}}}):
        assert cursors.shifted(state, 0) == state
        cursors.entries(cursors.shifted(state, 3), AT)


def test_days_are_not_negative() -> None:
    with pytest.raises(ValueError, match="not negative"):
        sdk(STREAMS, KEYS).shifted({}, -1)

"""Positions: kept as bookmarks, safe from merges, and given back to the source as it told them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from tests.tap_airbyte.conftest import PLANS, USERS, Bridge, Done, at, row

ORDERS = USERS | {"name": "orders"}
STREAMS = [USERS, ORDERS, PLANS]


def _says(**state: Any) -> dict[str, Any]:
    return {"say": {"type": "STATE", "state": state}}


def _global(shared: Any, **streams: Any) -> dict[str, Any]:
    told = [{"stream_descriptor": {"name": name}, "stream_state": s} for name, s in streams.items()]
    return _says(type="GLOBAL", **{"global": {"shared_state": shared, "stream_states": told}})


def _read(bridge: Bridge, *steps: dict[str, Any], state: Any = None, only: str | None = None, full: str = "") -> Done:
    """Run with these steps; `only` selects one stream, `full` reads one in full."""
    config = bridge.config({"given": str(bridge.folder / "given.json")}, *steps, discovers=STREAMS)
    catalog = bridge.catalog(config)
    for entry in catalog["streams"]:
        top = entry["metadata"][0]["metadata"]
        top["selected"] = only in {None, entry["tap_stream_id"]}
        if entry["tap_stream_id"] == full:
            top["replication-method"] = "FULL_TABLE"
    return bridge.run(config, catalog=catalog, **({} if state is None else {"state": state}))


def _given(bridge: Bridge) -> Any:
    """The state that the source got; None when it got none."""
    return json.loads((bridge.folder / "given.json").read_text())["files"].get("state")


def _merged(partial: dict[str, Any], complete: dict[str, Any]) -> dict[str, Any]:
    """Both as Meltano merges them: objects member by member, anything else as a whole."""
    found = deepcopy(complete)
    for name, value in partial.items():
        found[name] = _merged(value, found.get(name, {})) if isinstance(value, dict) else value
    return found


def _stream(name: str, state: Any) -> dict[str, Any]:
    return {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state}}


def test_a_first_run_gives_the_source_no_state(bridge: Bridge) -> None:
    assert _read(bridge, row(1)).states == []
    assert _given(bridge) is None


def test_states_of_streams_add_up_and_come_back_as_they_were(bridge: Bridge) -> None:
    exact = {"seen": [1, {"a": None}], "n": 1.5, "text": "ü"}
    done = _read(bridge, at(exact), at({"c": 1}, "orders"), at({"c": 2}, "orders"))
    assert [list(state["bookmarks"]) for state in done.states] == [["users"], ["users", "orders"], ["users", "orders"]]
    _read(bridge, state=done.states[-1])
    assert _given(bridge) == [_stream("users", exact), _stream("orders", {"c": 2})]


def test_a_run_over_one_stream_keeps_the_position_of_the_other(bridge: Bridge) -> None:
    first = _read(bridge, at({"c": 1}), at({"c": 1}, "orders")).states[-1]
    second = _read(bridge, at({"c": 2}, "orders"), state=first, only="orders").states[-1]
    assert _given(bridge) == [_stream("orders", {"c": 1})]
    _read(bridge, state=second)
    assert _given(bridge) == [_stream("users", {"c": 1}), _stream("orders", {"c": 2})]


def test_a_merge_never_blends_two_positions_of_a_stream(bridge: Bridge) -> None:
    old = _read(bridge, at({"slices": [1], "old": True}), at({"c": 1}, "orders")).states[-1]
    new = _read(bridge, at({"cursor": 5})).states[-1]
    _read(bridge, state=_merged(new, old))
    assert _given(bridge) == [_stream("users", {"cursor": 5}), _stream("orders", {"c": 1})]


def test_a_global_state_is_one_position(bridge: Bridge) -> None:
    old = _read(bridge, _global({"lsn": 1, "gone": 1}, users={"c": 1}, orders={"c": 1})).states[-1]
    new = _read(bridge, _global({"lsn": 2}, orders={"c": 2}), state=old, only="orders").states[-1]
    assert _given(bridge) == [_global({"lsn": 1, "gone": 1}, orders={"c": 1})["say"]["state"]]
    _read(bridge, state=_merged(new, old))
    expected = _global({"lsn": 2}, orders={"c": 2}, users={"c": 1})["say"]["state"]
    assert _given(bridge) == [expected]


def test_a_source_of_the_oldest_protocol_gets_its_object_back(bridge: Bridge) -> None:
    data = {"users": {"updated_at": "2026-01-01"}}
    for step in (_says(data=data), _says(type="LEGACY", data=data)):
        _read(bridge, state=_read(bridge, step).states[-1])
        assert _given(bridge) == data


def test_a_source_may_move_from_the_oldest_states_to_those_of_streams(bridge: Bridge) -> None:
    old = _read(bridge, _says(data={"users": 1})).states[-1]
    new = _read(bridge, at({"c": 2}), state=old).states[-1]
    assert list(new["bookmarks"]) == ["users"]
    _read(bridge, state=_merged(new, old))
    assert _given(bridge) == [_stream("users", {"c": 2})]


def test_a_stream_read_in_full_has_no_position_but_keeps_its_old_one(bridge: Bridge) -> None:
    first = _read(bridge, at({"c": 1}), at({"c": 1}, "orders")).states[-1]
    second = _read(
        bridge, at({"__ab_full_refresh_sync_complete": True}), at({"c": 2}, "orders"), state=first, full="users"
    )
    assert _given(bridge) == [_stream("orders", {"c": 1})]
    assert len(second.states) == 1
    _read(bridge, state=second.states[-1])
    assert _given(bridge) == [_stream("users", {"c": 1}), _stream("orders", {"c": 2})]


def test_a_position_that_is_null_starts_the_stream_anew(bridge: Bridge) -> None:
    first = _read(bridge, at({"c": 1})).states[-1]
    second = _read(bridge, at(None), state=first).states[-1]
    _read(bridge, state=_merged(second, first))
    assert _given(bridge) is None


def test_names_and_namespaces_come_back_as_the_source_wrote_them(bridge: Bridge) -> None:
    config = bridge.config(at({"c": 1}, "users", namespace="eu"), discovers=[USERS | {"namespace": "eu"}])
    state = bridge.run(config).states[-1]
    assert list(state["bookmarks"]) == ["eu-users"]
    again = bridge.config({"given": str(bridge.folder / "given.json")}, discovers=[USERS | {"namespace": "eu"}])
    bridge.run(again, state=state)
    assert _given(bridge)[0]["stream"]["stream_descriptor"] == {"name": "users", "namespace": "eu"}


BAD_STATES = {
    "no JSON": ("{", "Option --state: its file cannot be used: it is not valid JSON."),
    "no STATE": ("[]", "Option --state: its file cannot be used: it is no STATE of tap-airbyte."),
    "another tap's": (
        {"bookmarks": {"users": {"replication_key_value": "canary"}}},
        "Option --state: the bookmark of 'users' is another tap's; start without a state to read all anew.",
    ),
    "no message": (
        {"bookmarks": {"users": {"airbyte_state": "canary"}}},
        "Option --state: the bookmark of 'users' is not what tap-airbyte writes.",
    ),
}


@pytest.mark.parametrize("case", BAD_STATES)
def test_a_state_that_cannot_be_used_is_refused_before_the_source_reads(bridge: Bridge, case: str) -> None:
    state, expected = BAD_STATES[case]
    done = _read(bridge, row(1), state=state)
    assert (done.code, done.out, done.errors) == (1, "", [expected])
    assert not (bridge.folder / "given.json").exists()


@pytest.mark.parametrize("state", [{}, {"bookmarks": {}}, {"bookmarks": {"users": {}}}])
def test_an_empty_state_is_none(bridge: Bridge, state: Any) -> None:
    assert _read(bridge, row(1), state=state).code == 0
    assert _given(bridge) is None

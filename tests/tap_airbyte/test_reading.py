"""Rows, columns, order: what a source emits is what comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tap_airbyte.conftest import PLANS, USERS, Bridge, at, row

EXACT = '{"id":1,"n":1.10,"big":123456789012345678901234567890,"s":"a\\u00e9\\n","o":{"b":1,"a":[1e5,null]}}'


def _select(catalog: dict[str, Any], stream: str, **selected: bool) -> dict[str, Any]:
    """Select these columns (dots: nested members) of one stream, and no other stream."""
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            path = ".".join(item["breadcrumb"][1::2])
            if not path:
                item["metadata"]["selected"] = entry["tap_stream_id"] == stream
            elif path in selected:
                item["metadata"]["selected"] = selected[path]
    return catalog


def _deselected(*paths: str) -> dict[str, bool]:
    return dict.fromkeys(paths, False)


def test_discovery_gives_keys_cursor_method_and_integers(bridge: Bridge) -> None:
    users, plans = bridge.catalog()["streams"]
    assert (users["key_properties"], users["replication_key"]) == (["id"], "updated_at")
    assert users["schema"]["properties"]["id"]["type"] == "integer"
    by_place = {tuple(item["breadcrumb"]): item["metadata"] for item in users["metadata"]}
    assert by_place["properties", "id"]["inclusion"] == by_place["properties", "updated_at"]["inclusion"] == "automatic"
    assert by_place["properties", "address", "properties", "city"]["inclusion"] == "available"
    top = by_place[()]
    assert (top["replication-method"], top["valid-replication-keys"]) == ("INCREMENTAL", ["updated_at"])
    assert (plans["key_properties"], plans["replication_method"]) == ([], "FULL_TABLE")
    assert plans["metadata"][0]["metadata"]["forced-replication-method"] == "FULL_TABLE"


def test_rows_come_byte_for_byte_and_a_state_stands_behind_the_rows_before_it(bridge: Bridge) -> None:
    exact = {"raw": '{"type":"RECORD","record":{"emitted_at":1,"stream":"users","data":' + EXACT + "}}\n"}
    done = bridge.run(bridge.config(exact, row(2), at({"c": 2}), row(3), row(1, "plans"), at({"c": 3}), row(4)))
    assert done.code == 0
    assert done.out.splitlines()[2] == '{"type":"RECORD","stream":"users","record":' + EXACT + "}"
    assert done.kinds == "SCSCREREST" + "RERESTRE"
    assert done.records("plans") == [{"id": 1}]


def test_the_source_gets_all_it_said_of_a_stream_back(bridge: Bridge) -> None:
    told = USERS | {"is_resumable": True, "anything": [1]}
    given = bridge.folder / "given.json"
    config = bridge.config({"given": str(given)}, discovers=[told])
    catalog = bridge.catalog(config)
    assert bridge.run(config, catalog=catalog).code == 0
    configured = json.loads(given.read_text())["files"]["catalog"]["streams"][0]
    stream = configured.pop("stream")
    assert stream.pop("json_schema")["properties"].keys() == told["json_schema"]["properties"].keys()  # type: ignore[index]
    assert stream == {name: value for name, value in told.items() if name != "json_schema"}
    assert configured == {
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "cursor_field": ["updated_at"],
        "primary_key": [["id"]],
    }


def test_what_a_catalog_leaves_out_is_left_out_of_schema_and_rows(bridge: Bridge) -> None:
    full = row(1, name="n", address={"city": "c", "street": "s"}, updated_at="u", unlisted=1)
    given = bridge.folder / "given.json"
    config = bridge.config({"given": str(given)}, full, row(2, address=None), row(1, "plans"))
    catalog = _select(bridge.catalog(config), "users", **_deselected("id", "name", "address.street", "updated_at"))
    done = bridge.run(config, catalog=catalog)
    assert done.records() == [{"id": 1, "address": {"city": "c"}, "updated_at": "u"}, {"id": 2, "address": None}]
    assert done.records("plans") == []
    properties = done.of("SCHEMA")[0]["schema"]["properties"]
    assert list(properties) == ["id", "address", "updated_at"]
    assert list(properties["address"]["properties"]) == ["city"]
    configured = json.loads(given.read_text())["files"]["catalog"]["streams"]
    assert [list(c["stream"]["json_schema"]["properties"]) for c in configured] == [list(properties)]


def test_a_row_keeps_unlisted_columns_where_all_are_selected(bridge: Bridge) -> None:
    assert bridge.run(bridge.config(row(1, unlisted={"a": 1}))).records() == [{"id": 1, "unlisted": {"a": 1}}]


def test_streams_of_two_namespaces_stay_apart(bridge: Bridge) -> None:
    streams = [PLANS | {"namespace": "eu"}, PLANS | {"namespace": "us"}]
    done = bridge.run(bridge.config(row(1, "plans", "eu"), row(2, "plans", "us"), discovers=streams))
    assert (done.records("eu-plans"), done.records("us-plans")) == ([{"id": 1}], [{"id": 2}])


def test_a_catalog_that_another_program_wrote_is_completed_by_a_discovery(bridge: Bridge) -> None:
    entry = {"tap_stream_id": "users", "schema": {"properties": {"id": {}}}, "metadata": [
        {"breadcrumb": [], "metadata": {"selected": True, "replication-method": "FULL_TABLE"}}]}  # fmt: skip
    assert bridge.run(bridge.config(row(1)), catalog={"streams": [entry]}).records() == [{"id": 1}]
    done = bridge.run(bridge.config(row(1)), catalog={"streams": [entry | {"tap_stream_id": "user"}]})
    assert done.errors == ["Option --catalog: the source has no stream 'user'; discover anew."]


MODES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "as the source likes": ({}, "incremental", ["updated_at"]),
    "in full": ({"replication-method": "FULL_TABLE"}, "full_refresh", []),
    "by the log": ({"replication-method": "LOG_BASED"}, "incremental", ["updated_at"]),
    "the source's cursor stands": ({"replication-key": "name"}, "incremental", ["updated_at"]),
}


@pytest.mark.parametrize("case", MODES)
def test_replication_of_the_catalog_is_the_sync_mode(bridge: Bridge, case: str) -> None:
    metadata, mode, cursor = MODES[case]
    given = bridge.folder / "given.json"
    config = bridge.config({"given": str(given)})
    catalog = bridge.catalog(config)
    catalog["streams"][0]["metadata"][0]["metadata"] |= metadata
    assert bridge.run(config, catalog=catalog).code == 0
    configured = json.loads(given.read_text())["files"]["catalog"]["streams"][0]
    assert (configured["sync_mode"], configured["cursor_field"]) == (mode, cursor)


def test_a_stream_that_can_only_be_read_in_full_is_whatever_the_catalog_wants_of_all_streams(bridge: Bridge) -> None:
    config = bridge.config(row(1, "plans"))
    catalog = bridge.catalog(config)
    for entry in catalog["streams"]:
        entry["metadata"][0]["metadata"] |= {"replication-method": "INCREMENTAL", "replication-key": "id"}
    assert bridge.run(config, catalog=catalog).records("plans") == [{"id": 1}]


def test_settings_give_mode_cursor_and_key_to_a_source_without(bridge: Bridge) -> None:
    free = USERS | {"source_defined_cursor": False, "default_cursor_field": [], "source_defined_primary_key": []}
    plain = bridge.catalog(bridge.config(discovers=[free]))["streams"][0]
    assert (plain["replication_method"], plain["key_properties"]) == ("FULL_TABLE", [])
    wish = {"sync_mode": "incremental", "cursor_field": "name", "primary_key": ["id"]}
    wished = bridge.catalog(bridge.config(discovers=[free], streams={"users": wish}))["streams"][0]
    assert (wished["replication_method"], wished["replication_key"], wished["key_properties"]) == (
        "INCREMENTAL", "name", ["id"])  # fmt: skip


def test_a_key_inside_an_object_is_no_key(bridge: Bridge) -> None:
    nested = USERS | {"source_defined_primary_key": [["address", "city"]]}
    assert bridge.catalog(bridge.config(discovers=[nested]))["streams"][0]["key_properties"] == []


def test_unknown_messages_and_lines_that_are_none_are_passed_over_and_not_shown(bridge: Bridge) -> None:
    noise = [{"raw": "a library says canary\n\n"}, {"raw": "12\n"}, {"raw": '{"level":"info","canary":1}\n'}]
    unknown = {"say": {"type": "SOMETHING_NEW", "record": {"stream": "users", "data": {}}}}
    done = bridge.run(bridge.config(*noise, unknown, {"err": "canary in a warning\n"}, row(1)))
    assert (done.code, done.records(), done.errors) == (0, [{"id": 1}], [])
    assert "canary" not in done.log
    assert "wrote 4 lines that are no messages" in done.log


def test_a_last_line_without_line_break_counts_and_one_row_may_be_large(bridge: Bridge) -> None:
    large = "x" * 3_000_000
    last = {"raw": '{"type":"RECORD","record":{"stream":"users","data":{"id":2},"emitted_at":1}}'}
    done = bridge.run(bridge.config(row(1, name=large), last))
    assert done.records() == [{"id": 1, "name": large}, {"id": 2}]


def test_check_is_the_source_s_own(bridge: Bridge) -> None:
    for status, code in (("SUCCEEDED", 0), ("FAILED", 1)):
        verdict = {"type": "CONNECTION_STATUS", "connectionStatus": {"status": status, "message": "no route"}}
        done = bridge.run(bridge.config(more={"check": [{"say": verdict}]}), "--test")
        assert (done.code, done.out) == (code, "")
    assert done.errors == ["The source cannot connect: no route"]

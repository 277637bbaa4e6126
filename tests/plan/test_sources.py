"""Where a plan's evidence comes from, and that looking makes nothing."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests.plan.conftest import ID, Desk, column, shape


class _Stdin:
    def __init__(self, text: str) -> None:
        self.buffer = io.BytesIO(text.encode())


def pipe(monkeypatch: pytest.MonkeyPatch, *lines: Any) -> None:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    monkeypatch.setattr("sys.stdin", _Stdin("".join(f"{text}\n" for text in texts)))


def streams(out: str) -> dict[str, list[str]]:
    """Columns of each planned stream."""
    return {s["stream"]: [c["column"] for c in s["changes"]] for s in json.loads(out)["streams"]}


def test_schema_messages_come_from_a_taps_output(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {"type": "SCHEMA", "stream": "t", "schema": shape("id"), "key_properties": []}
    later = first | {"schema": shape("id", "more")}
    pipe(monkeypatch, first, {"type": "RECORD", "stream": "t", "record": {"id": "SCHEMA"}}, "noise", later)
    code, out = desk.plan("--schema-from-stdin", "--json")
    assert (code, streams(out)) == (0, {"t": ["id", "more"]})


def test_without_evidence_each_contract_is_held_against_its_table(desk: Desk) -> None:
    desk.table([ID])
    path = desk.contract([ID, column("name", required=True)], "1.1.0")
    assert desk.plan(contract_path=path) == (
        0,
        "stream t into table default.t (contract t 1.1.0)\n"
        "  add column name string: the contract has it, the table does not\n",
    )


def test_only_what_a_catalog_selects_is_planned(desk: Desk) -> None:
    def stream(name: str, selected: bool | None, properties: dict[str, Any]) -> dict[str, Any]:
        metadata = [{"breadcrumb": [], "metadata": {"selected": selected}}]
        metadata += [{"breadcrumb": ["properties", n], "metadata": m} for n, m in properties.items()]
        return {"tap_stream_id": name, "schema": shape(*properties), "metadata": metadata}

    chosen = {"id": {"inclusion": "automatic"}, "no": {"selected": False}, "bad": {"inclusion": "unsupported"}, "x": {}}
    catalog = desk.folder / "catalog.json"
    catalog.write_text(json.dumps({"streams": [stream("a", True, chosen), stream("b", False, {"id": {}})]}))
    words = ["--catalog-file", str(catalog), "--json"]
    assert streams(desk.plan(*words)[1]) == {"a": ["id", "x"]}
    catalog.write_text(json.dumps({"streams": [stream("a", None, {"id": {}}), stream("b", None, {"id": {}})]}))
    assert streams(desk.plan(*words)[1]) == {"a": ["id"], "b": ["id"]}


@pytest.mark.parametrize("text", ["", "[]", '{"streams": 1}', '{"streams": [{}]}', '{"streams": [{"metadata": [1]}]}'])
def test_a_file_that_is_no_catalog_is_one_error_line(desk: Desk, caplog: pytest.LogCaptureFixture, text: str) -> None:
    catalog = desk.folder / "catalog.json"
    catalog.write_text(text)
    assert desk.plan("--catalog-file", str(catalog)) == (2, "")
    assert [r.getMessage() for r in caplog.records] == [
        f"input: file '{catalog}' is not a Singer catalog: make one with the tap's --discover (retryable: unknown)"
    ]


@pytest.mark.parametrize(
    "lines", [[], ["not JSON"], ['"SCHEMA'], [{"type": "SCHEMA"}], [{"type": "SCHEMA", "stream": "t", "schema": 1}]]
)
def test_input_without_a_usable_schema_is_one_error_line(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lines: list[Any]
) -> None:
    pipe(monkeypatch, *lines)
    assert desk.plan("--schema-from-stdin") == (2, "")
    assert len(caplog.records) == 1


def test_nothing_to_plan_is_one_error_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    assert desk.plan() == (2, "")
    assert "set contract_path" in caplog.text


def test_streams_that_meet_in_one_table_are_a_problem(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    message = {"type": "SCHEMA", "schema": shape("id"), "key_properties": []}
    pipe(monkeypatch, message | {"stream": "a-b"}, message | {"stream": "a.b"})
    code, out = desk.plan("--schema-from-stdin")
    assert code == 1
    assert "problem: streams 'a-b' and 'a.b' both go to table 'default.a_b'" in out


def test_a_stream_map_is_applied_first(desk: Desk) -> None:
    words = desk.catalog(shape(id={"type": "integer"}, name={"type": "string"}))
    code, out = desk.plan(*words, "--json", stream_maps={"t": {"name": "__NULL__", "__alias__": "u"}})
    assert (code, streams(out)) == (0, {"u": ["id"]})


def test_a_foreign_sqlite_catalog_that_is_not_there_is_not_made(desk: Desk) -> None:
    catalog = {"type": "sql", "uri": f"sqlite:///{desk.folder}/other.db"}
    assert desk.plan(*desk.catalog(shape("id")), catalog=catalog)[0] == 0

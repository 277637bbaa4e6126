"""The streams of the SDK's own target tests, with the rows they mean read back: the SDK looks only for exceptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.testing import target_test_streams

from target_dativo_iceberg.names import table_name
from tests.readback import Tables
from tests.target.running import Target

FOLDER = Path(target_test_streams.__file__).parent
REFUSED = {
    "invalid_schema": "has no 'properties' object",
    "record_before_schema": "before its SCHEMA",
    "record_missing_key_property": "$.id is required",
    "record_missing_required_property": "$.id is required",
}
ACCEPTED = sorted({path.stem for path in FOLDER.glob("*.singer")} - REFUSED.keys())


def rows_of(messages: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rows a stream means, by table, as plain Python makes them of the file."""
    schemas: dict[str, Mapping[str, Any]] = {}
    rows: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        if message["type"] == "SCHEMA":
            before = schemas.get(message["stream"], {})
            schemas[message["stream"]] = {**before, **message["schema"]["properties"]}
            rows.setdefault(message["stream"], [])
        elif message["type"] == "RECORD":
            rows[message["stream"]].append(message["record"])
    return {
        table_name(stream): [{n: meant(record.get(n), node) for n, node in schemas[stream].items()} for record in found]
        for stream, found in rows.items()
    }


def meant(value: Any, node: Mapping[str, Any]) -> Any:
    """A value of a record as its column has it."""
    if isinstance(value, dict) and "properties" not in node:
        return json.dumps(value)
    if isinstance(value, dict):
        return {n: meant(value.get(n), child) for n, child in node["properties"].items()}
    return value


def by_text(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_row_of_a_standard_stream_is_in_its_table(target: Target, name: str) -> None:
    data = (FOLDER / f"{name}.singer").read_bytes()
    messages = [json.loads(line) for line in data.splitlines() if line.strip()]
    ended = target.run(data)
    assert ended.code == 0, ended.log
    tables = Tables(target.warehouse)
    expected = rows_of(messages)
    assert {table: by_text(tables.rows(table)) for table in expected} == {t: by_text(r) for t, r in expected.items()}
    states = [message["value"] for message in messages if message["type"] == "STATE" and message["value"]]
    assert ended.states == states[-1:]


@pytest.mark.parametrize("name", REFUSED)
def test_a_standard_stream_that_is_wrong_is_refused_in_one_line(target: Target, name: str) -> None:
    ended = target.run((FOLDER / f"{name}.singer").read_bytes())
    assert ended.code == 1
    assert len(ended.errors) == 1
    assert REFUSED[name] in ended.errors[0]
    assert target.published() == {}

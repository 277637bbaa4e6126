"""`--singer`: a tap of rejected records for any target."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.replay.orders import MINIMUM, RELAXED, Lake, order, planted

pytestmark = pytest.mark.usefixtures("warm_commands")


def messages(lake: Lake, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert lake.replay("--singer", *words) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_records_come_as_they_came_in_after_one_schema(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    bad = [order(1, amount=-1, more=[1]), order(2, code="toolong"), order(3, amount="many")]
    lake.load([*bad, order(4)])
    first, *records = messages(lake, capsys)
    assert first == {
        "type": "SCHEMA",
        "stream": "orders",
        "key_properties": ["id"],
        "schema": {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                "amount": {"type": ["null", "integer"]},
                "code": {"type": ["null", "string"]},
                "note": {"type": ["null", "string"]},
            },
        },
    }
    assert records == [{"type": "RECORD", "stream": "orders", "record": r} for r in bad]
    assert [r["record"]["id"] for r in messages(lake, capsys, "--rule", MINIMUM)[1:]] == [1]
    assert lake.waiting() == 3


def test_the_schema_names_the_type_of_every_column(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    member = {"name": "a", "logicalType": "date"}
    columns = [
        {"name": "who", "logicalType": "object", "properties": [member]},
        {"name": "tags", "logicalType": "array", "items": {"name": "tag", "logicalType": "string"}},
        {"name": "at", "logicalType": "timestamp"},
        {"name": "price", "logicalType": "number", "physicalType": "DECIMAL(9,2)"},
        {"name": "yes", "logicalType": "boolean"},
    ]
    lake.contract([*RELAXED, *columns, {"name": "must", "logicalType": "string", "required": True}])
    lake.load([order(1)], properties={n: {} for n in ("id", "must")})
    found = messages(lake, capsys)[0]["schema"]["properties"]
    assert {name: found[name] for name in ("who", "tags", "at", "price", "yes")} == {
        "who": {"type": ["null", "object"], "properties": {"a": {"type": ["null", "string"], "format": "date"}}},
        "tags": {"type": ["null", "array"], "items": {"type": ["null", "string"]}},
        "at": {"type": ["null", "string"], "format": "date-time"},
        "price": {"type": ["null", "number"]},
        "yes": {"type": ["null", "boolean"]},
    }


def test_it_pipes_into_a_target_of_the_shell(lake: Lake) -> None:
    lake.load(planted(40, MINIMUM))
    lake.contract(RELAXED, "2.0.0")
    other = lake.folder / "other.json"
    other.write_text(json.dumps(lake.settings | {"table_prefix": "again_"}))
    tap = [sys.executable, "-m", "target_dativo_iceberg.replay", *lake.words("--singer")]
    with subprocess.Popen(tap, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as piped:
        target = [sys.executable, "-m", "target_dativo_iceberg", "--config", str(other)]
        subprocess.run(target, stdin=piped.stdout, check=True, capture_output=True)
        assert piped.stderr is not None
        log = piped.stderr.read().decode()
    assert piped.returncode == 0
    assert log == "INFO: 2 records printed\n"
    assert lake.sql("SELECT id FROM {again_orders} ORDER BY id") == [(7,), (27,)]
    assert lake.waiting() == 2


def test_a_reader_that_goes_away_is_no_error_of_ours(lake: Lake) -> None:
    lake.load([order(n, amount=-1, note="x" * 500) for n in range(400)])
    tap = [sys.executable, "-m", "target_dativo_iceberg.replay", *lake.words("--singer")]
    with subprocess.Popen(tap, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as piped:
        assert piped.stdout is not None
        assert piped.stderr is not None
        piped.stdout.close()
        assert piped.stderr.read() == b""
    assert piped.returncode == 141

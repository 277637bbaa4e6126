"""Checks and keys of the whole table, under publisher `commit`: before anything of the epoch is visible."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg.contract import load as load_contracts
from target_dativo_iceberg.loader import Loader
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import parse
from tests.conftest import Load
from tests.readback import Tables

SCHEMA = {
    "type": "SCHEMA",
    "stream": "orders",
    "schema": {"properties": {"id": {"type": "integer"}, "email": {"type": ["string", "null"]}}},
    "key_properties": [],
}
ID: dict[str, Any] = {"name": "id", "logicalType": "integer"}
EMAIL: dict[str, Any] = {"name": "email", "logicalType": "string"}
KEY = bytes(range(32)).hex()


def _contract(folder: Path, *properties: dict[str, Any], quality: Any = ()) -> str:
    path = folder / "orders.yaml"
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "orders", "version": "1.0.0", "status": "active"}
    one = {"name": "orders", "logicalType": "object", "properties": list(properties), "quality": list(quality)}
    path.write_text(json.dumps(head | {"schema": [one]}))
    return str(path)


def _lines(*records: dict[str, Any], states: int = 0) -> list[str]:
    lines = [json.dumps(SCHEMA)]
    for number, record in enumerate(records):
        lines.append(json.dumps({"type": "RECORD", "stream": "orders", "record": record}))
        if states:
            lines.append(json.dumps({"type": "STATE", "value": {"n": number}}))
    return lines


def _orders(*ids: int) -> list[dict[str, Any]]:
    return [{"id": i, "email": f"{i}@example.org"} for i in ids]


def _ids(tables: Tables) -> list[int]:
    return [row["id"] for row in tables.rows("orders", "id")]


# ---- quality checks ----

AT_MOST_FIVE = {
    "id": "few",
    "metric": "rowCount",
    "mustBeLessOrEqualTo": 5,
    "customProperties": [{"property": "dativo.scope", "value": "table"}],
}


def test_a_table_check_counts_published_and_staged_rows_and_stops_the_publish(
    load: Load, tables: Tables, tmp_path: Path
) -> None:
    contract = _contract(tmp_path, ID, EMAIL, quality=[AT_MOST_FIVE])
    load(_lines(*_orders(1, 2, 3)), contract_path=contract)
    ended = load(_lines(*_orders(4, 5, 6)), contract_path=contract, code=1)
    assert "few" in ended.log
    assert _ids(tables) == [1, 2, 3]
    assert len(list((tmp_path / "warehouse").rglob("*.parquet"))) == 1  # the files that were not published are gone
    load(_lines(*_orders(4, 5)), contract_path=contract)
    assert _ids(tables) == [1, 2, 3, 4, 5]


def test_a_table_check_of_sql_sees_a_column_that_the_publish_adds(load: Load, tables: Tables, tmp_path: Path) -> None:
    load(_lines(*_orders(1)), contract_path=_contract(tmp_path, ID))
    sql = {
        "id": "known",
        "type": "sql",
        "query": "SELECT count(*) FROM {object} WHERE email LIKE '2@%'",
        "mustBe": 0,
        "customProperties": [{"property": "dativo.scope", "value": "table"}],
    }
    contract = _contract(tmp_path, ID, EMAIL, quality=[sql])
    assert "known" in load(_lines(*_orders(2)), contract_path=contract, code=1).log
    load(_lines(*_orders(3)), contract_path=contract)
    assert _ids(tables) == [1, 3]


# ---- keys ----


@pytest.mark.parametrize(("scope", "expected"), [("batch", [1, 1, 2]), ("run", [1, 1, 2]), ("table", [1, 2])])
def test_keys_of_the_table_count_with_scope_table_only(
    load: Load, tables: Tables, tmp_path: Path, scope: str, expected: list[int]
) -> None:
    contract = _contract(tmp_path, ID | {"primaryKey": True}, EMAIL)
    for ids in ((1, 1), (1, 2)):
        load(_lines(*_orders(*ids)), contract_path=contract, on_violation="quarantine", unique_check=scope)
    assert _ids(tables) == expected


@pytest.mark.parametrize(("scope", "expected"), [("batch", [1, 1]), ("run", [1])])
def test_a_new_epoch_forgets_keys_with_scope_batch_only(
    load: Load, tables: Tables, tmp_path: Path, scope: str, expected: list[int]
) -> None:
    contract = _contract(tmp_path, ID | {"primaryKey": True}, EMAIL)
    lines = _lines(*({"id": 1, "email": "x" * (4 << 20)} for _ in range(2)), states=1)
    ended = load(lines, contract_path=contract, on_violation="quarantine", unique_check=scope, epoch_max_mb=1)
    assert ended.report["epochs"] == 2
    assert _ids(tables) == expected


def test_hashed_keys_are_compared_with_those_of_the_table(load: Load, tables: Tables, tmp_path: Path) -> None:
    settings = {
        "contract_path": _contract(tmp_path, ID, EMAIL | {"unique": True}),
        "on_violation": "quarantine",
        "unique_check": "table",
        "privacy": {"rules": [{"match": {"name": "email"}, "action": "hash"}]},
        "privacy_key": KEY,
    }
    load(_lines(*_orders(1, 2)), **settings)
    load(_lines({"id": 3, "email": "2@example.org"}, {"id": 4, "email": "4@example.org"}), **settings)
    assert _ids(tables) == [1, 2, 4]
    (rejected,) = tables.rows("orders__quarantine")
    assert [e["rule"] for e in rejected["_errors"]] == ["orders.email.unique"]


def test_a_later_schema_of_the_run_does_not_forget_keys(load: Load, tables: Tables, tmp_path: Path) -> None:
    contract = _contract(tmp_path, ID | {"primaryKey": True}, EMAIL)
    wider = {"id": {"type": "integer"}, "email": {"type": "string"}, "x": {"type": "integer"}}
    lines = [*_lines(*_orders(1)), json.dumps(SCHEMA | {"schema": {"properties": wider}}), *_lines(*_orders(1, 2))[1:]]
    load(lines, contract_path=contract, on_violation="quarantine")
    assert _ids(tables) == [1, 2]


# ---- what a run leaves behind ----


def test_rows_kept_for_a_check_leave_nothing_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    sql = {"id": "known", "type": "sql", "query": "SELECT count(*) FROM {object} WHERE id < 0", "mustBe": 0}
    settings = parse(
        {"warehouse": str(tmp_path / "warehouse"), "contract_path": _contract(tmp_path, ID, quality=[sql])}
    )
    contracts = Contracts(settings, load_contracts(settings.contract_path))
    source = io.BytesIO("".join(f"{line}\n" for line in _lines(*_orders(1, 2))).encode())
    assert Loader(settings, contracts, source, lambda _value: None).run().finished
    assert list(scratch.iterdir()) == []

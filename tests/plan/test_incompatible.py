"""Situation 8, the two ways out: a variant column, or the next table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from target_dativo_iceberg.contract import load as contracts
from target_dativo_iceberg.messages import Schema
from target_dativo_iceberg.replay import main as replay
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import parse
from target_dativo_iceberg.streams import Streams
from target_dativo_iceberg.table_rows import published
from target_dativo_iceberg.tables import open_store
from tests.conftest import Load
from tests.plan.conftest import ID, Desk, column, shape
from tests.plan.test_situations import AMOUNT, INT, NAME, NEEDED, Orders, orders
from tests.readback import Tables

__all__ = ["orders"]
LONG = column("name", "integer")
VARIANT = {"on_incompatible": "variant_column"}
NEXT = {"on_incompatible": "new_table"}


# ---- variant columns ----


@pytest.mark.parametrize(
    ("type_", "value", "suffix", "stored"),
    [
        (AMOUNT, 5, "long", 5),
        (column("amount", "number", physicalType="DECIMAL(12,2)"), 1.25, "decimal_12_2", "1.25"),
        (column("amount", "timestamp"), "2026-01-01T00:00:00Z", "timestamptz", "2026-01-01 00:00:00+00:00"),
        (column("amount", "object", properties=[NAME]), {"name": "a"}, "struct", "{'name': 'a'}"),
        (column("amount", "array", items={"logicalType": "string"}), ["a"], "list", "['a']"),
    ],
)
def test_values_of_another_type_go_to_a_column_beside(
    orders: Orders, type_: dict[str, Any], value: Any, suffix: str, stored: Any
) -> None:
    types = {n: {} for n in ("id", "amount")}
    orders.load([ID, column("amount")], {"id": 1, "amount": "old"}, types=types)
    for number in (2, 3):
        run = orders.load([ID, type_], {"id": number, "amount": value}, types=types, version="2.0.0", **VARIANT)
        name = f"amount__v_{suffix}"
        assert f"new values go to column '{name}', and 'amount' is null in new rows" in run.log
    rows = orders.rows()
    assert [(r["id"], r["amount"]) for r in rows] == [(1, "old"), (2, None), (3, None)]
    assert [str(r[name]) for r in rows] == ["None", str(stored), str(stored)]
    assert list(orders.fields()) == ["id", "amount", name]
    assert not orders.fields()[name]["required"]


def test_the_variant_of_json_is_text(orders: Orders) -> None:
    orders.load([ID, AMOUNT], {"id": 1, "amount": 5}, types={n: {} for n in ("id", "amount")})
    columns = [ID, column("amount", "object")]
    orders.load(
        columns, {"id": 2, "amount": {"a": 1}}, types={n: {} for n in ("id", "amount")}, version="2.0.0", **VARIANT
    )
    assert orders.rows() == [
        {"id": 1, "amount": 5, "amount__v_string": None},
        {"id": 2, "amount": None, "amount__v_string": '{"a": 1}'},
    ]


def test_the_contract_may_choose_and_may_go_back(orders: Orders) -> None:
    own = {"customProperties": [{"property": "dativo.onIncompatible", "value": "variant_column"}]}
    orders.load([ID, NAME], {"id": 1, "name": "a"})
    orders.load([ID, LONG], {"id": 2, "name": 5}, version="2.0.0", types={n: {} for n in ("id", "name")}, document=own)
    run = orders.load([ID, NAME], {"id": 3, "name": "c"}, version="3.0.0")
    assert [(r["name"], r["name__v_long"]) for r in orders.rows()] == [("a", None), (None, 5), ("c", None)]
    assert "does not have columns" not in run.log
    wrong = {"customProperties": [{"property": "dativo.onIncompatible", "value": "variant_colum"}]}
    run = orders.load([ID, NAME], version="4.0.0", document=wrong, code=1)
    assert "dativo.onIncompatible has an unknown value" in run.log
    assert "variant_column" in run.log


@pytest.mark.parametrize("policy", ["strict", "merge"])
def test_a_required_column_is_relaxed_for_its_variant_unless_strict(orders: Orders, policy: str) -> None:
    orders.load([ID, NEEDED], {"id": 1, "name": "a"})
    types = {n: {} for n in ("id", "name")}
    columns = [ID, column("name", "integer", required=True)]
    records = [{"id": 2, "name": 5}, {"id": 3}]
    settings = VARIANT | {"evolution": policy, "on_violation": "quarantine"}
    run = orders.load(columns, *records, version="2.0.0", types=types, code=int(policy == "strict"), **settings)
    if policy == "strict":
        assert "ALTER TABLE default.orders ALTER COLUMN name DROP NOT NULL" in run.log
        assert orders.rows() == [{"id": 1, "name": "a"}]
        return
    assert orders.rows() == [
        {"id": 1, "name": "a", "name__v_long": None},
        {"id": 2, "name": None, "name__v_long": 5},
    ]
    assert run.stream("orders")["by_rule"] == {"orders.name.required": 1}
    assert orders.properties()["contract.required.name__v_long"] == "true"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([ID], [column("id", primaryKey=True, required=True)], "a key has no variant column"),
        (
            [ID, column("who", "object", properties=[NAME])],
            [ID, column("who", "object", properties=[LONG])],
            "column who.name: the table has string, the contract long; members of a column have no variant column",
        ),
        (
            [ID, NAME],
            [ID, LONG, column("name__v_long", "integer")],
            "the contract has a column 'name__v_long' of its own",
        ),
        (
            [ID, NAME],
            [ID, column("name", "integer", partitioned=True, partitionKeyPosition=1)],
            "a column of the partitioning has no variant column",
        ),
    ],
)
def test_what_has_no_variant_column(orders: Orders, before: Any, after: Any, said: str) -> None:
    types = {n: {} for n in ("id", "name", "who")}
    orders.load(before, {"id": 1}, types=types)
    pointers = orders.tables.pointers()
    run = orders.load(after, version="2.0.0", types=types, code=1, **VARIANT)
    assert said in run.log
    assert orders.tables.pointers() == pointers


def test_a_variant_column_follows_the_rules_of_columns(orders: Orders) -> None:
    types = {n: {} for n in ("id", "name")}
    orders.load([ID, NAME], {"id": 1, "name": "a"})
    for version, members in (("2.0.0", [INT]), ("3.0.0", [AMOUNT, column("last")])):
        columns = [ID, column("name", "object", properties=members)]
        orders.load(columns, {"id": int(version[0]), "name": {"amount": 5}}, types=types, version=version, **VARIANT)
    assert [r["name__v_struct"] for r in orders.rows()] == [
        None,
        {"amount": 5, "last": None},
        {"amount": 5, "last": None},
    ]


def test_quarantined_records_of_a_variant_column_are_replayed_into_it(
    orders: Orders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types = {n: {} for n in ("id", "name")}
    orders.load([ID, NAME], {"id": 1, "name": "a"})
    bounded = [ID, column("name", "integer", logicalTypeOptions={"maximum": 5})]
    settings = VARIANT | {"on_violation": "quarantine"}
    run = orders.load(bounded, {"id": 2, "name": 9}, version="2.0.0", types=types, **settings)
    assert run.stream("orders")["quarantined"] == 1
    assert _replay(orders, [ID, LONG], "2.1.0", **VARIANT) == 0
    assert orders.rows()[1:] == [{"id": 2, "name": None, "name__v_long": 9}]


def _replay(orders: Orders, columns: list[dict[str, Any]], version: str, table: str = "orders", **settings: Any) -> int:
    config = orders.folder / "replay.json"
    path = orders.contract(columns, version)
    config.write_text(json.dumps({"warehouse": str(orders.folder / "warehouse"), "contract_path": path} | settings))
    return replay(["--config", str(config), "--table", f"default.{table}", "--json"])


def test_the_plan_names_the_variant_column(desk: Desk) -> None:
    desk.table([ID, NAME])
    path = desk.contract([ID, LONG], "2.0.0")
    words = ["--json", *desk.catalog(shape("id", "name"))]
    code, out = desk.plan(*words, contract_path=path, **VARIANT)
    stream = json.loads(out)["streams"][0]
    assert (code, stream["columns"]) == (0, {"name": "name__v_long"})
    assert [(c["step"], c["column"], c["to"]) for c in stream["changes"]] == [("add_column", "name__v_long", "long")]


def test_quality_checks_of_the_table_look_at_the_variant_column(orders: Orders) -> None:
    types = {n: {} for n in ("id", "name")}
    orders.load([ID, NAME], {"id": 1, "name": "a"})
    check = {"name": "many", "metric": "nullValues", "mustBeLessThan": 1}
    check["customProperties"] = [{"property": "dativo.scope", "value": "table"}]
    columns = [ID, column("name", "integer", quality=[check])]
    orders.load(columns, {"id": 2, "name": 5}, version="2.0.0", types=types, **VARIANT)
    path = orders.contract(columns, "2.0.0")
    settings = parse({"warehouse": str(orders.folder / "warehouse"), "contract_path": path} | VARIANT)
    streams = Streams(settings, Contracts(settings, contracts(path)), orders.folder)
    stream = streams.open(Schema("orders", {"properties": types}, ("id",)), None)
    assert stream.ordered.table_checks
    found = stream.audit(published(open_store(settings)))
    assert len(found) == 1
    assert "many" in found[0]
    assert "1 rows" in found[0]  # the old row, whose value stays in the column of its type


# ---- the next table ----


def test_rows_that_a_table_cannot_take_go_to_the_next_one(orders: Orders) -> None:
    types = {n: {} for n in ("id", "name")}
    settings = NEXT | {"on_violation": "quarantine", "job_id": "j"}
    orders.load([ID, NAME], {"id": 1, "name": "a"}, **settings)
    for number, version in ((2, "2.0.0"), (3, "2.1.0")):
        columns = [ID, LONG, *([AMOUNT] if number == 3 else [])]
        records = [{"id": number, "name": 5}, {"id": 9, "name": "b"}]
        run = orders.load(columns, *records, version=version, types=types | {"amount": {}}, **settings)
        assert "column name: the table has string, the contract long; the rows of 'orders' go to" in run.log
        stream = run.stream("orders")
        assert (stream["table"], stream["good"], stream["quarantined"]) == ("default.orders_v2", 1, 1)
        assert stream["snapshot_id"] is not None
    assert orders.rows() == [{"id": 1, "name": "a"}]
    assert orders.rows("orders_v2") == [{"id": 2, "name": 5, "amount": None}, {"id": 3, "name": 5, "amount": None}]
    assert orders.tables.count("orders_v2__quarantine") == 2
    assert orders.tables.count("orders__quarantine") == 0
    checkpoint = json.loads(orders.metadata("orders_v2")["properties"]["dativo.checkpoint.j"])
    assert checkpoint["run_id"] != json.loads(orders.metadata()["properties"]["dativo.checkpoint.j"])["run_id"]
    orders.load([ID, NAME], {"id": 4, "name": "d"}, version="3.0.0", **settings)
    assert orders.rows()[1:] == [{"id": 4, "name": "d"}]


def test_a_next_table_that_cannot_take_them_either_is_an_error(orders: Orders) -> None:
    types = {n: {} for n in ("id", "name")}
    orders.load([ID, NAME], {"id": 1, "name": "a"}, **NEXT)
    orders.load([ID, LONG], {"id": 2, "name": 5}, version="2.0.0", types=types, **NEXT)
    run = orders.load([ID, column("name", "date")], version="2.1.0", types=types, code=1, **NEXT)
    assert "table default.orders_v2 cannot take the rows of 'orders': column name: the table has long" in run.log
    assert "raise the first number of the contract's version" in run.log


def test_without_a_version_there_is_no_next_table(orders: Orders) -> None:
    orders.load(None, {"id": 1, "name": "a"}, types={"id": {"type": "integer"}, "name": {"type": "string"}})
    types = {"id": {"type": "integer"}, "name": {"type": "integer"}}
    run = orders.load(None, {"id": 2, "name": 5}, types=types, code=1, **NEXT)
    assert "names the other table by the contract's version, and it has none" in run.log
    assert orders.rows() == [{"id": 1, "name": "a"}]


def test_two_streams_never_share_the_next_table(orders: Orders, load: Load, tables: Tables) -> None:
    orders.load([ID, NAME], {"id": 1, "name": "a"})
    path = orders.contract([ID, LONG], "2.0.0")
    other = orders.schema({"id": {"type": "integer"}}) | {"stream": "orders_v2"}
    run = load([orders.schema({n: {} for n in ("id", "name")}), other], contract_path=path, code=1, **NEXT)
    assert "both go to table 'default.orders_v2'" in run.log.replace('"', "'")
    assert set(tables.pointers()) == {"default.orders"}


def test_the_plan_and_the_replay_name_the_next_table(
    orders: Orders, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    types = {n: {} for n in ("id", "name")}
    bounded = [ID, column("name", logicalTypeOptions={"maxLength": 1})]
    orders.load(bounded, {"id": 1, "name": "a"}, {"id": 2, "name": "77"}, on_violation="quarantine")
    path = orders.contract([ID, LONG], "2.0.0")
    words = desk.catalog(shape("id", "name"))
    (desk.folder / "catalog.json").write_text((desk.folder / "catalog.json").read_text().replace('"t"', '"orders"'))
    code, out = desk.plan(*words, contract_path=path, **NEXT)
    assert code == 0
    assert "stream orders into table default.orders_v2 (contract orders 2.0.0)\n  create the table with" in out
    assert "the rows of 'orders' go to table default.orders_v2" in out
    assert _replay(orders, [ID, LONG], "2.0.0", **NEXT) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["table"], report["quarantine"]) == ("default.orders_v2", "default.orders__quarantine")
    assert orders.rows("orders_v2") == [{"id": 2, "name": 77}]
    assert orders.rows() == [{"id": 1, "name": "a"}]
    assert types

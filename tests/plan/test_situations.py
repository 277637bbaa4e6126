"""The situations of an evolution, by number, each loaded through the target and read back from the table.

The ways out of 8 are in test_incompatible, 21 is in test_rivals; 16, another partitioning, has tests of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Load
from tests.plan.conftest import ID, column
from tests.readback import Tables
from tests.target.running import Ended

POLICIES = ("strict", "merge", "relaxed")
TYPES: dict[str, Any] = {
    "id": {"type": "integer"},
    "name": {"type": ["null", "string"]},
    "amount": {"type": ["null", "number"]},
    "extra": {"type": ["null", "string"]},
}
AMOUNT = column("amount", "integer")
INT = column("amount", "integer", logicalTypeOptions={"format": "i32"})
NAME = column("name")
NEEDED = column("name", required=True)


@dataclass
class Orders:
    """Stream and table `orders`: loads under contracts."""

    folder: Path
    run: Load
    tables: Tables

    def load(
        self,
        columns: Sequence[Mapping[str, Any]] | None,
        *records: Mapping[str, Any],
        version: str = "1.0.0",
        code: int = 0,
        types: Mapping[str, Any] = TYPES,
        keys: Sequence[str] = ("id",),
        document: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Ended:
        """Load records under a contract, or under none."""
        if columns is not None:
            settings["contract_path"] = self.contract(columns, version, **(document or {}))
        return self.run([self.schema(types, keys), *map(self.record, records)], code=code, **settings)

    def contract(self, columns: Sequence[Mapping[str, Any]], version: str, **document: Any) -> str:
        path = self.folder / f"{version}.json"
        head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "orders", "version": version, "status": "active"}
        schema = [{"name": "orders", "logicalType": "object", "properties": list(columns)}]
        path.write_text(json.dumps(head | {"schema": schema} | document))
        return str(path)

    @staticmethod
    def schema(types: Mapping[str, Any] = TYPES, keys: Sequence[str] = ("id",)) -> dict[str, Any]:
        return {"type": "SCHEMA", "stream": "orders", "key_properties": list(keys), "schema": {"properties": types}}

    @staticmethod
    def record(members: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": "RECORD", "stream": "orders", "record": dict(members)}

    def rows(self, table: str = "orders") -> list[dict[str, Any]]:
        return self.tables.rows(table, "id")

    def metadata(self, table: str = "orders") -> dict[str, Any]:
        found = json.loads(Path(self.tables.pointers()[f"default.{table}"].removeprefix("file://")).read_text())
        return dict(found)

    def properties(self) -> dict[str, str]:
        return dict(self.metadata()["properties"])

    def fields(self, table: str = "orders") -> dict[str, Any]:
        """Columns of the table's current schema by name."""
        metadata = self.metadata(table)
        schema = next(s for s in metadata["schemas"] if s["schema-id"] == metadata["current-schema-id"])
        return {f["name"]: f for f in schema["fields"]}

    def identifiers(self) -> list[str]:
        metadata = self.metadata()
        schema = next(s for s in metadata["schemas"] if s["schema-id"] == metadata["current-schema-id"])
        return [f["name"] for f in schema["fields"] if f["id"] in schema.get("identifier-field-ids", ())]


@pytest.fixture
def orders(load: Load, tables: Tables, tmp_path: Path) -> Orders:
    return Orders(tmp_path, load, tables)


# ---- 1 to 5: who has the column ----


def test_01_a_new_table_is_made_from_the_contract(orders: Orders) -> None:
    columns = [ID, column("name", required=True, description="who", id="who"), AMOUNT]
    orders.load(columns, {"id": 1, "name": "a", "amount": 5, "extra": "x"})
    assert orders.rows() == [{"id": 1, "name": "a", "amount": 5}]
    fields = orders.fields()
    assert [(f["name"], f["type"], f["required"]) for f in fields.values()] == [
        ("id", "long", True),
        ("name", "string", True),
        ("amount", "long", False),
    ]
    assert fields["name"]["doc"] == "who"
    assert orders.identifiers() == ["id"]
    found = orders.properties()
    assert (found["contract.id"], found["contract.version"]) == ("orders", "1.0.0")
    assert json.loads(found["contract.field-ids"]) == {"who": "name"}


@pytest.mark.parametrize("require", [False, True])
def test_01_without_a_contract_the_schema_makes_the_table_unless_one_is_required(orders: Orders, require: bool) -> None:
    other = orders.contract([ID], "1.0.0", schema=[{"name": "other", "properties": [ID]}])
    run = orders.load(None, {"id": 1, "name": "a"}, code=int(require), contract_path=other, require_contract=require)
    if require:
        assert "no contract covers stream 'orders'" in run.log
        assert orders.tables.count("orders") == 0
    else:
        assert "its SCHEMA is the contract" in run.log
        assert orders.rows() == [{"id": 1, "name": "a", "amount": None, "extra": None}]


def test_02_a_column_that_the_schema_lacks_is_null_or_fails_before_any_row(orders: Orders) -> None:
    run = orders.load([ID, column("later")], {"id": 1}, {"id": 2})
    assert orders.rows() == [{"id": 1, "later": None}, {"id": 2, "later": None}]
    assert run.log.count("lacks ['later']") == 1
    run = orders.load([ID, column("later", required=True)], {"id": 3}, version="2.0.0", code=1)
    assert "the contract requires 'later', which the SCHEMA does not have" in run.log
    assert orders.tables.count("orders") == 2


@pytest.mark.parametrize("types", [{}, {"alpha": {"type": "string"}}])
def test_02_a_schema_with_none_of_the_columns_fails_before_any_row(orders: Orders, types: dict[str, Any]) -> None:
    """What tap-csv sends of a file whose header has no column of the contract must not become a table of nulls."""
    run = orders.load([column("id"), column("name")], {}, types=types, keys=(), code=1)
    assert "stream 'orders': the SCHEMA has none of the contract's columns: every row would be null" in run.log
    assert orders.tables.count("orders") == 0


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"evolution": "strict"}, {}),
        ({"evolution": "merge"}, {}),
        ({"evolution": "merge", "on_violation": "quarantine"}, {"_rescued_data": '{"extra":"x"}'}),
        ({"evolution": "merge", "on_violation": {"unknown_field": "evolve"}}, {"amount": None, "extra": "x"}),
        ({"evolution": "relaxed"}, {"amount": None, "extra": "x"}),
    ],
)
def test_03_a_column_that_only_the_schema_has(orders: Orders, settings: dict[str, Any], kept: dict[str, Any]) -> None:
    run = orders.load([ID, NAME], {"id": 1, "name": "a", "extra": "x"}, **settings)
    assert orders.rows() == [{"id": 1, "name": "a"} | kept]
    assert run.log.count("'extra'") == ("extra" not in kept)


def test_03_a_column_that_only_the_schema_has_may_be_refused(orders: Orders) -> None:
    run = orders.load([ID, NAME], {"id": 1, "extra": "x"}, on_violation={"unknown_field": "fail"}, code=1)
    assert "$.extra is not in the contract" in run.log
    assert orders.tables.count("orders") == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_04_a_column_that_only_the_table_has_stays_and_is_null(orders: Orders, policy: str) -> None:
    types = {"id": {"type": "integer"}}
    orders.load([ID, NEEDED], {"id": 1, "name": "a"})
    run = orders.load([ID], {"id": 2}, types=types, version="2.0.0", evolution=policy, code=int(policy == "strict"))
    if policy == "strict":
        assert "ALTER TABLE default.orders ALTER COLUMN name DROP NOT NULL" in run.log
        assert orders.rows() == [{"id": 1, "name": "a"}]
    else:
        assert orders.rows() == [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
        assert not orders.fields()["name"]["required"]


def test_05_a_column_dropped_from_the_contract_stays_and_is_not_written(orders: Orders) -> None:
    orders.load([ID, NAME], {"id": 1, "name": "a"})
    run = orders.load([ID], {"id": 2, "name": "b"}, version="2.0.0")
    assert orders.rows() == [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
    assert "the contract does not have columns ['name'] of the table" in run.log


def test_05_a_deprecated_column_is_written_with_a_warning(orders: Orders) -> None:
    orders.load([ID, NAME], {"id": 1, "name": "a"})
    columns = [ID, column("name", deprecated=True)]
    run = orders.load(columns, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}, version="1.1.0")
    assert [row["name"] for row in orders.rows()] == ["a", "b", "c"]
    assert run.log.count("columns ['name'] are deprecated") == 1


# ---- 6 to 9: the column's type ----


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_06_a_wider_type_is_promoted(orders: Orders, policy: str, version: str) -> None:
    types = {"id": {"type": "integer"}, "amount": {"type": "integer"}}
    orders.load([ID, INT], {"id": 1, "amount": 5}, types=types)
    refused = policy == "strict" and version == "1.0.0"
    run = orders.load(
        [ID, AMOUNT], {"id": 2, "amount": 2**40}, types=types, version=version, evolution=policy, code=int(refused)
    )
    if refused:
        assert "widening needs a higher version of the contract or evolution 'merge'" in run.log
        assert orders.rows() == [{"id": 1, "amount": 5}]
    else:
        assert orders.rows() == [{"id": 1, "amount": 5}, {"id": 2, "amount": 2**40}]
        assert orders.fields()["amount"]["type"] == "long"
        assert ("widened without a higher version" in run.log) is (version == "1.0.0")


def test_07_a_narrower_type_keeps_the_column_and_bounds_new_values(orders: Orders) -> None:
    orders.load([ID, AMOUNT], {"id": 1, "amount": 2**40})
    records = [{"id": 2, "amount": 7}, {"id": 3, "amount": 2**40}]
    run = orders.load([ID, INT], *records, version="2.0.0", on_violation="quarantine")
    assert orders.rows() == [{"id": 1, "amount": 2**40}, {"id": 2, "amount": 7}]
    assert run.stream("orders")["quarantined"] == 1
    assert "the table has long, the contract int; the column stays as it is" in run.log


def test_08_incompatible_types_fail_before_any_row(orders: Orders) -> None:
    two, four, more = (column("amount", "number", physicalType=f"DECIMAL({t})") for t in ("10,2", "18,4", "18,2"))
    orders.load([ID, NAME, two], {"id": 1, "name": "a", "amount": 1.25})
    for wrong in ([ID, NAME, four], [ID, column("name", "boolean"), two]):
        run = orders.load(wrong, {"id": 2, "name": "true", "amount": 1.25}, version="2.0.0", code=1)
        assert "set on_incompatible to new_table or variant_column" in run.log
    assert "column name: the table has string, the contract boolean" in run.log
    assert orders.tables.count("orders") == 1
    orders.load([ID, NAME, more], {"id": 2, "name": "true", "amount": 1.25}, version="2.0.0")
    assert orders.tables.count("orders") == 2


def test_09_types_that_differ_are_coerced_or_fail_at_schema_time(orders: Orders) -> None:
    orders.load([ID, AMOUNT, NAME], {"id": "1", "amount": "7", "name": 5}, types={n: {} for n in TYPES})
    assert orders.rows() == [{"id": 1, "amount": 7, "name": "5"}]
    for type_ in ("object", "array"):
        run = orders.load([ID, AMOUNT], types=TYPES | {"amount": {"type": ["null", type_]}}, code=1)
        assert f"column 'amount' is integer in the contract and {type_} in the SCHEMA" in run.log


# ---- 10 to 12: whether it may be null ----


def test_10_a_column_required_by_the_contract_only_is_enforced_on_new_rows_and_recorded(orders: Orders) -> None:
    orders.load([ID, NAME], {"id": 1})
    run = orders.load([ID, NEEDED], {"id": 2, "name": "b"}, {"id": 3}, version="1.1.0", on_violation="quarantine")
    assert orders.rows() == [{"id": 1, "name": None}, {"id": 2, "name": "b"}]
    assert run.stream("orders")["by_rule"] == {"orders.name.required": 1}
    assert not orders.fields()["name"]["required"]
    required = {k for k in orders.properties() if k.startswith("contract.required.")}
    assert required == {"contract.required.name"}
    orders.load([ID, NAME], {"id": 4}, version="2.0.0")
    assert not any(k.startswith("contract.required.") for k in orders.properties())


def test_11_a_new_required_column_is_optional_in_the_table_and_enforced_on_new_rows(orders: Orders) -> None:
    orders.load([ID], {"id": 1})
    run = orders.load([ID, NEEDED], {"id": 2, "name": "b"}, {"id": 3}, version="1.1.0", on_violation="quarantine")
    assert orders.rows() == [{"id": 1, "name": None}, {"id": 2, "name": "b"}]
    assert run.stream("orders")["by_rule"] == {"orders.name.required": 1}
    assert not orders.fields()["name"]["required"]
    assert orders.properties()["contract.required.name"] == "true"


@pytest.mark.parametrize("policy", POLICIES)
def test_12_a_column_required_by_the_table_only_is_relaxed_unless_strict(orders: Orders, policy: str) -> None:
    orders.load([ID, NEEDED], {"id": 1, "name": "a"})
    run = orders.load([ID, NAME], {"id": 2}, version="2.0.0", evolution=policy, code=int(policy == "strict"))
    if policy == "strict":
        assert "ALTER TABLE default.orders ALTER COLUMN name DROP NOT NULL" in run.log
        assert orders.rows() == [{"id": 1, "name": "a"}]
    else:
        rest = {} if policy == "merge" else {"amount": None, "extra": None}
        assert [row["name"] for row in orders.rows()] == ["a", None]
        assert orders.rows()[1] == {"id": 2, "name": None} | rest


# ---- 13 to 15: keys, names, members ----


def test_13_the_contracts_key_wins_and_only_a_major_version_changes_it(orders: Orders) -> None:
    number, text = column("id", "integer", required=True), column("name", primaryKey=True, required=True)
    run = orders.load([ID, NEEDED], {"id": 1, "name": "a"}, keys=["name"])
    assert "key_properties differ from the contract's primary key, which is used" in run.log
    assert orders.identifiers() == ["id"]
    run = orders.load([number, text], {"id": 2, "name": "b"}, version="1.1.0", code=1)
    assert "the table's key is (id), the contract's (name); that needs a higher major version" in run.log
    orders.load([number, text], {"id": 2, "name": "b"}, version="2.0.0")
    assert orders.identifiers() == ["name"]
    assert [row["id"] for row in orders.rows()] == [1, 2]


def test_13_without_a_key_in_the_contract_the_schemas_is_used(orders: Orders) -> None:
    orders.load([column("id", "integer"), NAME], {"id": 1, "name": "a"})
    assert orders.identifiers() == ["id"]
    run = orders.load([column("id", "integer"), NAME], {"id": None, "name": "b"}, code=1)
    assert "$.id" in run.log


def test_13_a_new_key_of_columns_that_may_be_null_leaves_the_table_without_identifiers(orders: Orders) -> None:
    orders.load([ID, NAME], {"id": 1})
    columns = [column("id", "integer"), column("name", primaryKey=True, required=True)]
    run = orders.load(columns, {"name": "b"}, version="2.0.0", keys=[])
    assert orders.identifiers() == []
    assert "so it has no identifier fields" in run.log
    assert orders.tables.rows("orders", "id NULLS LAST") == [{"id": 1, "name": None}, {"id": None, "name": "b"}]


@pytest.mark.parametrize("policy", POLICIES)
def test_14_a_stable_id_renames_the_column_unless_strict(orders: Orders, policy: str) -> None:
    columns, renamed = [ID, column("amount", "integer", id="a1", **_i32())], [ID, column("total", "integer", id="a1")]
    types = {"id": {"type": "integer"}, "amount": {"type": "integer"}}
    orders.load(columns, {"id": 1, "amount": 5}, types=types)
    types = {"id": {"type": "integer"}, "total": {"type": "integer"}}
    run = orders.load(renamed, {"id": 2, "total": 2**40}, version="2.0.0", types=types, evolution=policy)
    if policy == "strict":
        assert "column 'amount' is called 'total' now; renaming needs evolution 'merge'" in run.log
        assert orders.rows() == [{"id": 1, "amount": 5, "total": None}, {"id": 2, "amount": None, "total": 2**40}]
    else:
        assert orders.rows() == [{"id": 1, "total": 5}, {"id": 2, "total": 2**40}]


def _i32() -> dict[str, Any]:
    return {"logicalTypeOptions": {"format": "i32"}}


def test_14_a_rename_without_id_is_a_new_column_and_an_orphan(orders: Orders) -> None:
    orders.load([ID, NAME], {"id": 1, "name": "a"})
    orders.load([ID, column("extra")], {"id": 2, "extra": "b"}, version="2.0.0")
    assert orders.rows() == [{"id": 1, "name": "a", "extra": None}, {"id": 2, "name": None, "extra": "b"}]


def _nested(first: str, amount: dict[str, Any], *more: dict[str, Any]) -> list[dict[str, Any]]:
    """An object, a list of objects and a map of objects, all with the same members."""
    members = [column(first, id="f1"), amount, *more]
    item = {"logicalType": "object", "properties": members}
    value = {"key": {"logicalType": "string"}, "value": item}
    return [
        ID,
        column("who", "object", properties=members),
        column("list", "array", items=item),
        column("map", "map", map=value),
    ]


def test_15_members_follow_the_same_rules(orders: Orders) -> None:
    """In a struct, a list and a map: a member is added, one is widened, one renamed by its id, one relaxed."""
    types = {"id": {"type": "integer"}} | {n: {} for n in ("who", "list", "map")}

    def record(number: int, **member: Any) -> dict[str, Any]:
        return {"id": number, "who": member, "list": [member], "map": {"k": member}}

    orders.load(_nested("first", {**INT, "required": True}), record(1, first="a", amount=5), types=types)
    wider = _nested("called", AMOUNT, column("last"))
    orders.load(wider, record(2, called="b", last="c"), version="2.0.0", types=types)
    was = {"called": "a", "amount": 5, "last": None}
    new = {"called": "b", "amount": None, "last": "c"}
    assert [(r["who"], r["list"], r["map"]) for r in orders.rows()] == [
        (was, [was], {"k": was}),
        (new, [new], {"k": new}),
    ]
    assert orders.fields()["who"]["type"]["fields"][1]["type"] == "long"


def test_15_keys_of_a_map_never_change(orders: Orders) -> None:
    def columns(key: str) -> list[dict[str, Any]]:
        return [ID, column("map", "map", map={"key": {"logicalType": key}, "value": {"logicalType": "string"}})]

    types = {"id": {"type": "integer"}, "map": {}}
    orders.load(columns("string"), {"id": 1, "map": {"1": "a"}}, types=types)
    run = orders.load(columns("integer"), {"id": 2, "map": {"2": "b"}}, version="2.0.0", types=types, code=1)
    assert "column map: keys of a map never change" in run.log
    assert orders.tables.count("orders") == 1


# ---- 17 to 20: names, SCHEMA, versions, status ----


def test_17_names_that_differ_only_by_case_are_refused(orders: Orders) -> None:
    run = orders.load([ID, NAME, column("Name")], {"id": 1}, code=1)
    assert "differs from the one on line" in run.log
    orders.load([ID, NAME], {"id": 1, "name": "a"})
    run = orders.load([ID, column("Name")], {"id": 2}, version="2.0.0", code=1)
    assert "the table has 'name', which differs only by case" in run.log
    assert orders.rows() == [{"id": 1, "name": "a"}]


def test_18_a_schema_that_changes_mid_stream_goes_on_in_the_same_commit(orders: Orders) -> None:
    wider = orders.schema(TYPES | {"more": {"type": "string"}})
    run = orders.run([orders.schema(), orders.record({"id": 1}), wider, orders.record({"id": 2, "more": "m"})])
    assert [(r["id"], r["more"]) for r in orders.rows()] == [(1, None), (2, "m")]
    assert run.report["epochs"] == 1


def test_19_an_older_contract_than_the_tables_is_refused(orders: Orders) -> None:
    orders.load([ID], {"id": 1}, version="2.0.0")
    run = orders.load([ID], {"id": 2}, version="1.9.0", code=1)
    assert "the table was written by version 2.0.0 of the contract, this is 1.9.0" in run.log
    assert orders.rows() == [{"id": 1}]


@pytest.mark.parametrize("policy", ["warn", "fail"])
def test_19_a_contract_changed_under_the_same_version(orders: Orders, policy: str) -> None:
    orders.load([ID], {"id": 1})
    run = orders.load([ID, NAME], {"id": 2}, contract_version_policy=policy, code=int(policy == "fail"))
    assert "the contract changed under the same version 1.0.0" in run.log
    assert orders.tables.count("orders") == (1 if policy == "fail" else 2)


@pytest.mark.parametrize("policy", ["warn", "fail"])
def test_19_a_change_that_breaks_readers_needs_a_major_version(orders: Orders, policy: str) -> None:
    orders.load([ID, NEEDED, INT], {"id": 1, "name": "a"})
    broken = [ID, NAME]
    run = orders.load(broken, {"id": 2}, version="1.1.0", contract_version_policy=policy, code=int(policy == "fail"))
    reasons = "'name' may be null now; 'amount' is gone; that needs a higher major version"
    assert f"version 1.1.0 of the contract breaks readers of version 1.0.0: {reasons}" in run.log
    assert orders.tables.count("orders") == (1 if policy == "fail" else 2)
    run = orders.load(broken, {"id": 3}, version="2.0.0", contract_version_policy="fail")
    assert "breaks readers" not in run.log


@pytest.mark.parametrize(
    ("status", "require", "code"),
    [
        ("draft", False, 0),
        ("draft", True, 1),
        ("proposed", True, 1),
        ("deprecated", True, 0),
        ("retired", False, 1),
        ("active", True, 0),
    ],
)
def test_20_the_contracts_status(orders: Orders, status: str, require: bool, code: int) -> None:
    run = orders.load([ID], {"id": 1}, document={"status": status}, require_active=require, code=code)
    assert ("status '" + status in run.log) is (status != "active")
    assert orders.tables.count("orders") == 1 - code

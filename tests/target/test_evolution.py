"""Contract against table, on real tables: the situations of an evolution, each read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Load
from tests.readback import Tables

SCHEMA = {
    "type": "SCHEMA",
    "stream": "orders",
    "key_properties": ["id"],
    "schema": {
        "properties": {
            "id": {"type": "integer"},
            "name": {"type": ["null", "string"]},
            "amount": {"type": ["null", "number"]},
            "extra": {"type": ["null", "string"]},
        }
    },
}


def _contract(folder: Path, properties: list[dict[str, Any]], version: str = "1.0.0", **document: Any) -> str:
    import yaml

    path = folder / "orders.yaml"
    base = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "orders", "version": version, "status": "active"}
    schema = [{"name": "orders", "physicalName": "orders", "logicalType": "object", "properties": properties}]
    path.write_text(yaml.safe_dump({**base, **document, "schema": schema}))
    return str(path)


def _p(name: str, logical: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "logicalType": logical, **more}


ID = _p("id", "integer", primaryKey=True, primaryKeyPosition=1, required=True)
I32 = {"logicalTypeOptions": {"format": "i32"}}


def _rows(*records: dict[str, Any]) -> list[dict[str, Any]]:
    return [SCHEMA, *({"type": "RECORD", "stream": "orders", "record": r} for r in records)]


def test_a_new_table_is_made_from_the_contract(load: Load, tables: Tables, tmp_path: Path) -> None:
    contract = _contract(tmp_path, [ID, _p("name", required=True, description="who")])
    load(_rows({"id": 1, "name": "a"}), contract_path=contract)
    assert tables.rows("orders") == [{"id": 1, "name": "a"}]


def test_a_column_that_only_the_contract_has_is_null(load: Load, tables: Tables, tmp_path: Path) -> None:
    run = load(_rows({"id": 1}), contract_path=_contract(tmp_path, [ID, _p("later")]))
    assert tables.rows("orders") == [{"id": 1, "later": None}]
    assert "lacks ['later']" in run.log


def test_a_required_column_that_the_schema_lacks_fails_before_any_row(
    load: Load, tables: Tables, tmp_path: Path
) -> None:
    run = load(_rows({"id": 1}), contract_path=_contract(tmp_path, [ID, _p("later", required=True)]), code=1)
    assert "the contract requires 'later'" in run.log
    assert tables.pointers() == {}


def test_a_column_that_only_the_schema_has_is_dropped_with_one_warning(
    load: Load, tables: Tables, tmp_path: Path
) -> None:
    run = load(_rows({"id": 1, "extra": "x"}, {"id": 2, "extra": "y"}), contract_path=_contract(tmp_path, [ID]))
    assert tables.rows("orders", "id") == [{"id": 1}, {"id": 2}]
    assert run.log.count("'extra'") == 1


def test_relaxed_adds_a_column_that_only_the_schema_has(load: Load, tables: Tables, tmp_path: Path) -> None:
    load(_rows({"id": 1, "extra": "x"}), contract_path=_contract(tmp_path, [ID]), evolution="relaxed")
    assert tables.rows("orders") == [{"id": 1, "name": None, "amount": None, "extra": "x"}][:0] or tables.rows(
        "orders"
    ) == [{"id": 1, "name": None, "amount": None, "extra": "x"}]


def test_a_column_dropped_from_the_contract_stays_and_is_null(load: Load, tables: Tables, tmp_path: Path) -> None:
    load(_rows({"id": 1, "name": "a"}), contract_path=_contract(tmp_path, [ID, _p("name")]))
    load(_rows({"id": 2, "name": "b"}), contract_path=_contract(tmp_path, [ID], "1.1.0"))
    assert tables.rows("orders", "id") == [{"id": 1, "name": "a"}, {"id": 2, "name": None}]


@pytest.mark.parametrize(("policy", "code"), [("strict", 1), ("merge", 0), ("relaxed", 0)])
def test_a_required_column_of_the_table_is_relaxed_unless_strict(
    load: Load, tables: Tables, tmp_path: Path, policy: str, code: int
) -> None:
    load(_rows({"id": 1, "name": "a"}), contract_path=_contract(tmp_path, [ID, _p("name", required=True)]))
    run = load(
        _rows({"id": 2}), contract_path=_contract(tmp_path, [ID, _p("name")], "1.1.0"), evolution=policy, code=code
    )
    assert tables.count("orders") == (2 if code == 0 else 1)
    assert ("evolution 'merge'" in run.log) is (code == 1)


def test_a_wider_type_is_promoted_with_a_higher_version_even_when_strict(
    load: Load, tables: Tables, tmp_path: Path
) -> None:
    load(_rows({"id": 1, "amount": 5}), contract_path=_contract(tmp_path, [ID, _p("amount", "integer", **I32)]))
    wider = _contract(tmp_path, [ID, _p("amount", "integer")], "2.0.0")
    load(_rows({"id": 2, "amount": 2**40}), contract_path=wider, evolution="strict")
    assert tables.rows("orders", "id") == [{"id": 1, "amount": 5}, {"id": 2, "amount": 2**40}]


def test_a_wider_type_under_the_same_version_fails_when_strict(load: Load, tables: Tables, tmp_path: Path) -> None:
    load(_rows({"id": 1, "amount": 5}), contract_path=_contract(tmp_path, [ID, _p("amount", "integer", **I32)]))
    wider = _contract(tmp_path, [ID, _p("amount", "integer")])
    run = load(_rows({"id": 2, "amount": 2**40}), contract_path=wider, evolution="strict", code=1)
    assert "widening needs a higher version" in run.log
    assert tables.count("orders") == 1


def test_a_narrower_contract_keeps_the_wider_column_and_enforces_its_bounds(
    load: Load, tables: Tables, tmp_path: Path
) -> None:
    load(_rows({"id": 1, "amount": 2**40}), contract_path=_contract(tmp_path, [ID, _p("amount", "integer")]))
    narrow = _contract(tmp_path, [ID, _p("amount", "integer", **I32)], "2.0.0")
    run = load(
        _rows({"id": 2, "amount": 7}, {"id": 3, "amount": 2**40}), contract_path=narrow, on_violation="quarantine"
    )
    assert tables.rows("orders", "id") == [{"id": 1, "amount": 2**40}, {"id": 2, "amount": 7}]
    assert run.stream("orders")["quarantined"] == 1


def test_a_decimal_never_changes_its_scale(load: Load, tables: Tables, tmp_path: Path) -> None:
    two = _p("amount", "number", physicalType="DECIMAL(10,2)")
    load(_rows({"id": 1, "amount": 1.25}), contract_path=_contract(tmp_path, [ID, two]))
    four = _p("amount", "number", physicalType="DECIMAL(18,4)")
    run = load(_rows({"id": 2, "amount": 1.25}), contract_path=_contract(tmp_path, [ID, four], "2.0.0"), code=1)
    assert "the table has decimal(10,2), the contract decimal(18,4)" in run.log
    more = _p("amount", "number", physicalType="DECIMAL(18,2)")
    load(_rows({"id": 2, "amount": 1.25}), contract_path=_contract(tmp_path, [ID, more], "2.0.0"))
    assert tables.count("orders") == 2


def test_incompatible_types_fail_before_any_row(load: Load, tables: Tables, tmp_path: Path) -> None:
    load(_rows({"id": 1, "name": "a"}), contract_path=_contract(tmp_path, [ID, _p("name")]))
    run = load(_rows({"id": 2}), contract_path=_contract(tmp_path, [ID, _p("name", "boolean")], "2.0.0"), code=1)
    assert "column name: the table has string, the contract boolean" in run.log


def test_an_object_in_the_schema_for_a_number_in_the_contract_fails_at_schema_time(load: Load, tmp_path: Path) -> None:
    schema = {**SCHEMA, "schema": {"properties": {"id": {"type": "integer"}, "amount": {"type": "object"}}}}
    run = load([schema], contract_path=_contract(tmp_path, [ID, _p("amount", "number")]), code=1)
    assert "column 'amount' is double in the contract and object in the SCHEMA" in run.log


def test_a_new_required_column_is_optional_in_an_old_table_and_enforced_on_new_rows(
    load: Load, tables: Tables, tmp_path: Path
) -> None:
    load(_rows({"id": 1}), contract_path=_contract(tmp_path, [ID]))
    second = _contract(tmp_path, [ID, _p("name", required=True)], "1.1.0")
    run = load(_rows({"id": 2, "name": "b"}, {"id": 3}), contract_path=second, on_violation="quarantine")
    assert tables.rows("orders", "id") == [{"id": 1, "name": None}, {"id": 2, "name": "b"}]
    assert run.stream("orders")["by_rule"] == {"orders.name.required": 1}


def test_the_contracts_key_wins_over_the_schemas(load: Load, tables: Tables, tmp_path: Path) -> None:
    contract = _contract(tmp_path, [_p("id", "integer"), _p("name", primaryKey=True, required=True)])
    run = load(_rows({"id": None, "name": "a"}), contract_path=contract)
    assert tables.rows("orders") == [{"id": None, "name": "a"}]
    assert "key_properties differ" in run.log


def test_a_stable_id_renames_the_column(load: Load, tables: Tables, tmp_path: Path) -> None:
    load(_rows({"id": 1, "name": "a"}), contract_path=_contract(tmp_path, [ID, _p("name", id="who")]))
    renamed = _contract(tmp_path, [ID, _p("extra", id="who")], "2.0.0")
    load(_rows({"id": 2, "extra": "b"}), contract_path=renamed)
    assert tables.rows("orders", "id") == [{"id": 1, "extra": "a"}, {"id": 2, "extra": "b"}]


def test_a_rename_without_id_is_a_new_column(load: Load, tables: Tables, tmp_path: Path) -> None:
    load(_rows({"id": 1, "name": "a"}), contract_path=_contract(tmp_path, [ID, _p("name")]))
    load(_rows({"id": 2, "extra": "b"}), contract_path=_contract(tmp_path, [ID, _p("extra")], "2.0.0"))
    assert tables.rows("orders", "id") == [{"id": 1, "name": "a", "extra": None}, {"id": 2, "name": None, "extra": "b"}]


def test_names_that_differ_only_by_case_are_refused(load: Load, tables: Tables, tmp_path: Path) -> None:
    load(_rows({"id": 1, "name": "a"}), contract_path=_contract(tmp_path, [ID, _p("name")]))
    run = load(_rows({"id": 2}), contract_path=_contract(tmp_path, [ID, _p("Name")], "2.0.0"), code=1)
    assert "differs only by case" in run.log


def test_an_older_contract_than_the_tables_is_refused(load: Load, tables: Tables, tmp_path: Path) -> None:
    load(_rows({"id": 1}), contract_path=_contract(tmp_path, [ID], "2.0.0"))
    run = load(_rows({"id": 2}), contract_path=_contract(tmp_path, [ID], "1.9.0"), code=1)
    assert "written by version 2.0.0 of the contract, this is 1.9.0" in run.log
    assert tables.count("orders") == 1


def test_a_changed_contract_under_the_same_version_warns(load: Load, tmp_path: Path) -> None:
    load(_rows({"id": 1}), contract_path=_contract(tmp_path, [ID]))
    run = load(_rows({"id": 2}), contract_path=_contract(tmp_path, [ID, _p("name")]))
    assert "the contract changed under the same version" in run.log


@pytest.mark.parametrize(("status", "code"), [("draft", 0), ("deprecated", 0), ("retired", 1)])
def test_the_contracts_status_counts(load: Load, tmp_path: Path, status: str, code: int) -> None:
    run = load(_rows({"id": 1}), contract_path=_contract(tmp_path, [ID], status=status), code=code)
    assert f"status '{status}'" in run.log


def test_nested_members_are_added(load: Load, tables: Tables, tmp_path: Path) -> None:
    def lines(**member: Any) -> list[dict[str, Any]]:
        schema = {**SCHEMA, "schema": {"properties": {"id": {"type": "integer"}, "who": {"type": "object"}}}}
        return [schema, {"type": "RECORD", "stream": "orders", "record": {"id": len(member), "who": member}}]

    who = _p("who", "object", properties=[_p("first")])
    load(lines(first="a"), contract_path=_contract(tmp_path, [ID, who]))
    both = _p("who", "object", properties=[_p("first"), _p("last")])
    load(lines(first="b", last="c"), contract_path=_contract(tmp_path, [ID, both], "2.0.0"))
    assert tables.rows("orders", "id") == [
        {"id": 1, "who": {"first": "a", "last": None}},
        {"id": 2, "who": {"first": "b", "last": "c"}},
    ]


def test_a_schema_that_changes_mid_stream_is_taken_in_the_same_epoch(load: Load, tables: Tables) -> None:
    wider = {**SCHEMA, "schema": {"properties": {**SCHEMA["schema"]["properties"], "more": {"type": "string"}}}}  # type: ignore[index]
    lines = [*_rows({"id": 1}), wider, {"type": "RECORD", "stream": "orders", "record": {"id": 2, "more": "m"}}]
    run = load(lines)
    assert [(r["id"], r["more"]) for r in tables.rows("orders", "id")] == [(1, None), (2, "m")]
    assert run.report["epochs"] == 1

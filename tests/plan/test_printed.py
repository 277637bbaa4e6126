"""The situations of an evolution as `dativo plan` prints them: contract against stream against table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.plan.conftest import ID, Desk, column, shape

NAME = column("name")
AMOUNT = column("amount", "integer")
INT = column("amount", "integer", logicalTypeOptions={"format": "i32"})
TO = "stream t into table default.t (contract t {version})\n"
CANNOT = "  problem: table default.t cannot take the rows of 't': "
SAME = "  the table needs no change\n"
LEFT = (
    "  warning: table default.t: the contract does not have columns ['name'] of the table; "
    "they stay, null in new rows\n"
)


def numbered(number: str, *case: Any) -> Any:
    return pytest.param(*case, id=number)


@pytest.mark.parametrize(
    ("table", "contract", "names", "settings", "expected"),
    [
        numbered(
            "1 there is no table", None, [ID, column("name", required=True)], ["id", "name"], {},
            "  create the table with columns id long required key, name string required\n",
        ),
        numbered(
            "2 the stream lacks an optional column", [ID, NAME], [ID, NAME], ["id"], {},
            SAME + "  warning: stream 't': the SCHEMA lacks ['name']; they are written as null\n",
        ),
        numbered(
            "3 only the stream has the column", [ID], [ID], ["id", "more"], {},
            SAME + "  warning: stream 't': members ['more'] are not in the contract and are not written\n",
        ),
        numbered(
            "3 only the stream has the column, relaxed", [ID], [ID], ["id", "more"], {"evolution": "relaxed"},
            "  add column more string (JSON): the contract has it, the table does not\n",
        ),
        numbered(
            "4 only the table has the column", [ID, NAME], [ID], ["id"], {}, SAME + LEFT,
        ),
        numbered(
            "4 the table requires a column nobody has", [ID, column("name", required=True)], [ID], ["id"], {},
            "  make column name optional: the contract does not have it, so it will be null\n" + LEFT,
        ),
        numbered(
            "4 the same, strict", [ID, column("name", required=True)], [ID], ["id"], {"evolution": "strict"},
            LEFT
            + CANNOT + "column name: the table requires it and the contract does not have it, so it will be null; "
            "relaxing needs evolution 'merge', or in SQL: ALTER TABLE default.t ALTER COLUMN name DROP NOT NULL\n",
        ),
        numbered(
            "5 dropped from the contract", [ID, NAME], [ID], ["id", "name"], {},
            SAME + "  warning: stream 't': members ['name'] are not in the contract and are not written\n"
            + LEFT,
        ),
        numbered(
            "6 wider", [ID, INT], [ID, AMOUNT], ["id", "amount"], {},
            "  widen column amount to long: the contract has long\n",
        ),
        numbered(
            "7 narrower", [ID, AMOUNT], [ID, INT], ["id", "amount"], {},
            SAME + "  warning: table default.t: column amount: the table has long, the contract int; "
            "the column stays as it is\n",
        ),
        numbered(
            "8 incompatible", [ID, NAME], [ID, column("name", "boolean")], ["id", "name"], {},
            CANNOT + "column name: the table has string, the contract boolean\n",
        ),
        numbered(
            "8 incompatible, into a variant column", [ID, NAME], [ID, column("name", "boolean")], ["id", "name"],
            {"on_incompatible": "variant_column"},
            "  add column name__v_boolean boolean: a variant column for another type\n"
            "  warning: table default.t: column name: the table has string, the contract boolean: new values go to "
            "column 'name__v_boolean', and 'name' is null in new rows\n",
        ),
        numbered(
            "10 required in the contract only", [ID, NAME], [ID, column("name", required=True)], ["id", "name"], {},
            SAME,
        ),
        numbered(
            "11 a new required column", [ID], [ID, column("name", required=True)], ["id", "name"], {},
            "  add column name string: the contract has it, the table does not\n",
        ),
        numbered(
            "12 required in the table only", [ID, column("name", required=True)], [ID, NAME], ["id", "name"], {},
            "  make column name optional: the contract lets it be null\n",
        ),
        numbered(
            "14 renamed, by its id", [ID, column("name", id="who")], [ID, column("called", id="who")],
            ["id", "called"], {},
            "  rename column name to called: the contract's id of the property is the same\n",
        ),
        numbered(
            "14 renamed, without id", [ID, NAME], [ID, column("called")], ["id", "called"], {},
            "  add column called string: the contract has it, the table does not\n" + LEFT,
        ),
        numbered(
            "15 nested",
            [ID, column("who", "object", properties=[INT])],
            [ID, column("who", "object", properties=[AMOUNT, column("at", "date")])],
            ["id", "who"], {},
            "  widen column who.amount to long: the contract has long\n"
            "  add column who.at date: the contract has it, the table does not\n",
        ),
        numbered(
            "17 names that differ by case", [ID, NAME], [ID, column("Name")], ["id", "Name"], {},
            CANNOT + "column Name: the table has 'name', which differs only by case\n",
        ),
    ],
)  # fmt: skip
def test_situation(
    desk: Desk, table: Any, contract: Any, names: Sequence[str], settings: dict[str, Any], expected: str
) -> None:
    if table is not None:
        desk.table(table)
    path = desk.contract(contract, "2.0.0")
    code, out = desk.plan(*desk.catalog(shape(*names)), contract_path=path, **settings)
    assert out == TO.format(version="2.0.0") + expected
    assert code == ("problem" in expected)


def test_a_required_column_that_the_stream_lacks(desk: Desk) -> None:
    path = desk.contract([ID, column("name", required=True)])
    assert desk.plan(*desk.catalog(shape("id")), contract_path=path) == (
        1,
        "stream t cannot be loaded\n  problem: stream 't': the contract requires 'name', "
        "which the SCHEMA does not have: select the column in the tap, or mend the contract\n",
    )


def test_types_that_no_record_could_bridge(desk: Desk) -> None:
    schema = shape("id", amount={"type": "object"})
    code, out = desk.plan(*desk.catalog(schema), contract_path=desk.contract([ID, AMOUNT]))
    assert code == 1
    assert "column 'amount' is integer in the contract and object in the SCHEMA" in out


def test_without_a_contract_the_schema_is_planned(desk: Desk) -> None:
    schema = shape(id={"type": "integer"}, at={"type": "string", "format": "date-time"}, tags={"type": "array"})
    assert desk.plan(*desk.catalog(schema)) == (
        0,
        "stream t into table default.t (its SCHEMA is the contract)\n"
        "  create the table with columns id long required key, at timestamptz, tags string (JSON)\n",
    )


def test_a_stream_without_the_contract_that_is_demanded(desk: Desk) -> None:
    path = desk.contract([ID])
    words = desk.catalog(shape("id"))
    (desk.folder / "catalog.json").write_text((desk.folder / "catalog.json").read_text().replace('"t"', '"other"'))
    code, out = desk.plan(*words, contract_path=path, require_contract=True)
    assert code == 1
    assert "problem: no contract covers stream 'other'" in out


def test_keys_that_differ_warn(desk: Desk) -> None:
    path = desk.contract([ID, NAME])
    code, out = desk.plan(*desk.catalog(shape("id", "name"), keys=["name"]), contract_path=path)
    assert code == 0
    assert "warning: stream 't': key_properties differ from the contract's primary key, which is used" in out


@pytest.mark.parametrize(
    ("version", "code", "expected"),
    [
        ("1.9.0", 1, CANNOT + "the table was written by version 2.0.0 of the contract, this is 1.9.0\n"),
        ("2.0.0", 0, "  warning: table default.t: the contract changed under the same version 2.0.0\n"),
    ],
)
def test_versions(desk: Desk, version: str, code: int, expected: str) -> None:
    desk.table([ID], "2.0.0")
    path = desk.contract([ID, NAME], version)
    found, out = desk.plan(*desk.catalog(shape("id", "name")), contract_path=path)
    assert (found, out.splitlines(keepends=True)[-1]) == (code, expected)


@pytest.mark.parametrize(("status", "code"), [("draft", 0), ("deprecated", 0), ("retired", 1)])
def test_the_contracts_status(desk: Desk, status: str, code: int) -> None:
    path = desk.contract([ID], status=status)
    found, out = desk.plan(*desk.catalog(shape("id")), contract_path=path)
    assert found == code
    assert f"{'problem' if code else 'warning'}: contract 't' has status '{status}'" in out


def test_widening_under_the_same_version_is_refused_when_strict(desk: Desk) -> None:
    desk.table([ID, INT])
    path = desk.contract([ID, AMOUNT])
    code, out = desk.plan(*desk.catalog(shape("id", "amount")), contract_path=path, evolution="strict")
    assert code == 1
    assert "widening needs a higher version of the contract or evolution 'merge'" in out


def test_the_plan_says_what_the_load_then_does(desk: Desk) -> None:
    """The steps are those of the load, and after it there is nothing left to do."""
    desk.table([ID, INT])
    wider = [ID, AMOUNT, column("who", "object", properties=[NAME])]
    path = desk.contract(wider, "2.0.0")
    words = desk.catalog(shape("id", "amount", "who"))
    code, out = desk.plan("--json", *words, contract_path=path)
    plan = json.loads(out)
    assert (code, plan["fits"]) == (0, True)
    steps = [(c["step"], c["column"], c["to"]) for c in plan["streams"][0]["changes"]]
    assert steps == [("promote", "amount", "long"), ("add_column", "who", "struct<name: string>")]
    desk.table(wider, "2.0.0")
    assert desk.plan(*words, contract_path=path)[1] == TO.format(version="2.0.0") + SAME

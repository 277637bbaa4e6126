"""What tables of the documentation say of values, types, rules, policies and settings is so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from target_dativo_iceberg.contract.policy import PRESETS, VALID, Action
from target_dativo_iceberg.quarantine import FIELDS
from target_dativo_iceberg.setting_table import SETTINGS
from tests.docs import tables
from tests.docs.pages import codes, sections
from tests.docs.test_examples import PAGES
from tests.target.running import Target

Rows = tuple[dict[str, str], ...]
TABLES = {table.name: table.rows for page in PAGES for section in sections(page) for table in section.tables}


def test_every_marked_table_is_read_here() -> None:
    assert set(TABLES) == {"types", "coercion", "rules", "schemas", "valid", "presets", "settings", "quarantine"}


@pytest.mark.parametrize("name", ["types", "rules"])
def test_values_of_a_contract_become_what_the_table_says(name: str, target: Target, reader: DuckDBPyConnection) -> None:
    columns = tables.properties(TABLES[name])
    nodes: dict[str, Any] = {column["name"]: {} for column in columns}
    _become(TABLES[name], nodes, target, reader, **tables.contract(target, columns))


def test_values_without_a_contract_become_what_the_table_says(target: Target, reader: DuckDBPyConnection) -> None:
    rows = TABLES["schemas"]
    nodes = {f"c{n}": json.loads(codes(row["JSON Schema of the property"])[0]) for n, row in enumerate(rows)}
    _become(rows, nodes, target, reader)


def _become(rows: Rows, nodes: dict[str, Any], target: Target, reader: DuckDBPyConnection, **settings: str) -> None:
    values = [
        value
        for number, row in enumerate(rows)
        for value in (
            *tables.accepted(f"c{number}", row["accepted"]),
            *tables.refused(f"c{number}", row["turned away"]),
        )
    ]
    loaded = tables.load(target, reader, nodes, values, **settings)
    _as_said(rows, values, loaded)
    if "column" in rows[0]:
        assert loaded.types == {"id": "long"} | {f"c{n}": row["column"] for n, row in enumerate(rows)}


@pytest.mark.parametrize("level", ["none", "safe", "dativo"])
def test_values_of_another_type_are_read_as_the_levels_say(
    level: str, target: Target, reader: DuckDBPyConnection
) -> None:
    rows = TABLES["coercion"]
    values = [
        tables.Value(f"c{n}", codes(row["value"])[0], next(iter(codes(row[f"`{level}`"])), None), "type")
        for n, row in enumerate(rows)
    ]
    columns = tables.properties(rows)
    nodes: dict[str, Any] = {column["name"]: {} for column in columns}
    _as_said(
        rows, values, tables.load(target, reader, nodes, values, coercion=level, **tables.contract(target, columns))
    )


def _as_said(rows: Rows, values: list[tables.Value], loaded: tables.Loaded) -> None:
    wrong = []
    for number, value in enumerate(values):
        row = rows[int(value.column[1:])]
        became = loaded.rows[number][value.column] if number in loaded.rows else loaded.reasons[number]
        if not _is_so(value, loaded, number, row):
            wrong.append(f"{row}: {value.text} became {became}")
    assert wrong == []


def _is_so(value: tables.Value, loaded: tables.Loaded, number: int, row: dict[str, str]) -> bool:
    if value.stored is not None:
        return number in loaded.rows and tables.same(loaded.rows[number], value)
    reasons = loaded.reasons.get(number, set())
    if "rule" in row:
        return reasons == {("constraint", f"t.{value.column}.{row['rule']}")}
    return {klass for klass, _rule in reasons} == {value.reason.split(",")[0]}


def test_actions_of_classes_and_presets_are_those_of_the_program() -> None:
    valid = {
        codes(row["class"])[0]: {action for action in Action if row[f"`{action}`"] == "yes"} for row in TABLES["valid"]
    }
    assert valid == VALID
    presets = {codes(row["preset"])[0]: {k: v for k, v in row.items() if k != "preset"} for row in TABLES["presets"]}
    assert presets == PRESETS


def test_the_settings_of_contracts_are_all_there() -> None:
    defaults = {
        s.name: "none" if s.default is None else f"`{json.dumps(s.default)}`" for s in SETTINGS if s.group == "contract"
    }
    assert {codes(row["setting"])[0]: row["default"] for row in TABLES["settings"]} == defaults


def test_the_columns_of_a_quarantine_table_are_all_there() -> None:
    assert [codes(row["column"])[0] for row in TABLES["quarantine"]] == [f.name for f in FIELDS]

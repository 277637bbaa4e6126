"""Every example of the documentation runs, and what the page says comes of it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from target_dativo_iceberg.contract.policy import PRESETS, VALID, Action
from tests.docs import tables
from tests.docs.examples import Example
from tests.docs.pages import COMMANDS, INPUTS, REASONS, RESULTS, Section, codes, sections
from tests.target.running import Target

PAGES = ("contracts.md",)
TABLES = {"types", "coercion", "rules", "valid", "presets"}
SECTIONS = [section for page in PAGES for section in sections(page)]


@pytest.mark.parametrize(
    "section", [s for s in SECTIONS if s.blocks], ids=lambda s: f"{s.page}#{s.heading.replace(' ', '-')}"
)
def test_an_example_does_what_the_page_says(
    section: Section, targets: Callable[[Path], Target], reader: DuckDBPyConnection, tmp_path: Path
) -> None:
    Example(section, targets, tmp_path, reader).run()


def test_every_block_is_run_or_has_a_known_reason_not_to_be() -> None:
    blocks = [(f"docs/{s.page}:{b.line}", b) for s in SECTIONS for b in s.blocks]
    assert [where for where, b in blocks if b.role not in INPUTS | COMMANDS | RESULTS and not b.reason] == []
    assert [where for where, b in blocks if b.reason and b.reason not in REASONS] == []


def _table(name: str) -> tuple[dict[str, str], ...]:
    (found,) = (t.rows for s in SECTIONS for t in s.tables if t.name == name)
    return found


def test_every_marked_table_is_known() -> None:
    assert {t.name for s in SECTIONS for t in s.tables} == TABLES


@pytest.mark.parametrize("name", ["types", "rules"])
def test_values_become_what_the_table_says(name: str, target: Target, reader: DuckDBPyConnection) -> None:
    rows = _table(name)
    values = [
        value
        for number, row in enumerate(rows)
        for value in (
            *tables.accepted(f"c{number}", row["accepted"]),
            *tables.refused(f"c{number}", row["turned away"]),
        )
    ]
    loaded = tables.load(target, reader, tables.properties(rows), values)
    wrong = [
        f"{rows[int(value.column[1:])]['property']}: {value.text} {loaded.rows.get(number, loaded.reasons.get(number))}"
        for number, value in enumerate(values)
        if not _as_said(value, loaded, number, rows[int(value.column[1:])])
    ]
    assert wrong == []
    if name == "types":
        assert loaded.types == {"id": "long"} | {f"c{n}": row["column"] for n, row in enumerate(rows)}


def _as_said(value: tables.Value, loaded: tables.Loaded, number: int, row: dict[str, str]) -> bool:
    if value.stored is not None:
        return number in loaded.rows and tables.same(loaded.rows[number], value)
    reasons = loaded.reasons.get(number, set())
    if "rule" in row:
        return reasons == {("constraint", f"t.{value.column}.{row['rule']}")}
    return {klass for klass, _rule in reasons} == {value.reason.split(",")[0]}


@pytest.mark.parametrize("level", ["none", "safe", "dativo"])
def test_values_of_another_type_are_read_as_the_levels_say(
    level: str, target: Target, reader: DuckDBPyConnection
) -> None:
    rows = _table("coercion")
    values = [
        tables.Value(f"c{n}", codes(row["value"])[0], next(iter(codes(row[f"`{level}`"])), None), "type")
        for n, row in enumerate(rows)
    ]
    loaded = tables.load(target, reader, tables.properties(rows), values, coercion=level)
    wrong = [row for n, row in enumerate(rows) if not _as_said(values[n], loaded, n, row)]
    assert wrong == []


def test_actions_of_classes_and_presets_are_those_of_the_program() -> None:
    valid = {
        codes(row["class"])[0]: {action for action in Action if row[f"`{action}`"] == "yes"} for row in _table("valid")
    }
    assert valid == VALID
    presets = {codes(row.pop("preset"))[0]: row for row in _table("presets")}
    assert presets == PRESETS

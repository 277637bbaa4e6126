"""Every requirement of the handoff has a test that shows it: each row of its tables is named, and where to look."""

from __future__ import annotations

import ast
import tomllib
from functools import cache

import pytest

from tests.dativo.project import ROOT
from tests.dativo.requirements import ROWS
from tests.dativo.requirements_tasks import TASKS

ALL = ROWS | TASKS
# How many rows, and in 8.1 shapes, each section has.
COUNTS = {
    "2.1": 11,
    "8.1": 6,
    "8.2": 12,
    "8.3": 8,
    "8.4": 6,
    "8.5": 2,
    "8.6": 14,
    "8.7": 5,
    "8.8": 12,
    "8.9": 4,
    "8.10": 7,
}


@cache
def _tests(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("section", "row"), [(section, row) for section, rows in ALL.items() for row in rows])
def test_a_requirement_is_shown_by_tests_that_exist(section: str, row: str) -> None:
    assert ALL[section][row]
    for place in ALL[section][row]:
        path, _, name = place.partition("::")
        assert name in _tests(path) if name else _tests(path), place


def test_no_row_of_a_section_is_left_out() -> None:
    assert {section: len(rows) for section, rows in ALL.items() if section != "traits"} == COUNTS
    assert len(TASKS["traits"]) == 21


def test_dependencies_are_those_that_were_decided() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {text.partition(">")[0].partition("[")[0] for text in project["dependencies"]}
    assert {"pyarrow", "pyiceberg", "pydantic", "pyyaml", "requests"} <= needed
    # Nessie is spoken to by its REST API; Meltano and its taps are programs beside this one
    assert not needed & {"pynessie", "boto3", "fastparquet", "meltano", "airbyte", "s3fs"}


@pytest.mark.parametrize(
    "name", ["README", "docs/config-reference", "docs/orchestrator", "docs/loading", "docs/guarantees"]
)
def test_the_documents_are_there(name: str) -> None:
    assert "dativo" in (ROOT / f"{name}.md").read_text()

"""Every test, make target and module that the promises name exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/guarantees.md", "docs/fault-matrix.md", "SECURITY.md")
_TEST = re.compile(r"\btests/[\w/.-]+(?:::\w+)?")
_MAKE = re.compile(r"`make ([\w-]+)`")


def found(pattern: re.Pattern[str]) -> list[str]:
    return sorted({name.rstrip(".") for page in PAGES for name in pattern.findall((ROOT / page).read_text())})


@pytest.mark.parametrize("name", found(_TEST))
def test_every_test_that_a_promise_names_exists(name: str) -> None:
    path, _, function = name.partition("::")
    assert (ROOT / path).exists()
    if function:
        names = {n.name for n in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(n, ast.FunctionDef)}
        assert function in names


@pytest.mark.parametrize("name", found(_MAKE))
def test_every_make_target_that_a_promise_names_exists(name: str) -> None:
    assert f"\n{name}:" in (ROOT / "Makefile").read_text()


def test_the_pages_name_tests_for_every_promise_and_fault() -> None:
    for page in PAGES:
        rows = re.findall(r"^\| \d+ .*$", (ROOT / page).read_text(), re.MULTILINE)
        assert rows
        assert [row for row in rows if not _TEST.search(row) and not _MAKE.search(row)] == []

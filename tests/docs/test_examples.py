"""Every example of the documentation runs, and what the page says comes of it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from tests.docs.examples import Example
from tests.docs.pages import COMMANDS, INPUTS, RESULTS, Block, Section, sections
from tests.target.running import Target, record, schema

PAGES = ("contracts.md", "loading.md", "quarantine.md", "singer.md", "privacy.md")
SECTIONS = [section for page in PAGES for section in sections(page) if section.blocks]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: f"{s.page}#{s.heading.replace(' ', '-')}")
def test_an_example_does_what_the_page_says(
    section: Section, targets: Callable[[Path], Target], reader: DuckDBPyConnection, tmp_path: Path
) -> None:
    Example(section, targets, tmp_path, reader).run()


def test_the_tutorial_runs_from_its_first_command_to_its_last(
    targets: Callable[[Path], Target], reader: DuckDBPyConnection, tmp_path: Path
) -> None:
    """One folder for the whole page, empty at the start, since each command goes on from the one before."""
    blocks = tuple(block for section in sections("tutorial.md") for block in section.blocks)
    assert all(block.role in COMMANDS | RESULTS for block in blocks)
    Example(Section("tutorial.md", "all", blocks, ()), targets, tmp_path, reader).run()


@pytest.mark.parametrize(
    ("role", "text", "message"),
    [
        ("jsonl rows", '{"id": 2}\n', 'line 2: the table holds\n{"id": 1}'),
        ("text failed", "violation: …\n", "line 1: "),
        ("jsonl states", "{}\n", "line 2: it says"),
    ],
)
def test_a_page_that_is_wrong_fails(
    role: str,
    text: str,
    message: str,
    targets: Callable[[Path], Target],
    reader: DuckDBPyConnection,
    tmp_path: Path,
) -> None:
    messages = f"{json.dumps(schema('a', keys=()))}\n{json.dumps(record(1))}\n"
    blocks = (Block("jsonl singer", (), messages, 1), Block(role, (), text, 2))
    with pytest.raises(AssertionError) as wrong:
        Example(Section("p.md", "p", blocks, ()), targets, tmp_path, reader).run()
    assert str(wrong.value).startswith(f"docs/p.md, {message}")


def test_every_block_is_run() -> None:
    blocks = [(f"docs/{s.page}:{b.line}", b) for s in SECTIONS for b in s.blocks]
    assert [where for where, b in blocks if b.role not in INPUTS | COMMANDS | RESULTS] == []

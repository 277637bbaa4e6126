"""Every example of the documentation runs, and what the page says comes of it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from tests.docs.examples import Example
from tests.docs.pages import COMMANDS, INPUTS, REASONS, RESULTS, Section, sections
from tests.target.running import Target

PAGES = ("contracts.md", "quarantine.md", "singer.md")
SECTIONS = [section for page in PAGES for section in sections(page) if section.blocks]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: f"{s.page}#{s.heading.replace(' ', '-')}")
def test_an_example_does_what_the_page_says(
    section: Section, targets: Callable[[Path], Target], reader: DuckDBPyConnection, tmp_path: Path
) -> None:
    Example(section, targets, tmp_path, reader).run()


def test_every_block_is_run_or_has_a_known_reason_not_to_be() -> None:
    blocks = [(f"docs/{s.page}:{b.line}", b) for s in SECTIONS for b in s.blocks]
    assert [where for where, b in blocks if b.role not in INPUTS | COMMANDS | RESULTS and not b.reason] == []
    assert [where for where, b in blocks if b.reason and b.reason not in REASONS] == []

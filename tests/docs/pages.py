"""Pages of the documentation as examples: fenced blocks by what their info string says they are, and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"

# What a block gives to a run, and what it says came of it, by `language word` of the info string.
INPUTS = frozenset({"yaml contract", "yaml object", "json settings", "json schema", "jsonl records", "jsonl singer"})
COMMANDS = frozenset({"sh", "sql", "python"})
RESULTS = frozenset(
    {
        "jsonl rows", "text quarantined", "text failed", "text warnings", "json report", "json properties",
        "jsonl states", "text output",
    }
)  # fmt: skip
_FENCE = re.compile(r"^(`{3,})(.*)$")
_HEADING = re.compile(r"^#{1,6} (.+)$")
_TABLE = re.compile(r"^<!-- table: (\w+) -->$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        role: one of the above, empty when the info string names none.
        words: what else the info string says.
        text: between the fences.
        line: of the opening fence, from 1.

    """

    role: str
    words: tuple[str, ...]
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table behind `<!-- table: name -->`: its rows by the words of its head."""

    name: str
    rows: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading."""

    page: str
    heading: str
    blocks: tuple[Block, ...]
    tables: tuple[Table, ...]


def sections(page: str) -> list[Section]:
    """Return the sections of a page that hold a block or a marked table, in order."""
    found: list[Section] = []
    heading, blocks, tables = page, list[Block](), list[Table]()

    def end() -> None:
        if blocks or tables:
            found.append(Section(page, heading, tuple(blocks), tuple(tables)))
        blocks.clear()
        tables.clear()

    lines = enumerate((DOCS / page).read_text().splitlines(), 1)
    for number, line in lines:
        if fence := _FENCE.match(line):
            blocks.append(_block(fence[2].strip(), _until(lines, fence[1]), number))
        elif marked := _TABLE.match(line):
            tables.append(Table(marked[1], _rows(_until(lines, ""))))
        elif title := _HEADING.match(line):
            end()
            heading = title[1]
    end()
    return found


def _until(lines: Iterator[tuple[int, str]], last: str) -> list[str]:
    found = []
    for _number, line in lines:
        if line == last:
            break
        found.append(line)
    return found


def _block(info: str, lines: list[str], number: int) -> Block:
    words = info.split()
    text = "".join(f"{line}\n" for line in lines)
    for count in (2, 1):
        role = " ".join(words[:count])
        if role in INPUTS | COMMANDS | RESULTS:
            return Block(role, tuple(words[count:]), text, number)
    return Block("", tuple(words), text, number)


def _rows(lines: list[str]) -> tuple[dict[str, str], ...]:
    head, _rule, *rows = (re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines)
    names = [cell.strip() for cell in head]
    return tuple(dict(zip(names, (c.strip().replace("\\|", "|") for c in cells), strict=True)) for cells in rows)


@dataclass(frozen=True, slots=True)
class Step:
    """One run on a page.

    Attributes:
        inputs: what is given anew.
        command: what is run; None for a load.
        results: what came of it.

    """

    inputs: tuple[Block, ...]
    command: Block | None
    results: tuple[Block, ...]

    @property
    def first(self) -> Block:
        """The block it begins with."""
        return next(iter((*self.inputs, *([self.command] if self.command else []), *self.results)))


def steps(section: Section) -> Iterator[Step]:
    """Yield the runs of a section."""
    inputs, command, results = list[Block](), None, list[Block]()
    for block in section.blocks:
        if block.role not in RESULTS and (command or results):
            yield Step(tuple(inputs), command, tuple(results))
            inputs, command, results = [], None, []
        if block.role in INPUTS:
            inputs.append(block)
        elif block.role in COMMANDS:
            command = block
        else:
            results.append(block)
    if inputs or command or results:
        yield Step(tuple(inputs), command, tuple(results))


def codes(cell: str) -> list[str]:
    """Return the pieces of a cell that are set as code."""
    return re.findall(r"`([^`]+)`", cell)

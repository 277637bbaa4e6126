"""What a page says came of a run, against what did."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from duckdb import DuckDBPyConnection

from tests.docs.pages import Block
from tests.readback import Tables
from tests.target.running import Ended

_REASON = "line {seq}: {path} {message} ({klass}, {rule}: {action})"


@dataclass(frozen=True, slots=True)
class Ran:
    """A run, and the warehouse it left.

    Attributes:
        warehouse: of its tables.
        folder: it ran in.
        ended: None when nothing was loaded.
        reader: reads the tables; one for all runs, since making it takes longer than a load.

    """

    warehouse: Path
    folder: Path
    ended: Ended | None
    reader: DuckDBPyConnection

    @property
    def tables(self) -> Tables:
        return Tables(self.warehouse)

    @property
    def load(self) -> Ended:
        """The run, which must be there."""
        assert self.ended
        return self.ended

    def table(self, block: Block) -> str:
        """The table that a block is about: the one it names, or the only good one there is."""
        names = [n for n in self.tables.pointers() if not n.endswith("__quarantine")]
        named = [w.removeprefix("table:") for w in block.words if w.startswith("table:")]
        return named[0] if named else _only(names)

    def said(self, level: str) -> str:
        """What the log says at a level, one line each, files without their folder."""
        lines = (line.split(" | ", 3) for line in self.load.log.splitlines())
        texts = [parts[3] for parts in lines if len(parts) == 4 and parts[1].strip() == level]
        return "\n".join(texts).replace(f"{self.folder}/", "")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table, by its name with the namespace."""
        return rows(self.reader, self.tables.pointers()[table])

    def query(self, text: str) -> str:
        """What a query gives, tables being known by their names: values of a row between bars."""
        for name, place in self.tables.pointers().items():
            view = name.rpartition(".")[2]
            self.reader.execute(f"CREATE OR REPLACE TEMP VIEW \"{view}\" AS SELECT * FROM iceberg_scan('{place}')")
        return "\n".join(" | ".join(map(str, row)) for row in self.reader.execute(text).fetchall())


def rows(reader: DuckDBPyConnection, place: str) -> list[dict[str, Any]]:
    """Return all rows of the table whose metadata is at a place."""
    result = reader.execute(f"SELECT * FROM iceberg_scan('{place}')")
    columns = [d[0] for d in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def compare(block: Block, ran: Ran) -> None:
    """Assert that a block tells what came of a run."""
    same_text(block, found(block, ran))


def found(block: Block, ran: Ran) -> str:
    """Return what came of a run, in the form of a block."""
    return _FOUND[block.role](block, ran)


def same_text(block: Block, text: str) -> None:
    """Assert that a text is the block's: JSON whatever its blanks, rows in any order, `…` for anything in a line."""
    expected = block.text.strip()
    if block.role == "jsonl rows":
        lines = (json.loads(line, parse_float=Decimal) for line in expected.splitlines())
        assert sorted(map(written, lines)) == sorted(text.splitlines()), f"the table holds\n{text}"
    elif block.role.startswith("json "):
        assert json.loads(expected) == json.loads(text), f"it is {text}"
    else:
        pattern = re.escape(expected).replace("…", "[^\n]*")
        assert re.fullmatch(pattern, text.strip()), f"it says\n{text.strip()}"


def _only(names: list[str]) -> str:
    assert len(names) == 1, f"there are tables {names}; name one by table:NAME"
    return names[0]


# ---- each kind of result ----


def _rows(block: Block, ran: Ran) -> str:
    """Every row; members that are null are left out. Nothing when there is no table."""
    if not ran.tables.pointers():
        return ""
    return "\n".join(written(row) for row in ran.rows(ran.table(block)))


def _quarantined(_block: Block, ran: Ran) -> str:
    (name,) = (n for n in ran.tables.pointers() if n.endswith("__quarantine"))
    return "\n".join(
        _REASON.format(seq=row["_seq"], klass=error["class"], **error)
        for row in sorted(ran.rows(name), key=lambda row: row["_seq"])
        if row["_replayed_at"] is None
        for error in row["_errors"]
    )


def _failed(_block: Block, ran: Ran) -> str:
    """The error; whether it is worth another try stands in docs/errors.md, not on each page."""
    assert ran.load.code == 1
    return re.sub(r" \(retryable: \w+\)$", "", ran.said("ERROR"), flags=re.MULTILINE)


def _report(block: Block, ran: Ran) -> str:
    """What the block names of the report of its only stream."""
    (stream,) = ran.load.report["streams"]
    return json.dumps({name: stream.get(name) for name in json.loads(block.text)})


def _properties(block: Block, ran: Ran) -> str:
    """What the block names of the table's properties."""
    metadata = json.loads(Path(ran.tables.pointers()[ran.table(block)].removeprefix("file://")).read_text())
    return json.dumps({name: metadata["properties"].get(name) for name in json.loads(block.text)})


_FOUND: Mapping[str, Callable[[Block, Ran], str]] = {
    "jsonl rows": _rows,
    "text quarantined": _quarantined,
    "text failed": _failed,
    "text warnings": lambda _block, ran: ran.said("WARNING"),
    "json report": _report,
    "json properties": _properties,
    "jsonl states": lambda _block, ran: ran.load.out.decode(),
}


# ---- values ----


def written(row: Mapping[str, Any]) -> str:
    """Return a row as a line of JSON without what is null, numbers with all their digits."""
    text = json.dumps({name: plain(value) for name, value in row.items() if value is not None}, ensure_ascii=False)
    return re.sub(r'"number ([-0-9.]+)"', r"\1", text)


def plain(value: Any) -> Any:
    """Return a value as JSON has it; numbers with a fraction as a text that keeps their digits."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float):
        return plain(Decimal(repr(value)))
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"number {value:f}"
    return str(value) if isinstance(value, UUID) else value

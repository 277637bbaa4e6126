"""Lakes that are cared for: loads of small files, steps run in this process, files and snapshots counted."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg.maintain import main
from tests.partitions.lake import Lake, files

SCHEMA: dict[str, Any] = {"id": {"type": "integer"}, "part": {"type": ["integer", "null"]}, "s": {"type": "string"}}
DAYS = 86_400


class Cared(Lake):
    """A lake and `dativo maintain` on it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], **settings: Any) -> None:
        super().__init__(folder, **settings)
        self._capsys = capsys

    def small_loads(self, count: int, rows: int = 20, start: int = 0) -> None:
        """Load some rows, in as many files as there are loads, or more by partitions."""
        for number in range(count):
            first = start + number * rows
            self.load([{"id": n, "part": n % 3, "s": f"{n:x}" * 3} for n in range(first, first + rows)], SCHEMA)

    def maintain(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        """Run the command with `--json` and return the steps of all tables, each with its table."""
        config = self.folder / "config.json"
        config.write_text(json.dumps(self.settings))
        self._capsys.readouterr()
        assert main(["--config", str(config), "--json", *words]) == code
        found = json.loads(self._capsys.readouterr().out)
        return [{"table": table["table"]} | step for table in found["tables"] for step in table["steps"]]

    def step(self, name: str, *words: str, table: str = "t", code: int = 0) -> dict[str, Any]:
        """Run one step on one table."""
        (found,) = self.maintain("--step", name, "--table", table, *words, code=code)
        return found

    def bag(self, table: str = "t") -> Counter[str]:
        """All rows as a multiset, read by DuckDB."""
        return Counter(json.dumps(row, default=str, sort_keys=True) for row in self.tables.rows(table))

    def paths(self, table: str = "t") -> set[str]:
        """Data files of the current snapshot."""
        return {file.file_path.removeprefix("file://") for file in files(self.table(table))}

    def on_disk(self, table: str = "t") -> set[str]:
        """All files in the table's location."""
        folder = Path(self.table(table).location().removeprefix("file://"))
        return {str(path) for path in folder.rglob("*") if path.is_file()}

    def operation(self, table: str = "t") -> str:
        """What the current snapshot says that it did."""
        snapshot = self.table(table).current_snapshot()
        assert snapshot is not None
        assert snapshot.summary is not None
        return snapshot.summary.operation.value


def age(paths: Sequence[str] | set[str], days: float) -> None:
    """Make files look older."""
    for path in paths:
        at = time.time() - days * DAYS
        os.utime(path, (at, at))

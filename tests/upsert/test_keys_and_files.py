"""Load method `upsert`: whose key counts, which of the rows of a long stream stays, and which files are opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg import merging
from tests.partitions.lake import Lake, files

KEYED = {"id": {"type": "integer"}, "s": {"type": ["string", "null"]}}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path, load_method="upsert")


def test_the_contract_says_what_the_key_is(lake: Lake) -> None:
    columns = [{"name": "id", "logicalType": "integer"}, {"name": "s", "logicalType": "string", "primaryKey": True}]
    lake.contract(columns)
    lake.load([{"id": 1, "s": "a"}, {"id": 1, "s": "b"}, {"id": 2, "s": "a"}], KEYED, ["id"])
    lake.load([{"id": 3, "s": "b"}, {"id": 3, "s": "c"}], KEYED, ["id"])
    assert lake.tables.rows("t", "s") == [{"id": 2, "s": "a"}, {"id": 3, "s": "b"}, {"id": 3, "s": "c"}]


def test_the_last_row_counts_however_many_batches_are_between(lake: Lake) -> None:
    """Blocks of input go to several workers, which end in any order."""
    keys, rounds, pad = 40, 60, "x" * 6_000  # four blocks
    rows = ({"id": n, "s": f"{turn} {pad}"} for turn in range(rounds) for n in range(keys))
    lake.load(rows, KEYED, ["id"])
    found = lake.tables.rows("t", "id")
    assert [(row["id"], row["s"].split()[0]) for row in found] == [(n, str(rounds - 1)) for n in range(keys)]


def test_files_whose_bounds_have_no_such_key_are_not_opened(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for start in (0, 100, 200, 300):
        lake.load([{"id": n, "s": "old"} for n in range(start, start + 50)], KEYED, ["id"])
    before = {file.file_path for file in files(lake.table())}
    opened = []
    real = merging.stored

    def noted(table: Any, task: Any) -> Any:
        opened.append(task.file.file_path)
        return real(table, task)

    monkeypatch.setattr(merging, "stored", noted)
    lake.load(_some(120, 175, 310), KEYED, ["id"])
    assert len(before) == 4
    assert sorted(set(opened)) == sorted(before - {file.file_path for file in files(lake.table())})
    assert len(set(opened)) == 2


def _some(*keys: int) -> Iterator[dict[str, Any]]:
    for key in keys:
        yield {"id": key, "s": "new"}

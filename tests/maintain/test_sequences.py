"""Loads and care in any order: after each step the table has the rows that a dict has."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.maintain.care import SCHEMA, Cared
from tests.partitions.lake import files, rows_of

CARE = (
    ("compact", "--min-files", "2"),
    ("manifests",),
    ("expire",),
    ("orphans", "--remove-orphans", "--orphan-age-days", "0", "--force"),
)


@pytest.mark.parametrize("seed", range(3))
def test_any_sequence_of_loads_and_care(seed: int, lake: Cared) -> None:
    pick = random.Random(seed)
    lake.settings |= {
        "load_method": "upsert",
        "partition_by": pick.choice([[], ["part"], ["bucket[2](id)"]]),
        "sort_by": pick.choice([[], ["s desc"]]),
        "table_properties": {"history.expire.max-snapshot-age-ms": "0", "commit.manifest-merge.enabled": "false"},
    }
    model: dict[int, dict[str, Any]] = {}
    done = set()
    for turn in range(14):
        if turn % 2 == 0:
            rows = [
                {"id": pick.randrange(60), "part": pick.choice([None, 1, 2]), "s": pick.choice("abc") * 5}
                for _ in range(pick.choice([1, 5, 40]))
            ]
            lake.load(rows, SCHEMA, ["id"])
            model |= {row["id"]: row for row in rows}
        else:
            name, *words = pick.choice(CARE)
            done.add((name, lake.step(name, *words)["state"]))
        assert lake.tables.rows("t", "id") == [model[key] for key in sorted(model)], (turn, done)
    assert lake.step("compact", "--min-files", "2")["state"] in ("done", "not needed")
    on_disk = sum(path.endswith(".parquet") for path in lake.on_disk())
    lake.maintain("--force", "--remove-orphans", "--orphan-age-days", "0")
    assert sum(path.endswith(".parquet") for path in lake.on_disk()) == len(files(lake.table())) <= on_disk
    assert sum(rows_of(file).num_rows for file in files(lake.table())) == len(model)

"""Compaction: fewer files, the same rows, whatever the table and whoever else writes to it."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from typing import Any

import pytest

from target_dativo_iceberg import publish
from target_dativo_iceberg.errors import Stop
from tests.maintain.care import SCHEMA, Cared, age
from tests.maintain.position_deletes import delete_rows
from tests.partitions.lake import files, rows_of


@pytest.mark.parametrize(
    "shape", [{}, {"partition_by": ["part"]}, {"sort_by": ["s desc"]}, {"partition_by": ["part"], "sort_by": ["s"]}]
)
def test_small_files_become_few_and_rows_stay(shape: dict[str, Any], lake: Cared) -> None:
    lake.settings |= shape
    lake.small_loads(6)
    before, partitions = lake.bag(), len({tuple(f.partition) for f in files(lake.table())})
    plan = lake.step("compact", "--dry-run")
    assert (plan["state"], plan["figures"]["files"], plan["figures"]["partitions"]) == (
        "needed", 6 * partitions, partitions,
    )  # fmt: skip
    assert len(lake.paths()) == 6 * partitions
    assert lake.step("compact")["figures"]["files_after"] == partitions
    assert lake.bag() == before
    found = files(lake.table())
    assert len(found) == partitions
    assert lake.operation() == "replace"
    for file in found:
        texts = rows_of(file)["s"].to_pylist()
        if "sort_by" in shape:
            assert texts == sorted(texts, reverse="desc" in shape["sort_by"][0])
            assert file.sort_order_id == lake.table().sort_order().order_id
    assert lake.step("compact")["state"] == "not needed"
    lake.small_loads(1, start=1000)
    assert sum(lake.bag().values()) == 140


def test_full_files_and_partitions_with_few_files_stay(lake: Cared) -> None:
    lake.settings |= {"target_file_size_mb": 1}
    pick = random.Random(1)
    lake.load([{"id": n, "part": 0, "s": f"{pick.getrandbits(4000):x}"} for n in range(2000)], SCHEMA)
    large = {f.file_path.removeprefix("file://") for f in files(lake.table()) if f.file_size_in_bytes > 700_000}
    assert large
    assert lake.step("compact")["state"] == "not needed"
    lake.small_loads(5)
    assert lake.step("compact")["state"] == "done"
    assert large <= lake.paths()


def test_rows_deleted_by_position_are_gone_for_good(lake: Cared) -> None:
    lake.small_loads(2)
    delete_rows(lake.table(), {3, 7})
    before = lake.bag()
    assert sum(before.values()) == 38
    step = lake.step("compact")
    assert (step["state"], step["figures"]["files_with_deleted_rows"]) == ("done", 1)
    assert lake.bag() == before
    assert sum(f.record_count for f in files(lake.table())) == 38
    assert lake.step("compact")["state"] == "not needed"


def test_files_of_an_older_partition_spec_go_to_the_new_one(lake: Cared) -> None:
    lake.settings |= {"partition_by": ["part"]}
    lake.small_loads(5)
    lake.settings |= {"partition_by": ["bucket[2](id)"], "allow_partition_evolution": True}
    lake.small_loads(1, start=500)
    before = lake.bag()
    lake.step("compact")
    assert lake.bag() == before
    table = lake.table()
    assert {f.spec_id for f in files(table)} == {table.spec().spec_id}


def test_columns_of_older_files_are_null_or_renamed_as_the_table_has_them(lake: Cared) -> None:
    id_, text = {"name": "id", "logicalType": "integer"}, {"name": "s", "id": "x", "logicalType": "string"}
    lake.contract([id_, text])
    for n in range(3):
        lake.load([{"id": n, "s": "old"}])
    lake.contract([id_, {**text, "name": "text"}, {"name": "n", "logicalType": "integer"}], description="two")
    for n in range(3, 6):
        lake.load([{"id": n, "text": "new", "n": n}])
    before = lake.tables.rows("t", "id")
    assert lake.step("compact")["figures"]["files"] == 6
    assert lake.tables.rows("t", "id") == before
    assert [(r["text"], r["n"]) for r in before] == [("old", None)] * 3 + [("new", n) for n in (3, 4, 5)]


@pytest.mark.parametrize("seed", range(3))
def test_any_table_keeps_its_rows(seed: int, lake: Cared) -> None:
    pick = random.Random(seed)
    lake.settings |= {"partition_by": pick.choice([[], ["part"], ["truncate[1](s)"]]), "sort_by": ["id"]}
    for _ in range(pick.randrange(4, 8)):
        rows = [
            {
                "id": pick.randrange(50),
                "part": pick.choice([None, 1, 2]),
                "s": pick.choice("abc") * pick.randrange(1, 9),
            }
            for _ in range(pick.randrange(1, 40))
        ]
        lake.load(rows, SCHEMA)
    before = lake.bag()
    lake.maintain("--min-files", "2")
    assert lake.bag() == before


# ---- others ----


class Rival:
    """Does something just before the first commit is sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
        self.calls = 0
        real = publish.commit

        def commit(*args: Any) -> None:
            self.calls += 1
            if self.calls == 1:
                monkeypatch.setattr(publish, "commit", real)
                act()
                monkeypatch.setattr(publish, "commit", commit)
            real(*args)

        monkeypatch.setattr(publish, "commit", commit)


def test_a_load_in_the_middle_keeps_its_rows(lake: Cared, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.small_loads(5)
    before = lake.bag()
    rival = Rival(monkeypatch, lambda: lake.small_loads(1, start=900))
    assert lake.step("compact")["state"] == "done"
    assert rival.calls == 2
    assert sum((lake.bag() - before).values()) == 20
    assert not before - lake.bag()
    assert len(lake.paths()) == 2


def test_a_rival_that_replaces_the_same_files_wins_and_the_plan_is_made_anew(
    lake: Cared, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.small_loads(5)

    def upsert() -> None:
        lake.load([{"id": 5, "part": 9, "s": "rival"}], SCHEMA, ["id"], load_method="upsert")

    Rival(monkeypatch, upsert)
    assert lake.step("compact", "--min-files", "2")["state"] == "done"
    found = {row["id"]: row["s"] for row in lake.tables.rows("t")}
    assert len(found) == 100
    assert found[5] == "rival"
    assert lake.tables.count("t") == 100
    assert len(lake.paths()) == 1


def test_a_row_that_a_rival_deletes_by_position_does_not_come_back(
    lake: Cared, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.small_loads(5)
    Rival(monkeypatch, lambda: delete_rows(lake.table(), {2}))
    assert lake.step("compact")["state"] == "done"
    assert lake.tables.count("t") == 99


def test_a_run_that_dies_before_its_commit_changes_nothing(lake: Cared, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.small_loads(5)
    before, pointer, paths = lake.bag(), lake.tables.pointers(), lake.paths()

    def die() -> None:
        raise Stop(15)

    Rival(monkeypatch, die)
    with pytest.raises(Stop):
        lake.step("compact")
    assert (lake.bag(), lake.tables.pointers(), lake.paths()) == (before, pointer, paths)
    assert lake.step("compact")["state"] == "done"
    assert lake.bag() == before


def test_a_process_that_is_killed_leaves_the_table_and_files_that_nothing_names(lake: Cared) -> None:
    lake.small_loads(5)
    before, pointer, on_disk = lake.bag(), lake.tables.pointers(), lake.on_disk()
    config = lake.folder / "config.json"
    config.write_text(json.dumps(lake.settings))
    code = (
        "import os, signal; from target_dativo_iceberg import maintain, publish\n"
        "publish.commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"maintain.main(['--config', {str(config)!r}, '--step', 'compact'])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert (lake.bag(), lake.tables.pointers()) == (before, pointer)
    left = lake.on_disk() - on_disk
    assert sum(path.endswith(".parquet") for path in left) == 1
    age(lake.on_disk(), 8)
    assert lake.step("orphans", "--remove-orphans")["figures"]["files"] == len(left)
    assert lake.on_disk() == on_disk
    assert lake.step("compact")["state"] == "done"
    assert lake.bag() == before

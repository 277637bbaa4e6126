"""Snapshots, manifests and orphans: what is cleared away, and what never is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg.maintenance import expiry
from tests.maintain.care import Cared, age

AT_ONCE = {"table_properties": {"history.expire.max-snapshot-age-ms": "0"}}


def _snapshots(lake: Cared) -> list[int]:
    return [snapshot.snapshot_id for snapshot in lake.table().metadata.snapshots]


def test_young_snapshots_stay(lake: Cared) -> None:
    lake.small_loads(3)
    step = lake.step("expire")
    assert (step["state"], step["figures"]) == ("not needed", {"snapshots": 0, "snapshots_kept": 3})


def test_old_snapshots_go_with_the_files_that_only_they_name(lake: Cared) -> None:
    lake.settings |= AT_ONCE
    lake.small_loads(5)
    lake.step("compact")
    before, on_disk, current = lake.bag(), lake.on_disk(), lake.table().metadata.current_snapshot_id
    plan = lake.step("expire", "--dry-run")
    assert (plan["state"], plan["figures"]) == ("needed", {"snapshots": 5, "snapshots_kept": 1})
    assert lake.on_disk() == on_disk
    step = lake.step("expire")
    assert step["state"] == "done"
    assert _snapshots(lake) == [current]
    assert lake.bag() == before
    assert len(list(lake.paths())) == 1
    gone = on_disk - lake.on_disk()
    assert len(gone) == step["figures"]["files_deleted"]
    assert sum(path.endswith(".parquet") for path in gone) == 5
    lake.small_loads(1, start=700)
    assert sum(lake.bag().values()) == 120


def test_snapshots_that_references_name_stay_readable(lake: Cared) -> None:
    lake.settings |= AT_ONCE
    lake.small_loads(4)
    first, second, third, last = _snapshots(lake)
    lake.table().manage_snapshots().create_tag(first, "first").create_branch(third, "audit").commit()
    lake.step("compact", "--min-files", "2")
    lake.step("expire")
    assert set(_snapshots(lake)) == {first, third, lake.table().metadata.current_snapshot_id}
    assert len(lake.table().scan(snapshot_id=first).to_arrow()) == 20
    assert len(lake.table().scan(snapshot_id=third).to_arrow()) == 60
    assert second not in _snapshots(lake)
    assert last not in _snapshots(lake)


def test_a_number_of_snapshots_stays_whatever_their_age(lake: Cared) -> None:
    lake.settings["table_properties"] = {**AT_ONCE["table_properties"], expiry.MIN_KEPT: "3"}
    lake.small_loads(5)
    assert lake.step("expire")["figures"]["snapshots"] == 2


def test_a_load_in_the_middle_of_an_expiry_keeps_its_rows(lake: Cared, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.settings |= AT_ONCE
    lake.small_loads(3)
    real, calls = expiry.commit, []

    def commit(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            lake.small_loads(1, start=100)
        real(*args)

    monkeypatch.setattr(expiry, "commit", commit)
    assert lake.step("expire")["figures"]["snapshots"] == 3
    assert len(calls) == 2
    assert sum(lake.bag().values()) == 80
    assert len(_snapshots(lake)) == 1


def test_tables_whose_files_may_belong_to_others_are_left_alone(lake: Cared) -> None:
    lake.settings["table_properties"] = {**AT_ONCE["table_properties"], "gc.enabled": "false"}
    lake.small_loads(2)
    assert "gc.enabled=false" in lake.step("expire", code=1)["reason"]
    assert "gc.enabled=false" in lake.step("orphans", code=1)["reason"]
    assert len(_snapshots(lake)) == 2


def test_many_small_manifests_become_one(lake: Cared) -> None:
    lake.settings["table_properties"] = {"commit.manifest-merge.enabled": "false"}
    lake.small_loads(12, rows=2)
    before = lake.bag()
    plan = lake.step("manifests", "--dry-run")
    assert (plan["state"], plan["figures"]) == ("needed", {"manifests": 12, "manifests_after": 1})
    assert lake.step("manifests")["state"] == "done"
    table = lake.table()
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(table.io)) == 1
    assert (lake.operation(), lake.bag()) == ("replace", before)
    assert lake.step("manifests")["state"] == "not needed"


# ---- orphans ----


def _orphan(lake: Cared, name: str, days: float) -> str:
    path = Path(lake.table().location().removeprefix("file://")) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PAR1")
    age({str(path)}, days)
    return str(path)


def test_old_files_that_nothing_names_are_listed_and_removed_on_request(lake: Cared) -> None:
    lake.small_loads(2)
    age(lake.on_disk(), 100)
    old = {_orphan(lake, "data/part=1/dead.parquet", 8), _orphan(lake, "metadata/dead.avro", 30)}
    kept = {_orphan(lake, "data/young.parquet", 6), _orphan(lake, "elsewhere/data/other.parquet", 99)}
    before = lake.on_disk()
    assert lake.step("orphans")["figures"] == {"files": 2, "bytes": 8}
    assert lake.step("orphans", "--dry-run", "--remove-orphans")["state"] == "needed"
    assert lake.on_disk() == before
    assert lake.step("orphans", "--remove-orphans")["state"] == "done"
    assert before - lake.on_disk() == old
    assert kept <= lake.on_disk()
    assert sum(lake.bag().values()) == 40
    assert lake.step("orphans", "--remove-orphans")["state"] == "not needed"


def test_files_of_a_table_that_was_renamed_stay(lake: Cared) -> None:
    lake.small_loads(2)
    lake.store.catalog.rename_table("default.t", "default.before")
    lake.small_loads(2, start=100)
    assert lake.table().location() == lake.table("before").location()
    age(lake.on_disk(), 100)
    assert lake.step("orphans", "--remove-orphans")["state"] == "not needed"
    assert lake.tables.count("before") == 40


def test_an_age_of_less_than_a_day_must_be_forced(lake: Cared, caplog: pytest.LogCaptureFixture) -> None:
    lake.small_loads(1)
    lone = _orphan(lake, "data/lone.parquet", 0.001)
    words = ("--table", "t", "--remove-orphans", "--orphan-age-days", "0", "--step", "orphans")
    config = lake.folder / "config.json"
    from target_dativo_iceberg.maintain import main

    assert main(["--config", str(config), *words]) == 2
    assert Path(lone).exists()
    lake.maintain(*words, "--force")
    assert not Path(lone).exists()
    assert sum(lake.bag().values()) == 20

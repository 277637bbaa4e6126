"""What commits leave behind: the whole history, few manifests, no old metadata files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.maintain.care import SCHEMA, Cared

FEW = {
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "3",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "4",
}


def _row(number: int, text: str) -> dict[str, Any]:
    return {"id": number, "part": 0, "s": text}


@pytest.mark.parametrize("method", ["append-only", "upsert"])
def test_history_is_whole_and_old_metadata_files_and_manifests_are_few(method: str, lake: Cared) -> None:
    lake.settings |= {"table_properties": FEW, "load_method": method}
    for number in range(9):
        # The upsert replaces row 0, and so the file of the load before, each time.
        lake.load([_row(0, f"{number}"), _row(number + 1, "new")], SCHEMA, ["id"])
    table = lake.table()
    metadata = table.metadata
    assert [entry.snapshot_id for entry in metadata.snapshot_log] == [s.snapshot_id for s in metadata.snapshots]
    for before, after in zip(metadata.snapshots, metadata.snapshots[1:], strict=False):
        assert after.parent_snapshot_id == before.snapshot_id
    each = 2 if method == "append-only" else 1
    counts = [len(table.scan(snapshot_id=entry.snapshot_id).to_arrow()) for entry in metadata.snapshot_log]
    assert counts == [each * n + 2 for n in range(9)]
    kept = list(Path(table.location().removeprefix("file://")).rglob("*.metadata.json"))
    assert len(kept) == 4
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(table.io)) <= 4
    assert lake.tables.sql("SELECT count(*), max(id) FROM {t}") == [(counts[-1], 9)]


def test_references_survive_commits(lake: Cared) -> None:
    lake.small_loads(2)
    first = lake.table().metadata.snapshots[0].snapshot_id
    lake.table().manage_snapshots().create_tag(first, "first").commit()
    lake.small_loads(1, start=90)
    table = lake.table()
    assert table.metadata.refs["first"].snapshot_id == first
    assert Counter(table.scan(snapshot_id=first).to_arrow()["id"].to_pylist()) == Counter(range(20))

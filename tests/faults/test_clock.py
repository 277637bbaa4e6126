"""A clock that jumps during a run: names are given once, and epochs keep the order of their numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.job import Job
from tests.faults.oracle import Tap
from tests.faults.sweep import Sweep

DAY = 86_400


@pytest.mark.parametrize("jumps", [(-2 * DAY, 0), (3650 * DAY, -3650 * DAY)])
def test_a_clock_that_jumps_changes_no_name_and_no_order(sweep: Sweep, tmp_path: Path, jumps: tuple[int, int]) -> None:
    job, clock = Job(sweep, tmp_path, Tap(epochs=3, pad=120_000)), tmp_path / "clock"
    clock.write_text("0")
    child = job.start(env={"DATIVO_CLOCK": str(clock)})
    rest = job.first_epoch(child)
    for printed, jump in enumerate(jumps, 1):
        clock.write_text(str(jump))
        end = rest.index(b"\n", rest.index(b'"STATE"')) + 1
        child.feed_bytes(rest[:end])
        child.until(lambda n=printed: len(child.states) > n, "the next STATE")  # type: ignore[misc]
        rest = rest[end:]
    job.check(child.wait())
    assert job.begun == job.tap.epochs
    for pointer in job.target.published().values():
        in_order(json.loads(Path(pointer.removeprefix("file://")).read_text()))
    names = [path.name for path in job.target.warehouse.rglob("*.*") if "metadata.json" not in path.name]
    assert len(names) == len(set(names))


def in_order(table: dict[str, Any]) -> None:
    """Check a table's history as Iceberg's Java library does when it reads one, and that epochs are in it in order."""
    log = [entry["timestamp-ms"] for entry in table["snapshot-log"]]
    assert log == sorted(log)
    assert table["last-updated-ms"] >= log[-1]
    metadata = [entry["timestamp-ms"] for entry in table["metadata-log"]]
    assert metadata == sorted(metadata)
    snapshots = sorted(table["snapshots"], key=lambda snapshot: int(snapshot["sequence-number"]))
    assert [snapshot["summary"]["dativo.epoch"] for snapshot in snapshots] == ["1", "2", "3"]
    assert [snapshot["timestamp-ms"] for snapshot in snapshots] == log


def test_a_job_goes_on_after_a_run_whose_clock_was_ahead(sweep: Sweep, tmp_path: Path) -> None:
    job, clock = Job(sweep, tmp_path, Tap(pad=120_000)), tmp_path / "clock"
    clock.write_text(str(400 * DAY))
    child = job.start(env={"DATIVO_CLOCK": str(clock)})
    job.first_epoch(child)
    ended = child.wait()
    assert ended.code == 0
    job.state = job.tap.states()[0]
    job.finish()
    for pointer in job.target.published().values():
        history = json.loads(Path(pointer.removeprefix("file://")).read_text())["snapshot-log"]
        assert history[0]["timestamp-ms"] < history[1]["timestamp-ms"]

"""One sweep for the session: a warm process and a reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.job import Job
from tests.faults.oracle import Tap
from tests.faults.sweep import Sweep, sql_sweep


@pytest.fixture(scope="session")
def sweep() -> Iterator[Sweep]:
    with sql_sweep() as running:
        yield running


@pytest.fixture
def job(sweep: Sweep, tmp_path: Path) -> Job:
    """A job over a warehouse of its own, whose epochs are published one by one when their STATE is waited for."""
    return Job(sweep, tmp_path, Tap(pad=120_000))

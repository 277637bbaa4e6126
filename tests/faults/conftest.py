"""One sweep for the session: a warm process and a reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.sweep import Sweep, sql_sweep


@pytest.fixture(scope="session")
def sweep() -> Iterator[Sweep]:
    with sql_sweep() as running:
        yield running

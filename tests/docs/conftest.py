from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from tests.readback import connect
from tests.target.running import Server, Target


@pytest.fixture
def targets(_warm: Server) -> Callable[[Path], Target]:
    """Make targets, each with a folder of its own."""
    return lambda folder: Target(_warm, folder)


@pytest.fixture(scope="package")
def reader() -> Iterator[DuckDBPyConnection]:
    """Reads tables; one for all tests, since making it takes longer than a load."""
    with connect() as found:
        yield found

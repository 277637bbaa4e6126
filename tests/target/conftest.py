"""The target in a child process that costs no imports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.target.running import Server, Target


@pytest.fixture(scope="session")
def _warm() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def target(_warm: Server, tmp_path: Path) -> Target:
    """The target, over a warehouse of its own."""
    return Target(_warm, tmp_path)

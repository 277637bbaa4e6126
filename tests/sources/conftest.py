"""Real servers for the session, and taps in environments of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sources.mariadb import MariaDb, mariadb
from tests.sources.pipe import Pipe
from tests.sources.postgresql import PostgreSql, postgresql
from tests.sources.venvs import tap_venv
from tests.target.running import Target

OpenPipe = Callable[[str], Pipe]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgreSql]:
    with postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MariaDb]:
    with mariadb() as server:
        yield server


@pytest.fixture
def open_pipe(target: Target, tmp_path: Path) -> OpenPipe:
    """A pipe from the tap of `requirements/taps/NAME.txt` into the target."""
    return lambda name: Pipe(target, tap_venv(name), tmp_path)

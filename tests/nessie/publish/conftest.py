"""The target over the session's stack, each test on a tenant branch of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.nessie import NessieClient, Reference
from tests.nessie.publish.landing import Landing, duckdb_on
from tests.target.running import Server


@pytest.fixture(scope="session")
def warm(_warm: Server) -> Server:
    return _warm


@pytest.fixture(scope="session")
def reader(stack: LocalStack) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb_on(stack) as con:
        yield con


@pytest.fixture
def landing(
    warm: Server,
    stack: LocalStack,
    nessie: NessieClient,
    reader: duckdb.DuckDBPyConnection,
    branch: Reference,
    tmp_path: Path,
) -> Landing:
    """The target and its readers on a branch that is there already, without tables."""
    return Landing(warm, stack, nessie, reader, tmp_path, branch.name)

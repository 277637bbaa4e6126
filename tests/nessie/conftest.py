"""One real stack for the session; every test works on a branch of its own."""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.nessie import NessieClient, Reference
from tests.nessie.lake import OpenCatalog, catalog_of

_NUMBERS = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def _shared_downloads() -> Iterator[None]:
    """Each test has a home of its own; Nessie's jar and the class archive are still those of the person."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("M2_REPO", os.environ.get("M2_REPO", str(Path.home() / ".m2" / "repository")))
        patch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")))
        yield


@pytest.fixture(scope="session")
def stack(_shared_downloads: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack.start(tmp_path_factory.mktemp("stack") / "shared") as running:
        # a branch without any commit cannot be merged into
        catalog_of(running, "main").create_namespace("ns")
        yield running


@pytest.fixture
def nessie(stack: LocalStack) -> Iterator[NessieClient]:
    with NessieClient(stack.nessie_uri) as client:
        yield client


@pytest.fixture(scope="session")
def beginning(stack: LocalStack) -> Reference:
    """`main` before any test: some tests commit to it."""
    with NessieClient(stack.nessie_uri) as client:
        first = list(client.log("main"))[-1].commit_meta.hash
    return Reference("BRANCH", "main", first)


@pytest.fixture
def branch(nessie: NessieClient, beginning: Reference, request: pytest.FixtureRequest) -> Reference:
    """A new branch whose only commit made the namespace `ns`."""
    name = re.sub("[^A-Za-z0-9_]", "-", request.node.name)
    return nessie.create_branch(f"{name}-{next(_NUMBERS)}", beginning)


@pytest.fixture
def open_catalog(stack: LocalStack) -> OpenCatalog:
    return lambda branch_name: catalog_of(stack, branch_name)

"""The sweep's places on a real Nessie: a branch for each point."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.nessie import NessieClient, ReferenceMissing
from tests.faults.sweep import FaultyServer, Sweep
from tests.nessie.lake import catalog_of
from tests.nessie.publish.landing import NAMESPACE, duckdb_on

_NUMBERS = itertools.count()


class NessiePlace:
    """A tenant branch of its own, which the first run makes."""

    def __init__(self, stack: LocalStack, nessie: NessieClient) -> None:
        self._nessie = nessie
        self._branch = f"swept-{next(_NUMBERS)}-x"
        self.settings: dict[str, Any] = stack.target_settings(self._branch) | {"namespace": NAMESPACE}

    def pointers(self) -> dict[str, str]:
        """None when the run was cut off before it made the branch."""
        try:
            entries = list(self._nessie.entries(self._branch, with_content=True))
        except ReferenceMissing:
            return {}
        return {e.path[-1]: e.content.metadata_location or "" for e in entries if e.content and len(e.path) > 1}


@contextmanager
def nessie_sweep(folder: Path, stack: LocalStack | None = None) -> Iterator[Sweep]:
    """A sweep over a stack, its own unless one is given."""
    if stack is None:
        with LocalStack.start(folder / "stack") as own:
            catalog_of(own, "main").create_namespace(NAMESPACE)
            with nessie_sweep(folder, own) as sweep:
                yield sweep
            return
    server = FaultyServer()
    try:
        with duckdb_on(stack) as reader, NessieClient(stack.nessie_uri) as nessie:
            yield Sweep(server, reader, lambda _: NessiePlace(stack, nessie))
    finally:
        server.stop()

"""Processes that write to one tenant's branch at once, to tables of their own and to shared ones: every row once.

Usage: python -m tests.faults.rivals [PROCESSES [EPOCHS]], in the checkout (`make faults`).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.nessie import NessieClient
from tests.nessie.lake import catalog_of
from tests.nessie.publish.landing import EACH, NAMESPACE, Landing, duckdb_on, epochs
from tests.target.running import Child, Ended, Server

SHARED = ("shared", "also")
PATIENCE = 200.0
APART = 100_000  # between the ids of two writers


def feed_all(children: Sequence[Child], inputs: Sequence[list[bytes]]) -> list[Ended]:
    """Feed all at once, epoch by epoch, each after the STATE of the one before, and wait for all."""

    def feed(child: Child, pieces: list[bytes]) -> None:
        for number, piece in enumerate(pieces):
            child.feed_bytes(piece)
            _await_states(child, number)
        child.close()

    with ThreadPoolExecutor(len(children)) as threads:
        list(threads.map(feed, children, inputs))
    return [child.wait() for child in children]


def _await_states(child: Child, number: int) -> None:
    """Wait until so many epochs are published, or the run has failed: a rival may try for two minutes."""
    limit = time.monotonic() + PATIENCE
    while child.out.count(b"\n") < number and "ERROR" not in child.log:
        assert time.monotonic() < limit, child.log
        time.sleep(0.05)


def race(landing: Landing, writers: int, rounds: int, publish: str) -> None:
    """Let writers publish at once and check that each row is there once, in the shared tables and in their own."""
    # four tables make an epoch of more than a MiB, so that each ends one
    inputs = [list(epochs((*SHARED, f"own{w}", f"more{w}"), w * APART + 1, rounds)) for w in range(writers)]
    children = [landing.start(publish=publish, job_id=f"w{w}", epoch_max_mb=1) for w in range(writers)]
    ended = feed_all(children, inputs)
    assert [e.code for e in ended] == [0] * writers, "\n".join(e.log for e in ended)
    assert [len(e.states) for e in ended] == [rounds] * writers
    wanted = [range(w * APART + 1, w * APART + 1 + rounds * EACH) for w in range(writers)]
    for table in SHARED:
        assert landing.ids(table) == [n for ids in wanted for n in ids]
    for own in ("own", "more"):
        assert [landing.ids(f"{own}{w}") for w in range(writers)] == [list(ids) for ids in wanted]


def main(writers: int = 8, rounds: int = 10) -> None:
    """Race with both publishers on a stack of its own."""
    server = Server()
    try:
        with tempfile.TemporaryDirectory() as name, LocalStack.start(Path(name) / "stack") as stack:
            catalog_of(stack, "main").create_namespace(NAMESPACE)
            with NessieClient(stack.nessie_uri) as nessie, duckdb_on(stack) as reader:
                for publish in ("commit", "branch"):
                    begun, folder = time.monotonic(), Path(name) / publish
                    folder.mkdir()
                    landing = Landing(server, stack, nessie, reader, folder, f"rivals-{publish}")
                    nessie.create_branch(landing.branch, nessie.reference("main"))
                    race(landing, writers, rounds, publish)
                    rows = writers * rounds * EACH
                    print(
                        f"{publish}: {writers} processes x {rounds} epochs on one branch: {rows} rows in each of "
                        f"{len(SHARED)} shared tables and in {2 * writers} of their own, each once: "
                        f"{time.monotonic() - begun:.0f} s",
                        flush=True,
                    )
    finally:
        server.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

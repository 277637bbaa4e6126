"""A reader that looks at a branch every 50 ms while six streams are loaded, and never sees a part of an epoch.

Usage: python -m tests.faults.poller [ROWS], in the checkout (`make faults`).
"""

from __future__ import annotations

import math
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.nessie import NessieClient, ReferenceMissing
from tests.nessie.lake import catalog_of
from tests.nessie.publish.landing import NAMESPACE, Landing, duckdb_on
from tests.target.running import Server, schema, state, text

STREAMS = "abcdef"
EVERY_SECONDS = 0.05
BETWEEN_STATES = 500  # rows of each stream
EPOCH_MB = 4
_PAD = "x" * 200
_ROW = '{"type":"RECORD","stream":"%s","record":{"id":%d,"s":"' + _PAD + '"}}\n'


class Poller:
    """Looks at all tables as of one commit, again and again, from its `with` to the end of it.

    Attributes:
        polls: how often it has looked.
        seen: rows of a stream that it saw, each number once, in order.

    """

    def __init__(self, landing: Landing) -> None:
        self.polls = 0
        self.seen: list[int] = []
        self._landing = landing
        self._reader = landing.reader.cursor()
        self._last: dict[str, str] = {}
        self._end = threading.Event()
        self._thread = ThreadPoolExecutor(1)
        self._running: Future[None]

    def __enter__(self) -> Self:
        self._running = self._thread.submit(self._run)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.shutdown()
        self._reader.close()
        self._running.result()

    @property
    def failed(self) -> bool:
        """Whether it has seen what must not be."""
        return self._running.done()

    def _run(self) -> None:
        with NessieClient(self._landing.stack.nessie_uri) as nessie:
            while not self._end.is_set():
                self._look(nessie)
                self._end.wait(EVERY_SECONDS)
            self._look(nessie)

    def _look(self, nessie: NessieClient) -> None:
        tables = self._tables(nessie)
        if tables != self._last or not self.polls:
            found = {stream: self._rows(tables.get(stream)) for stream in STREAMS}
            assert len(set(found.values())) == 1, f"a part of an epoch: {found}"
            rows, total = found[STREAMS[0]]
            assert (rows % BETWEEN_STATES, total) == (0, rows * (rows + 1) // 2), found
            assert not self.seen or rows > self.seen[-1], (self.seen, rows)
            self.seen.append(rows)
            self._last = tables
        self.polls += 1

    def _tables(self, nessie: NessieClient) -> dict[str, str]:
        """Metadata location by table, all as of one commit."""
        try:
            entries = list(nessie.entries(self._landing.branch, with_content=True))
        except ReferenceMissing:
            return {}
        return {
            e.path[-1]: e.content.metadata_location or "" for e in entries if e.type == "ICEBERG_TABLE" and e.content
        }

    def _rows(self, pointer: str | None) -> tuple[int, int]:
        """How many rows a table has, and the sum of their ids, which are 1, 2, 3 and so on."""
        if pointer is None:
            return 0, 0
        query = f"SELECT count(*), coalesce(sum(id), 0)::BIGINT FROM iceberg_scan('{pointer}')"
        row: Any = self._reader.execute(query).fetchone()
        return row[0], row[1]


def lines(rows: int) -> Iterator[bytes]:
    """SCHEMAs, then so many rows of each stream, row by row in turn, with a STATE now and then and at the end."""
    yield "".join(f"{text(schema(s, keys=()))}\n" for s in STREAMS).encode()
    for first in range(1, rows + 1, BETWEEN_STATES):
        numbers = range(first, first + BETWEEN_STATES)
        yield "".join(_ROW % (s, n) for n in numbers for s in STREAMS).encode()
        yield f"{text(state({'id': numbers[-1]}))}\n".encode()


def watch(landing: Landing, rows: int, publish: str) -> tuple[Poller, int]:
    """Load so many rows of each stream under a poller's eyes; return it and the number of epochs."""
    assert rows % BETWEEN_STATES == 0
    with Poller(landing) as poller:
        child = landing.start(publish=publish, job_id="polled", epoch_max_mb=EPOCH_MB)
        for piece in lines(rows):
            child.feed_bytes(piece)
        # its input stays open until the reader has seen an epoch that is not the last
        child.until(lambda: any(poller.seen) or poller.failed or "ERROR" in child.log, "an epoch that is seen")
        ended = child.wait()
    assert ended.code == 0, ended.log
    assert poller.seen[-1] == rows, poller.seen
    return poller, ended.report["epochs"]


def main(rows: int = 2_000_000) -> None:
    """Watch both publishers on a stack of its own; `rows` are those of all streams."""
    each = math.ceil(rows / len(STREAMS) / BETWEEN_STATES) * BETWEEN_STATES
    server = Server()
    try:
        with tempfile.TemporaryDirectory() as name, LocalStack.start(Path(name) / "stack") as stack:
            catalog_of(stack, "main").create_namespace(NAMESPACE)
            with NessieClient(stack.nessie_uri) as nessie, duckdb_on(stack) as reader:
                for publish in ("commit", "branch"):
                    begun, folder = time.monotonic(), Path(name) / publish
                    folder.mkdir()
                    landing = Landing(server, stack, nessie, reader, folder, f"polled-{publish}")
                    poller, epochs = watch(landing, each, publish)
                    print(
                        f"{publish}: {each * len(STREAMS)} rows of {len(STREAMS)} streams in {epochs} epochs; "
                        f"{poller.polls} polls saw {len(poller.seen)} moments of the branch, no part of an epoch: "
                        f"{time.monotonic() - begun:.0f} s",
                        flush=True,
                    )
    finally:
        server.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

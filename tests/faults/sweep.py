"""The call sweep: strike at the first call to the outside, then at the second, … until a run ends untouched.

Usage: python -m tests.faults.sweep sql|nessie [commit|branch] [bare|job] [MODE …] [STEP] (`make faults`).
With STEP, only every STEPth call is struck at.
"""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import duckdb

from tests.faults.calls import MODES
from tests.faults.oracle import STREAMS, Seen, Tap, check_resumed, check_run, reconciled
from tests.readback import connect
from tests.target.running import Ended, Server, Target

JOB = "swept"
NEVER = 1 << 30
VARIANTS = ("bare", "job")
PUBLISHERS = ("commit", "branch")


class FaultyServer(Server):
    """Starts the warm process whose children can be struck (`faulty.py`)."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.faulty", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
        )
        theirs.close()


class Place(Protocol):
    """Where the tables of one point are."""

    settings: dict[str, Any]

    def pointers(self) -> dict[str, str]:
        """Metadata location by table name."""
        ...


class SqlPlace:
    """A warehouse folder with its SQLite catalog."""

    def __init__(self, folder: Path) -> None:
        self._catalog = folder / "warehouse" / "catalog.db"
        self.settings: dict[str, Any] = {}

    def pointers(self) -> dict[str, str]:
        """None when the run was cut off while it made the catalog."""
        if not self._catalog.exists():
            return {}
        con = sqlite3.connect(self._catalog, timeout=60)
        try:
            return dict(con.execute("SELECT table_name, metadata_location FROM iceberg_tables").fetchall())
        except sqlite3.OperationalError:
            return {}
        finally:
            con.close()


@dataclass
class Sweep:
    """Runs points and checks the oracle after each."""

    server: Server
    reader: duckdb.DuckDBPyConnection
    make_place: Any
    tap: Tap = field(default_factory=Tap)

    def calls(self, folder: Path, **settings: Any) -> list[str]:
        """The calls of a run that nobody strikes, in order."""
        return self._point(folder, "fail", NEVER, "bare", settings)

    def point(self, folder: Path, mode: str, number: int, variant: str = "job", **settings: Any) -> bool:
        """Strike at one call, resume, check both; False when the run made fewer calls."""
        return any(line.endswith("*") for line in self._point(folder, mode, number, variant, settings))

    def _point(self, folder: Path, mode: str, number: int, variant: str, settings: dict[str, Any]) -> list[str]:
        folder.mkdir()
        place, target, log = self.make_place(folder), Target(self.server, folder), folder / "calls"
        settings = {"on_violation": "quarantine", "epoch_max_mb": 1, **place.settings, **settings}
        if variant == "job":
            settings["job_id"] = JOB
        fault = {"DATIVO_FAULT": f"{mode}:{number}", "DATIVO_CALLS": str(log)}
        ended = _run(target, self.tap, None, env=fault, **settings)
        calls = log.read_text().splitlines() if log.exists() else []
        place_ = f"{variant} {mode} {number}: {calls[-1] if calls else ''}"
        try:
            seen = self.seen(place)
            printed = check_run(self.tap, 0, ended, seen)
            after = reconciled(self.tap.states(), printed, seen.checkpoints) if variant == "job" else printed
            again = _run(target, self.tap, after, **settings)
            check_resumed(self.tap, again, self.seen(place), once=variant == "job")
        except AssertionError as error:
            raise AssertionError(f"{place_}\n{error}\n{ended.log}") from error
        return calls

    def seen(self, place: Place) -> Seen:
        """What DuckDB reads now."""
        pointers = place.pointers()

        def read(columns: str, table: str) -> list[Any]:
            if table not in pointers:
                return []
            return self.reader.execute(f"SELECT {columns} FROM iceberg_scan('{pointers[table]}')").fetchall()

        ids = {stream: [row[0] for row in read("id", stream)] for stream in STREAMS}
        return Seen(
            ids, len(read("_seq", "a__quarantine")), [c for p in pointers.values() for c in self._checkpoint(p)]
        )

    def _checkpoint(self, pointer: str) -> list[dict[str, Any]]:
        row = self.reader.execute(f"SELECT content FROM read_text('{pointer}')").fetchone()
        properties = json.loads(row[0])["properties"] if row else {}
        return [json.loads(v) for k, v in properties.items() if k == f"dativo.checkpoint.{JOB}"]

    def all(self, folder: Path, modes: Iterable[str], variants: Iterable[str], step: int = 1, **settings: Any) -> int:
        """Sweep until runs end untouched; return the number of points."""
        points = 0
        for variant, mode in itertools.product(variants, modes):
            struck = 0
            while self._kept_if_failed(folder / "point", mode, 1 + struck * step, variant, settings):
                struck += 1
            points += struck
            print(f"{variant:<5}{mode:<8}{struck:>5} points", *settings.values(), flush=True)
        return points

    def _kept_if_failed(self, folder: Path, mode: str, number: int, variant: str, settings: dict[str, Any]) -> bool:
        struck = self.point(folder, mode, number, variant, **settings)
        shutil.rmtree(folder)
        return struck


def _run(target: Target, tap: Tap, after: bytes | None, **options: Any) -> Ended:
    child = target.start(**options)
    for piece in tap.messages(after):
        child.feed_bytes(piece)
    return child.wait()


@contextmanager
def sql_sweep() -> Iterator[Sweep]:
    """A sweep over SQLite and files."""
    server = FaultyServer()
    try:
        with connect() as reader:
            yield Sweep(server, reader, SqlPlace)
    finally:
        server.stop()


def main(where: str, *words: str) -> None:
    """Sweep everything, or what the words leave of it, and print the count."""
    from tests.faults.on_nessie import nessie_sweep

    modes = [w for w in words if w in MODES] or MODES
    publishers = [w for w in words if w in PUBLISHERS] or (PUBLISHERS if where == "nessie" else PUBLISHERS[:1])
    variants = [w for w in words if w in VARIANTS] or VARIANTS
    step = next((int(w) for w in words if w.isdecimal()), 1)
    begun, points = time.monotonic(), 0
    with (
        tempfile.TemporaryDirectory() as folder,
        sql_sweep() if where == "sql" else nessie_sweep(Path(folder)) as sweep,
    ):
        for publish in publishers:
            calls = sweep.calls(Path(folder) / f"calls-{publish}", publish=publish)
            print(f"{where} {publish}: {len(calls)} calls:", ", ".join(sorted(set(calls))))
            points += sweep.all(Path(folder), modes, variants, step, publish=publish)
    print(f"{where}: {points} points, no row lost, none doubled in a job: {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])

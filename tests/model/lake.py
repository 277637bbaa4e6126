"""A warehouse under trial: runs of the target and of `dativo maintain` over it, struck or held up, and its tables."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb

from target_dativo_iceberg.maintain import main as maintain
from target_dativo_iceberg.messages import BLOCK_BYTES
from tests.model.expected import DELETED_AT, MARKED, VERSION
from tests.model.messages import MIB, STREAMS, Epoch, Kind
from tests.partitions.lake import Lake as Loads
from tests.target.running import DEADLINE, Child, Ended, Server, Target

JOB = "model"
_TOLD = {DELETED_AT, VERSION}


class Place(Protocol):
    """Where the tables are."""

    settings: dict[str, Any]

    def pointers(self) -> dict[str, str]:
        """Metadata location by table name."""
        ...


@dataclass(frozen=True)
class Strike:
    """What happens to a run.

    Attributes:
        mode: of `tests.faults.calls`.
        at: at which of the calls, in percent of those that a run makes; more than 100 is likely none.
        meanwhile: under mode `wait`, what is done while the run is held up.

    """

    mode: str
    at: int
    meanwhile: Callable[[], None] = lambda: None


class Lake:
    """One warehouse.

    Args:
        server: whose children can be struck.
        reader: DuckDB.
        place: where the tables are.
        folder: for configs, logs and temporary files.
        kind: of the warehouse.

    Attributes:
        strikes: how many runs met what they were to meet.

    """

    def __init__(
        self, server: Server, reader: duckdb.DuckDBPyConnection, place: Place, folder: Path, kind: Kind
    ) -> None:
        self._target, self._reader, self._place, self._folder = Target(server, folder), reader, place, folder
        self._own = Loads(folder)
        self._calls = 60
        self._runs = 0
        self.strikes = 0
        self.settings: dict[str, Any] = {
            "on_violation": "quarantine",
            "evolution": "relaxed",
            "epoch_max_mb": 1,
            "hard_delete": kind.hard,
            "add_record_metadata": kind.metadata,
            "partition_by": list(kind.partition),
            "sort_by": list(kind.sort),
            "stream_settings": {stream: {"load_method": method} for stream, method in kind.methods.items()},
            "table_properties": {"history.expire.max-snapshot-age-ms": "0", "commit.manifest-merge.enabled": "false"},
            **place.settings,
        }

    # ---- runs ----

    def load(self, epochs: Sequence[Epoch], job: str = JOB) -> list[bytes]:
        """Load epochs in this process, each published on its own; return the STATE values printed."""
        # An epoch that fills a block of input ends with it.
        sizes = [*[BLOCK_BYTES] * (len(epochs) - 1), 0]
        data = b"".join(e.text(first=not n, size=sizes[n]) for n, e in enumerate(epochs))
        self._own.printed.clear()
        self._own.run(data, job_id=job, **self.settings)
        return list(self._own.printed)

    def struck(self, epochs: Sequence[Epoch], strike: Strike) -> Ended:
        """Load epochs in a process to which something happens; each is published before the next begins."""
        child, calls = self._start(strike, **self.settings, job_id=JOB)
        for number, epoch in enumerate(epochs, 1):
            last = number == len(epochs)
            child.feed_bytes(epoch.text(first=number == 1, size=0 if last else MIB))
            if last:
                child.close()
            self._pass(child, calls, strike, lambda n=number: not last and child.out.count(b"\n") >= n)  # noqa: B023
        return self._ended(child, calls)

    def care(self, words: Sequence[str], strike: Strike | None = None) -> int:
        """Run `dativo maintain`, in this process unless something happens to it; return its exit code."""
        config = self._folder / "maintain.config"
        config.write_text(json.dumps(self._own.settings | self.settings))
        argv = ["--config", str(config), *words]
        if strike is None:
            with redirect_stdout(io.StringIO()) as said:
                assert maintain(argv) == 0, said.getvalue()
            return 0
        child, calls = self._start(strike, argv=argv, program="target_dativo_iceberg.maintain")
        child.close()
        self._pass(child, calls, strike, lambda: False)
        return self._ended(child, calls).code

    def _start(self, strike: Strike, **options: Any) -> tuple[Child, Path]:
        self._runs += 1
        calls, gate = self._folder / f"calls{self._runs}", self._folder / f"gate{self._runs}"
        os.mkfifo(gate)
        number = 1 + strike.at * self._calls // 100
        env = {"DATIVO_FAULT": f"{strike.mode}:{number}", "DATIVO_CALLS": str(calls), "DATIVO_GATE": str(gate)}
        return self._target.start(env=env, **options), calls

    def _pass(self, child: Child, calls: Path, strike: Strike, done: Callable[[], bool]) -> None:
        """Wait until something is done or the child has ended; let it through the gate when it stands there."""
        limit = time.monotonic() + DEADLINE
        gate = calls.with_name(calls.name.replace("calls", "gate"))
        while not (done() or _has_ended(child.pid)):
            assert time.monotonic() < limit, child.log
            if strike.mode == "wait" and gate.exists() and _struck(calls):
                try:
                    strike.meanwhile()
                finally:
                    os.close(os.open(gate, os.O_WRONLY))
                    gate.unlink()
            time.sleep(0.005)

    def _ended(self, child: Child, calls: Path) -> Ended:
        ended = child.wait()
        if _struck(calls):
            self.strikes += 1
        else:
            self._calls = calls.read_bytes().count(b"\n")
        assert "Traceback" not in ended.log, ended.log
        assert "fault of the target" not in ended.log, ended.log
        return ended

    # ---- tables ----

    def bags(self, columns: dict[str, frozenset[str]]) -> dict[str, Counter[tuple[Any, ...]]]:
        """All rows of each stream's table, in columns that the tables must have, and no others but the SDK's own."""
        pointers = self._place.pointers()
        found = {}
        for stream in STREAMS:
            bag: Counter[tuple[Any, ...]] = Counter()
            if stream in pointers:
                names, rows = self._rows(pointers[stream])
                shown = [n for n, name in enumerate(names) if not name.startswith("_sdc_") or name in _TOLD]
                assert {names[n] for n in shown} == columns[stream], (stream, names)
                order = sorted(shown, key=lambda n: names[n])
                bag.update(tuple(_value(names[n], row[n]) for n in order) for row in rows)
            else:
                assert not columns[stream], f"there is no table {stream}"
            found[stream] = bag
        return found

    def quarantined(self) -> dict[str, int]:
        """Rows in quarantine by stream."""
        pointers = self._place.pointers()
        return {
            s: len(self._rows(pointers[name])[1]) if (name := f"{s}__quarantine") in pointers else 0 for s in STREAMS
        }

    def _rows(self, pointer: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        result = self._reader.execute(f"SELECT * FROM iceberg_scan('{pointer}')")
        return [d[0] for d in result.description], result.fetchall()

    def furthest(self, epochs: Sequence[Epoch]) -> int:
        """How many of a job's epochs a checkpoint says to be published."""
        hashes = [hashlib.sha256(epoch.state).hexdigest() for epoch in epochs]
        states = [self._checkpoint(pointer) for pointer in self._place.pointers().values()]
        return max((hashes.index(state) + 1 for state in states if state in hashes), default=0)

    def _checkpoint(self, pointer: str) -> str:
        row = self._reader.execute(f"SELECT content FROM read_text('{pointer}')").fetchone()
        assert row is not None
        return str(
            json.loads(json.loads(row[0])["properties"].get(f"dativo.checkpoint.{JOB}", '{"state": ""}'))["state"]
        )

    def data_files(self) -> tuple[set[str], set[str]]:
        """Names of data files that tables refer to, and of those on disk (of a local warehouse)."""
        used = {
            Path(name).name
            for pointer in self._place.pointers().values()
            for (name,) in self._reader.execute(
                f"SELECT file_path FROM iceberg_metadata('{pointer}') WHERE status <> 'DELETED'"
            ).fetchall()
        }
        return used, {path.name for path in self._target.warehouse.rglob("*.parquet")}


def _value(name: str, value: Any) -> Any:
    if name != DELETED_AT or value is None:
        return value
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if value.year == 2024 else MARKED


def _struck(calls: Path) -> bool:
    return calls.exists() and b" *\n" in calls.read_bytes()


def _has_ended(pid: int) -> bool:
    """Whether a child has ended and waits to be asked for."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

"""One BATCH of many Parquet files: by one process, by threads, by tasks on two local nodes of Ray, in one run.

The nodes have one CPU each. On a machine of two cores one process decodes and writes on both already, so what nodes
add is seen against one process that is held to one core; against the same process with both cores the table says what
spreading costs. What every run leaves is read back by DuckDB.
"""

import os
import shutil
import statistics
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Self

from benchmarks import machine, measure, readback
from benchmarks.cases import PYCACHE, SCRATCH
from benchmarks.measure import Usage
from benchmarks.runners import OURS, write_config
from tests.spread import isolation
from tests.spread.cluster import Cluster
from tests.spread.orders import STREAM, Orders

FILES, ROWS, RUNS = 40, 250_000, 2


@dataclass
class Way:
    """A way to load the files, and its runs."""

    name: str
    settings: Mapping[str, object]
    before: tuple[str, ...] = ()
    spread: bool = False
    runs: list[Usage] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Seconds of the median run."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """CPU seconds of the median run, those of the nodes with it."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def others(self) -> float:
        """Share of the cores that other processes took in the worst run, 0 to 1."""
        return max(run.others for run in self.runs)


def main(files: int = FILES, rows: int = ROWS) -> int:
    """Run it in a network of its own; returns the exit code."""
    program = [sys.executable, "-m", "benchmarks", "ray", str(files), str(rows), "--isolated"]
    return os.spawnvp(os.P_WAIT, "unshare", isolation.command(*program))


def measured(files: int, rows: int) -> list[str]:
    """Measure and return the table as lines; inside of the network only."""
    isolation.raise_loopback()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH.absolute(), prefix="ray-") as folder:
        orders = Orders(Path(folder) / "input", files, rows)
        orders.write()
        ways = _ways()
        for turn in range(RUNS):
            for way in ways:
                way.runs.append(_run(way, orders, Path(folder) / f"{turn}-{way.name}"))
                print(f"  {way.name:28} {orders.records / way.runs[-1].wall:>10,.0f} rows/s", flush=True)
        return [*_head(orders), *_lines(ways, orders)]


def _ways() -> list[Way]:
    return [
        Way("one process on one core", {}, ("taskset", "-c", "0")),
        Way("one process", {}),
        Way("threads", {"spread_batches": "threads"}),
        Way("Ray, two nodes of one CPU", {"spread_batches": "ray"}, spread=True),
    ]


def _run(way: Way, orders: Orders, work: Path) -> Usage:
    """Run it once; nodes of Ray stand before their run begins, and not while others run."""
    work.mkdir()
    (work / "in").write_bytes(orders.messages())
    config = {
        "warehouse": str(work / "warehouse"),
        "contract_path": str(orders.contract),
        "batch_roots": [str(orders.folder)],
        "on_violation": "quarantine",
    }
    path = write_config(work, config | dict(way.settings))
    command = [*way.before, str(Path(sys.executable).with_name(OURS)), "--config", path]
    if way.spread:
        with Cluster(2) as cluster:
            theirs = [f"{name}={value}" for name, value in cluster.environment.items() if name.startswith("RAY_")]
            with _Meter(cluster) as meter:
                usage = measure.run(["env", *theirs, *command], work / "in", work, PYCACHE)
            usage = _with_nodes(usage, meter.seconds)
    else:
        usage = measure.run(command, work / "in", work, PYCACHE)
    if usage.exit_code:
        raise readback.Mismatch(f"{way.name}: exit code {usage.exit_code}: {(work / 'stderr').read_text()[-2000:]}")
    _check(orders, work)
    shutil.rmtree(work)
    return usage


class _Meter:
    """CPU seconds of a cluster's processes; looked at often, since workers end with the run and nobody counts them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._before = cluster.cpu_seconds()
        self._seen = dict(self._before)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        return sum(self._seen.values()) - sum(self._before.values())

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self._seen |= self._cluster.cpu_seconds()


def _with_nodes(usage: Usage, seconds: float) -> Usage:
    """Count the nodes' CPU seconds with those of the run: they are no children of it, and so among the others'."""
    others = max(0.0, usage.others - seconds / usage.wall / (os.cpu_count() or 1))
    return replace(usage, user=usage.user + seconds, others=others)


def _check(orders: Orders, work: Path) -> None:
    want = (orders.good, orders.sums[0], orders.good)
    found = readback.query(work / "warehouse", STREAM, "count(*), sum(id), count(DISTINCT id)")
    bad = readback.query(work / "warehouse", f"{STREAM}__quarantine", "count(*)")
    if (found, bad) != (want, (orders.bad,)):
        raise readback.Mismatch(f"read back {found} and {bad}, not {want} and {(orders.bad,)}")


def _head(orders: Orders) -> list[str]:
    where = machine.describe()
    size = sum(path.stat().st_size for path in orders.paths) / 1e6
    return [
        f"{orders.files} Parquet files of {orders.rows:,} rows, {size:,.0f} MB, {orders.bad:,} bad rows; medians of "
        f"{RUNS} runs in turns, start-up and the workers' imports included",
        f"{where['cores']} cores, {where['memory_gib']} GiB, Python {where['python']}, commit {where['commit']}, "
        + ", ".join(f"{name} {version(name)}" for name in ("ray", "pyarrow", "pyiceberg")),
        "",
    ]


def _lines(ways: list[Way], orders: Orders) -> list[str]:
    one, both = ways[0].wall, ways[1].wall
    return [
        f"  {'':25} {'s':>6} {'rows/s':>11} {'CPU s':>6} {'others':>7}  times one core  times one process",
        *(
            f"  {way.name:25} {way.wall:6.1f} {orders.records / way.wall:11,.0f} {way.cpu:6.1f} {way.others:7.0%} "
            f"{one / way.wall:15.2f} {both / way.wall:18.2f}"
            for way in ways
        ),
        "",
        "  CPU is of run and nodes; others: share of the cores that other processes took in the worst run",
    ]

"""A load spread over a Ray cluster of this machine, which loses a worker, then a node; then the tables are read back.

Before it a load that breaks its contract, after it one that loses the head.

    python -m tests.spread.scene [--files 40] [--rows 250000]

It puts itself into a network and a process table of its own (`isolation`). It says what it has seen, a line each, and
ends with 0 if all of it is as it must be.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.spread.cluster import Cluster, until
from tests.spread.isolation import command, raise_loopback
from tests.spread.loads import Load, Loaded
from tests.spread.orders import BAD_EVERY, STATE, STREAM, Orders

_HEAD, _DOOMED = 0, 1  # the head is the node that the driver joins


def main() -> int:
    """Play the scene in namespaces of its own, or start it there."""
    asked = _arguments()
    if not asked.isolated:
        program = [sys.executable, "-m", "tests.spread.scene", *sys.argv[1:], "--isolated"]
        return subprocess.run(command(*program), check=False).returncode
    raise_loopback()
    with tempfile.TemporaryDirectory(prefix="spread-") as folder:
        _play(Orders(Path(folder) / "input", asked.files, asked.rows), Path(folder))
    return 0


def _play(orders: Orders, folder: Path) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(orders.write)
        with Cluster(2) as cluster:
            written.result()
            up = time.monotonic() - began
            _say(f"{orders.files} files of {orders.rows:,} rows, two nodes of Ray, up in {up:.1f} s")
            _a_violation_ends_it(orders.rows, cluster, folder / "strict")
            _workers_are_lost(orders, cluster, folder / "lossy")
            _the_head_is_lost(cluster, folder / "headless")
    left = [pid for pid in _processes() if pid != os.getpid()]
    assert not left, f"processes are left: {left}"


def _a_violation_ends_it(rows: int, cluster: Cluster, folder: Path) -> None:
    began = time.monotonic()
    orders = Orders(folder / "input", 6, rows, fine=5 * rows)
    orders.write()
    with Load(folder / "load", orders, cluster.environment, on_violation="strict", spread_batches="ray") as load:
        ended = load.wait()
    _check_failed(ended, "the record breaks its contract: $.quantity breaks minimum")
    assert not ended.data_files(), f"files are left: {ended.data_files()}"
    _say(f"strict: exit code 1, no table, no file, {time.monotonic() - began:.1f} s")


def _workers_are_lost(orders: Orders, cluster: Cluster, folder: Path) -> None:
    began = time.monotonic()
    for node in (_HEAD, _DOOMED):
        cluster.halt(node)
    with Load(folder, orders, cluster.environment, on_violation="quarantine", spread_batches="ray") as load:
        # Not before both are at work, and each is told where to stop next before it goes on: who is only looked at now
        # and then, and told then, may have done all files by that time.
        at_work = _halted(load, cluster, _HEAD), _halted(load, cluster, _DOOMED)
        _halt_next(cluster, _HEAD, at_work[_HEAD])
        for pid in _halted(load, cluster, _HEAD):
            os.kill(pid, signal.SIGKILL)
        _say(f"{len(load.data_files())} data files are there, a worker is killed in the middle of one")
        _halt_next(cluster, _DOOMED, at_work[_DOOMED])
        _once_there_are(orders.files // 2, load)
        _halted(load, cluster, _DOOMED)
        cluster.kill_node(_DOOMED)
        _say(f"{len(load.data_files())} data files are there, a node is killed in the middle of one")
        # what it says on standard output is not for us: there is STATE
        until(lambda: "(raylet)" in load.log or load.has_ended(), "Ray says that a node is lost", lambda: load.log)
        ended = load.wait()
    _check_tables(orders, ended)
    _check_report(orders, ended)
    _check_orphans(ended)
    seconds = time.monotonic() - began
    _say(f"{orders.records:,} rows in {seconds:.1f} s: {orders.good:,} good, {orders.bad:,} in quarantine, exact")


def _the_head_is_lost(cluster: Cluster, folder: Path) -> None:
    """Ray ends the process that is attached to it; the load says what happened, and publishes nothing."""
    began = time.monotonic()
    orders = Orders(folder / "input", 6, 1000)
    orders.write()
    cluster.halt(_HEAD)
    with Load(folder / "load", orders, cluster.environment, on_violation="quarantine", spread_batches="ray") as load:
        _halted(load, cluster, _HEAD)
        cluster.kill_node(_HEAD)
        ended = load.wait()
    _check_failed(ended, "cluster_lost: the Ray cluster is lost: its head, or the node")
    assert ended.report["status"] == "failed"
    strange = [path for path in ended.data_files() if not path.name.startswith(tuple(ended.report["lost_attempts"]))]
    assert not strange, strange
    _say(f"the head is killed: exit code 1 and a sentence, no table, {time.monotonic() - began:.1f} s")


def _halted(load: Load, cluster: Cluster, node: int) -> list[int]:
    """Wait for a worker of a node to stop in the middle of a file."""
    until(lambda: cluster.halted(node) or load.has_ended(), f"a worker of node {node} is at a file", lambda: load.log)
    found = cluster.halted(node)
    assert found, load.log
    return found


def _halt_next(cluster: Cluster, node: int, halted: list[int]) -> None:
    """Let halted workers of a node go on; the next of the node's that writes stops."""
    cluster.halt(node)
    for pid in halted:
        os.kill(pid, signal.SIGCONT)
    until(lambda: not set(halted) & set(cluster.halted(node)) or not cluster.is_to_halt(node), "they go on")


def _once_there_are(files: int, load: Load) -> None:
    until(lambda: len(load.data_files()) >= files or load.has_ended(), f"{files} files are there", lambda: load.log)


def _check_failed(ended: Loaded, said: str) -> None:
    assert ended.code == 1, ended.log
    assert ended.out == b""
    assert said in ended.log, ended.log
    assert "Traceback" not in ended.log, ended.log
    assert ended.tables.pointers() == {}


def _check_tables(orders: Orders, ended: Loaded) -> None:
    good, bad = orders.sums
    assert ended.code == 0, ended.log
    assert ended.out == f"{json.dumps(STATE)}\n".encode(), ended.out  # Ray prints nothing of its own there
    found = ended.tables.sql(
        f"SELECT count(*), count(DISTINCT id), sum(id), min(quantity) > 0, count(*) FILTER (id % {BAD_EVERY} = 0) "
        f"FROM {{{STREAM}}}"
    )
    assert found == [(orders.good, orders.good, good, True, 0)], found
    found = ended.tables.sql(
        "SELECT count(*), count(DISTINCT key), sum(key) FROM "
        f"(SELECT json_extract(_record, '$.id')::BIGINT AS key FROM {{{STREAM}__quarantine}})"
    )
    assert found == [(orders.bad, orders.bad, bad)], found
    for table in (STREAM, f"{STREAM}__quarantine"):
        assert len(ended.snapshots(table)) == 1
    _say("one snapshot in each table, STATE printed once, exit code 0")


def _check_report(orders: Orders, ended: Loaded) -> None:
    report = ended.report
    stream = report["streams"][0]
    want = {"records": orders.records, "good": orders.good, "quarantined": orders.bad, "dropped": 0}
    assert {name: stream[name] for name in want} == want
    assert {name: report["totals"][name] for name in want} == want
    assert stream["by_rule"] == {"orders.quantity.minimum": orders.bad}
    assert (report["status"], report["epochs"], report["states"]) == ("partial", 1, 1)


def _check_orphans(ended: Loaded) -> None:
    """Files that no snapshot names are those of the attempts that log and report name as lost."""
    orphans = ended.data_files() - ended.named_files()
    lost = ended.report["lost_attempts"]
    assert len(lost) >= 2, ended.log
    assert all(f"begins with {prefix}, is in no snapshot" in ended.log for prefix in lost), ended.log
    assert len(orphans) >= 2, orphans
    strange = [path for path in orphans if not path.name.startswith(tuple(lost))]
    assert not strange, (strange, lost)
    _say(f"{len(lost)} attempts were lost and are named, {len(orphans)} files of them wait for cleanup")


def _processes() -> list[int]:
    """Living processes of this process table."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.spread.scene", description=__doc__)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--isolated", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""A load that is spread over a Ray cluster of this machine and loses a node half way; then the tables are read back.

    python -m tests.spread.scene [--files 40] [--rows 250000]

It puts itself into a network and a process table of its own (`isolation`). It says what it has seen, a line each, and
ends with 0 if all of it is as it must be.
"""

from __future__ import annotations

import argparse
import json
import os
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

_DOOMED = 1  # the head is node 0, and the driver's


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
            _a_node_is_lost(orders, cluster, folder / "lossy")
    left = [pid for pid in _processes() if pid != os.getpid()]
    assert not left, f"processes are left: {left}"


def _a_violation_ends_it(rows: int, cluster: Cluster, folder: Path) -> None:
    began = time.monotonic()
    orders = Orders(folder / "input", 6, rows, fine=5 * rows)
    orders.write()
    with Load(folder / "load", orders, cluster.environment, on_violation="strict", spread_batches="ray") as load:
        ended = load.wait()
    assert ended.code == 1, ended.log
    assert ended.out == b""
    assert "the record breaks its contract: $.quantity breaks minimum" in ended.log, ended.log
    assert "Traceback" not in ended.log, ended.log
    assert ended.tables.pointers() == {}
    assert not ended.data_files(), f"files are left: {ended.data_files()}"
    _say(f"strict: exit code 1, no table, no file, {time.monotonic() - began:.1f} s")


def _a_node_is_lost(orders: Orders, cluster: Cluster, folder: Path) -> None:
    began = time.monotonic()
    with Load(folder, orders, cluster.environment, on_violation="quarantine", spread_batches="ray") as load:
        until(lambda: len(load.data_files()) * 2 >= orders.files or load.has_ended(), "half of the files are written")
        begun = _caught_writing(load, cluster)
        assert not load.has_ended(), f"it had ended before the node was lost\n{load.log}"
        _say(f"{len(load.data_files())} data files are there, a node is killed over {begun[0].name}")
        cluster.kill_node(_DOOMED)
        # what it says on standard output is not for us: there is STATE
        until(lambda: "(raylet)" in load.log or load.has_ended(), "Ray says that a node is lost")
        ended = load.wait()
    _check_tables(orders, ended)
    _check_report(orders, ended)
    _check_orphans(begun, ended)
    seconds = time.monotonic() - began
    _say(f"{orders.records:,} rows in {seconds:.1f} s: {orders.good:,} good, {orders.bad:,} in quarantine, exact")


def _caught_writing(load: Load, cluster: Cluster) -> list[Path]:
    """Hold the doomed node while it writes, so that its attempt is lost for certain; return the files it has open."""
    while not load.has_ended():
        if cluster.open_files(_DOOMED, load.warehouse):
            cluster.hold_node(_DOOMED)
            if begun := [path for path in cluster.open_files(_DOOMED, load.warehouse) if path.exists()]:
                return begun
            cluster.resume_node(_DOOMED)
        time.sleep(0.002)
    return []


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


def _check_orphans(begun: list[Path], ended: Loaded) -> None:
    """Files that no snapshot names are those of the attempts that log and report name as lost."""
    orphans = ended.data_files() - ended.named_files()
    lost = ended.report["lost_attempts"]
    assert lost, ended.log
    assert all(f"begins with {prefix}, is in no snapshot" in ended.log for prefix in lost), ended.log
    assert set(begun) <= orphans, (begun, orphans)
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

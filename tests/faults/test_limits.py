"""Too little of the machine: memory, disk, files. The run says so in one line or dies, and the next one loads all."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from target_dativo_iceberg.errors import MachineError
from target_dativo_iceberg.machine import machine_errors
from tests.faults.job import Job
from tests.faults.sweep import Sweep
from tests.faults.traces import check_machine
from tests.readback import Tables
from tests.target.running import Child, Ended, Target, record, schema

# 127: glibc's own end of a process that has no memory for a thread's data.
DEATHS = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGKILL, 127}


def running(child: Child) -> None:
    child.until(lambda: child.log, "the first line of the log")


def struck_later(job: Job, strike: Callable[[Child], None]) -> Ended:
    """Run until the first epoch is published, strike, and give the rest."""
    child = job.start()
    rest = job.first_epoch(child)
    strike(child)
    child.feed_bytes(rest)
    return child.wait()


# ---- memory ----


def leave_memory(child: Child, mib: int) -> None:
    """Allow a process so much more memory than it has."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    found = re.search(r"^VmSize:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    limit = int(found[1]) * 1024 + (mib << 20)
    resource.prlimit(child.pid, resource.RLIMIT_AS, (limit, limit))


def ran_out(ended: Ended) -> Ended:
    """Check the end of a run without memory: one line that says it, or a death, which no program can prevent."""
    assert ended.code in {0, 1} | DEATHS, ended.log
    if ended.code in DEATHS:
        return Ended(-signal.SIGKILL, ended.out, ended.log, ended.report)
    if ended.code == 1:
        assert re.match("machine: the process got no (more )?(memory|threads)|store: ", ended.errors[0]), ended.log
    return ended


@pytest.mark.parametrize("mib", [0, 10, 40])
def test_without_memory_a_run_says_so_or_dies_and_the_next_loads_all(sweep: Sweep, tmp_path: Path, mib: int) -> None:
    job = Job(sweep, tmp_path)
    child = job.start()
    child.until(lambda: child.log, "the first line of the log")
    leave_memory(child, mib)
    job.feed(child)
    ended = ran_out(child.wait())
    assert ended.code or mib, "the limit did nothing"
    job.check(ended)
    job.finish()


@pytest.mark.parametrize("mib", [0, 4])
def test_memory_that_ends_after_an_epoch_costs_the_open_one_only(job: Job, mib: int) -> None:
    job.check(ran_out(struck_later(job, lambda child: leave_memory(child, mib))))
    assert job.begun >= 1
    job.finish()


@pytest.mark.parametrize("mib", [150, 400])
def test_the_command_without_memory_for_its_libraries_says_so_or_dies(tmp_path: Path, mib: int) -> None:
    lines = "".join(json.dumps(m) + "\n" for m in (schema(), record(1))).encode()
    shell = f"ulimit -v {mib << 10}; exec {sys.executable} -m target_dativo_iceberg"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        ["bash", "-c", shell], input=lines, capture_output=True, check=False, cwd=tmp_path, env=environment, timeout=100
    )
    assert done.returncode in {0, 1} | DEATHS, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"fault of the target" not in done.stderr


@pytest.mark.parametrize(
    ("error", "foreseen"),
    [
        (SystemError("error return without exception set"), True),  # seen when pydantic_core was loaded in 400 MiB
        (SystemError("initialization of a failed without raising an exception"), True),
        (ImportError("a.so: failed to map segment from shared object"), True),
        (SystemError("bad argument to internal function"), False),
        (ImportError("No module named 'a'"), False),
    ],
)
def test_a_library_that_got_no_memory_is_told_from_one_that_is_broken(error: Exception, foreseen: bool) -> None:
    with pytest.raises(MachineError if foreseen else type(error)), machine_errors():
        raise error


# ---- disk ----


def allow(child: Child, kind: int, limit: int) -> None:
    resource.prlimit(child.pid, kind, (limit, limit))


def test_a_disk_that_fills_up_costs_the_open_epoch_only(job: Job) -> None:
    # The quarantine's data file is the first that does not fit; the log still does.
    ended = struck_later(job, lambda child: allow(child, resource.RLIMIT_FSIZE, 4000))
    job.check(ended)
    assert (ended.code, job.begun) == (1, 1)
    assert re.match("store: .* a data file of table default.a__quarantine failed .File too large.", ended.errors[0])
    job.finish()


def test_a_disk_that_is_full_from_the_start_is_told_before_any_row(job: Job) -> None:
    ended = job.run(limits={"FSIZE": 4096})
    job.check(ended)
    assert ended.errors[0].startswith("store: opening the catalog failed")
    job.finish()


def test_rows_that_wait_on_a_full_disk_end_the_run_and_leave_no_file(target: Target, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    settings = {"partition_by": ["bucket[4](id)"], "memory_limit_mb": 256, "job_id": "waits"}
    # Rows of several partitions beyond 16 MiB wait in the folder for temporary files.
    pieces = [
        json.dumps(schema()).encode() + b"\n",
        *(_rows(n) for n in range(6)),
        b'{"type":"STATE","value":{"n":1}}\n',
    ]
    ended = target.run(iter(pieces), env={"TMPDIR": str(temporary)}, limits={"FSIZE": 1 << 20}, **settings)
    assert (ended.code, ended.out, target.published()) == (1, b"", {})
    assert re.match("store: rows that wait for the others of their partition do not fit on the disk", ended.errors[0])
    assert list(target.warehouse.rglob("*.parquet")) == []
    check_machine(tmp_path, temporary)
    again = target.run(iter(pieces), env={"TMPDIR": str(temporary)}, **settings)
    assert (again.code, Tables(target.warehouse).count("a")) == (0, 6000)
    check_machine(tmp_path, temporary)


def _rows(piece: int) -> bytes:
    ids = range(piece * 1000, (piece + 1) * 1000)
    return "".join(json.dumps(record(n, s=f"{n:05d}" * 1000)) + "\n" for n in ids).encode()


# ---- open files ----


def test_too_few_open_files_cost_the_open_epoch_only(job: Job) -> None:
    ended = struck_later(job, lambda child: allow(child, resource.RLIMIT_NOFILE, 4))
    job.check(ended)
    assert (ended.code, job.begun) == (1, 1)
    assert "Too many open files" in ended.errors[0] or "unable to open database file" in ended.errors[0]
    job.finish()


def test_sixty_four_open_files_are_enough_for_a_job(job: Job) -> None:
    child = job.start(limits={"NOFILE": 64})
    child.feed_bytes(job.first_epoch(child))
    job.check(child.wait())
    assert job.begun == job.tap.epochs

"""Too little of the machine: memory, disk, files. The run says so in one line or dies, and the next one loads all."""

from __future__ import annotations

import re
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.job import Job
from tests.target.running import Child, Ended

DEATHS = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGKILL}


def running(child: Child) -> None:
    child.until(lambda: child.log, "the first line of the log")


def struck_later(job: Job, strike: Callable[[Child], None]) -> Ended:
    """Run until the first epoch is published, strike, and give the rest."""
    child = job.start()
    pieces = list(job.tap.messages(None))
    first = next(n for n, piece in enumerate(pieces) if b'"STATE"' in piece) + 1
    for piece in pieces[:first]:
        child.feed_bytes(piece)
    # An epoch ends at the last STATE of a block: this one has come alone.
    child.until(lambda: child.states, "the first STATE")
    strike(child)
    for piece in pieces[first:]:
        child.feed_bytes(piece)
    return child.wait()


# ---- memory ----


def leave_memory(child: Child, mib: int) -> None:
    """Allow a process so much more memory than it has."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    found = re.search(r"^VmSize:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    limit = int(found[1]) * 1024 + (mib << 20)
    resource.prlimit(child.pid, resource.RLIMIT_AS, (limit, limit))


def ran_out(ended: Ended) -> None:
    """The end of a run without memory: a death that no program can prevent, or one line that says it."""
    assert ended.code in {0, 1} | DEATHS, ended.log
    if ended.code == 1:
        assert re.match("machine: the process got no (more )?(memory|threads)|store: ", ended.errors[0]), ended.log


@pytest.mark.parametrize("mib", [0, 10, 30, 60, 90])
def test_without_memory_a_run_says_so_or_dies_and_the_next_loads_all(job: Job, mib: int) -> None:
    child = job.start()
    running(child)
    leave_memory(child, mib)
    job.feed(child)
    ended = child.wait()
    ran_out(ended)
    assert ended.code or mib > 30, "the limit did nothing"
    job.check(ended)
    job.finish()


@pytest.mark.parametrize("mib", [0, 4, 16])
def test_memory_that_ends_after_an_epoch_costs_the_open_one_only(job: Job, mib: int) -> None:
    ended = struck_later(job, lambda child: leave_memory(child, mib))
    ran_out(ended)
    job.check(ended)
    assert job.begun >= 1
    job.finish()

"""How a run ends: signals at any moment, readers that go, input that breaks off. The oracle is asked each time."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.job import Job
from tests.faults.oracle import EACH, STREAMS, Tap
from tests.target.running import Child, Ended
from tests.target.test_signals import pending

# ---- signals ----


def idle(job: Job, child: Child) -> None:
    job.first_epoch(child)


def staging(job: Job, child: Child) -> None:
    rest = job.first_epoch(child)
    child.feed_bytes(rest[: len(rest) // 2])
    child.until(lambda: child.unread() == 0, "half of the second epoch is read")


def publishing(job: Job, child: Child) -> None:
    rest = job.first_epoch(child)
    before = set(job.target.warehouse.rglob("*.avro"))
    child.feed_bytes(rest)
    child.until(lambda: set(job.target.warehouse.rglob("*.avro")) - before, "the second publish begins")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", [idle, staging, publishing])
def test_a_signal_keeps_what_is_published_and_the_next_run_loads_the_rest(
    job: Job, moment: Callable[[Job, Child], None], number: signal.Signals
) -> None:
    child = job.start()
    moment(job, child)
    child.signal(number)
    ended = child.wait()
    job.check(ended, 128 + number)
    assert ended.code == 128 + number
    assert job.begun == (2 if moment is publishing else 1)
    assert len(ended.states) == job.begun  # a publish under way ends, with its STATE
    job.finish()


@pytest.mark.parametrize("moment", [staging, publishing])
def test_a_second_signal_ends_at_once_and_loses_nothing(job: Job, moment: Callable[[Job, Child], None]) -> None:
    child = job.start()
    moment(job, child)
    child.signal(signal.SIGTERM)
    child.until(lambda: not pending(child.pid, signal.SIGTERM), "the first signal is taken")
    child.signal(signal.SIGTERM)
    ended = child.wait()
    assert ended.code == 128 + signal.SIGTERM
    # It may end before it has said why and deleted what was open, as a kill does.
    job.check(Ended(-signal.SIGKILL, ended.out, ended.log, ended.report))
    job.finish()


# ---- nobody reads ----

NOBODY = "now | ERROR | target | what nobody reads"


def test_a_pipe_signal_changes_nothing(job: Job) -> None:
    child = job.start()
    rest = job.first_epoch(child)
    child.signal(signal.SIGPIPE)
    child.feed_bytes(rest)
    job.check(child.wait())
    assert job.begun == job.tap.epochs


@pytest.mark.parametrize("gone", ["stdout", "stdout and stderr"])
def test_an_epoch_whose_state_nobody_reads_is_kept(job: Job, gone: str) -> None:
    reader, out = os.pipe()
    child = job.start(out=out, err=out if gone != "stdout" else None)
    os.close(out)
    pieces = list(job.tap.messages(None))
    middle = 1 + next(n for n, piece in enumerate(pieces) if b'"STATE"' in piece)
    child.feed_bytes(b"".join(pieces[:middle]))
    read = b""
    while job.tap.states()[0] + b"\n" not in read:
        read += os.read(reader, 4096)
    os.close(reader)
    child.feed_bytes(b"".join(pieces[middle:]))
    ended = child.wait()
    assert ended.code == 1
    if gone == "stdout":
        assert re.search("STATE cannot be written to standard output .Broken pipe.; its epoch", ended.errors[0])
    # What the oracle knows of the run: it printed one STATE.
    job.check(Ended(1, job.tap.states()[0] + b"\n", ended.log or NOBODY))
    assert job.begun == job.tap.epochs  # the checkpoint says so
    job.finish()


def test_when_meltano_is_gone_at_once_nothing_half_is_published(job: Job) -> None:
    reader, out = os.pipe()
    child = job.start(out=out, err=out)
    os.close(out)
    pieces = b"".join(job.tap.messages(None))
    os.close(reader)
    child.feed_bytes(pieces[: len(pieces) // 3])
    ended = child.wait()
    assert ended.code == 1
    job.check(Ended(1, b"", NOBODY))
    assert job.begun == 0
    job.finish()


# ---- input that breaks off ----


def cut(messages: bytes, kind: bytes) -> bytes:
    """Cut the messages off within the last of a kind."""
    at = messages.rindex(b'{"type":%s"%s"' % (b"" if kind == b"STATE" else b" ", kind))
    return messages[: at + 40]


@pytest.mark.parametrize("kind", [b"RECORD", b"STATE"])
def test_input_that_ends_within_a_line_costs_the_open_epoch_only(job: Job, kind: bytes) -> None:
    child = job.start()
    whole = cut(job.first_epoch(child) + b'{"type":"STATE","value":{"never":"sent in full"}}\n', kind)
    child.feed_bytes(whole)
    ended = child.wait()
    job.check(ended)
    lines = len(STREAMS) + EACH * len(STREAMS) + 2 + whole.count(b"\n") + 1
    assert re.match(f"input: line {lines}: .*the input ends inside", ended.errors[0])
    assert (ended.code, job.begun) == (1, 1)
    job.finish()


def test_a_tap_that_dies_between_lines_has_its_tail_published_and_repeats_it(job: Job) -> None:
    child = job.start()
    rest = job.first_epoch(child)
    tail = rest.splitlines(keepends=True)[: len(STREAMS) * 2]  # two records of each stream
    child.feed_bytes(b"".join(tail))
    ended = child.wait()
    assert (ended.code, ended.out) == (0, Tap().states()[0] + b"\n")
    once = Counter(range(1, EACH + 3))
    assert {s: Counter(ids) for s, ids in job.seen().ids.items()} == dict.fromkeys(STREAMS, once)
    job.state = Tap().states()[0]
    again = job.run()
    assert again.code == 0
    both = Counter(range(1, 2 * EACH + 1)) + Counter([EACH + 1, EACH + 2])
    assert {s: Counter(ids) for s, ids in job.seen().ids.items()} == dict.fromkeys(STREAMS, both)

"""What a tap may send and where it may go: silence, odd STATEs, many streams, a quarantine that cannot be written."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.job import Job
from tests.readback import Tables
from tests.target.running import Child, Ended, Target, record, schema, state
from tests.target.test_state import ticks

STREAMS = 200

# ---- a silent tap ----


def idle_share(child: Child, seconds: float) -> float:
    """Share of one processor that a child uses during some seconds."""
    begun, used = time.monotonic(), ticks(child.pid)
    time.sleep(seconds)
    return (ticks(child.pid) - used) / 100 / (time.monotonic() - begun)


def test_a_silent_tap_costs_no_processor_and_its_epoch_ends_at_a_state_only(target: Target) -> None:
    child = target.start(epoch_max_seconds=1, job_id="silent")
    child.feed(schema(), record(1), state({"n": 1}))
    child.until(lambda: child.states == [{"n": 1}], "an epoch that ends by age, with its STATE")
    child.feed(record(2))
    child.until(lambda: child.unread() == 0, "all is read")
    idle_share(child, 1)  # what was read is worked through
    # A loop that does not wait would use a whole processor, or what the machine's other work leaves of it.
    assert idle_share(child, 2) < 0.1
    assert Tables(target.warehouse).count("a") == 1
    child.feed(state({"n": 2}))
    child.until(lambda: child.states[-1] == {"n": 2}, "the epoch ends at the STATE")
    assert Tables(target.warehouse).count("a") == 2
    assert child.wait().code == 0


# ---- STATE ----


def test_a_state_of_50_mb_is_printed_byte_for_byte_when_lines_may_be_so_long(target: Target) -> None:
    value = b'{"bookmarks":"' + b"x" * 50_000_000 + b'"}'
    before = "".join(json.dumps(m) + "\n" for m in (schema(), record(1), state({"n": 1}))).encode()
    data = before + b'{"type":"STATE","value":' + value + b"}\n"
    refused = target.run(iter([data]))
    assert (refused.code, refused.out) == (1, b"")
    assert "line 4: longer than max_line_mb allows" in refused.errors[0]
    ended = target.run(iter([data]), max_line_mb=64)
    assert (ended.code, ended.out) == (0, value + b"\n")
    assert Tables(target.warehouse).count("a") == 1


def test_empty_and_unchanged_states_neither_hide_a_bookmark_nor_make_a_job_repeat(job: Job) -> None:
    odd = b"".join(b'{"type":"STATE","value":%s}\n' % value for value in (b"{}", b"null", job.tap.states()[0], b"{}"))
    child = job.start()
    rest = job.first_epoch(child)
    child.feed_bytes(odd)
    child.until(lambda: child.unread() == 0, "the odd STATEs are read")
    child.feed_bytes(odd + rest + odd.replace(job.tap.states()[0], b"{}"))
    job.check(child.wait())
    assert job.begun == job.tap.epochs
    job.finish()


# ---- many streams, one of which fails ----


def lines(bad: int = -1) -> list[Any]:
    """One record of each stream, one of them bad, and a STATE."""
    records = (record("no number" if n == bad else n, f"s{n}") for n in range(STREAMS))  # type: ignore[arg-type]
    return [*(schema(f"s{n}") for n in range(STREAMS)), *records, state({"n": 1})]


@pytest.mark.timeout(300)
def test_when_one_of_200_streams_fails_none_is_published_and_the_report_names_it(target: Target) -> None:
    folder = target.warehouse / "default" / "s137"

    def none_but_the_name(ended: Ended) -> None:
        assert (ended.code, ended.out, target.published()) == (1, b"", {})
        assert "s137" in ended.errors[0]
        assert "s137" in ended.report["error"]["message"]
        assert list(target.warehouse.rglob("*.parquet")) == []

    none_but_the_name(target.run(lines(bad=137), job_id="many"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("where its folder would be")
    none_but_the_name(target.run(lines(), job_id="many"))
    folder.unlink()
    # 64 open files are enough for 200 tables.
    last = target.run(lines(), job_id="many", limits={"NOFILE": 64})
    assert (last.code, last.states, len(target.published())) == (0, [{"n": 1}], STREAMS)
    assert [Tables(target.warehouse).rows(f"s{n}")[0]["id"] for n in (0, 137, STREAMS - 1)] == [0, 137, STREAMS - 1]


# ---- a quarantine that cannot be written ----


@pytest.mark.parametrize("mode", ["warn", "quarantine"])
def test_a_reject_that_finds_no_home_fails_the_epoch(job: Job, mode: str) -> None:
    job.settings["on_violation"] = mode
    folder: Path = job.target.warehouse / "default" / "a__quarantine"
    folder.parent.mkdir(parents=True)
    folder.write_text("where the folder would be")
    ended = job.run()
    job.check(ended)
    assert (ended.code, job.begun, job.target.published()) == (1, 0, {})
    assert "a data file of table default.a__quarantine failed (Not a directory)" in ended.errors[0]
    folder.unlink()
    job.finish()

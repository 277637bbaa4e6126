"""Signals: whatever the moment, readers see whole epochs, STATE lines are kept promises, and the next run resumes."""

from __future__ import annotations

import io
import json
import logging
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg.__main__ import interrupt, on_signals
from target_dativo_iceberg.errors import Interrupted, Stop
from target_dativo_iceberg.interrupts import Interrupts
from tests.readback import Tables
from tests.target.running import Child, Ended, Target, record, schema, state

STREAMS = ("a", "b")
EACH = 400  # rows of each stream before a STATE: about 1 MiB in all
PAD = "x" * 1300


class Tap:
    """A tap that resumes strictly after its STATE and gives each stream the ids 1 to `rounds` * EACH."""

    def __init__(self, rounds: int) -> None:
        self.last = rounds * EACH

    def pieces(self, bookmark: int) -> Iterator[bytes]:
        """Output after a bookmark: SCHEMAs, then again and again rows of both streams and a STATE."""
        yield "".join(json.dumps(schema(s)) + "\n" for s in STREAMS).encode()
        for first in range(bookmark + 1, self.last + 1, EACH):
            lines = [
                f'{{"type":"RECORD","stream":"{s}","record":{{"id":{n},"s":"{PAD}"}}}}'
                for n in ids(first)
                for s in STREAMS
            ]
            lines.append(json.dumps(state({"id": first + EACH - 1})))
            yield ("\n".join(lines) + "\n").encode()


def ids(first: int) -> range:
    return range(first, first + EACH)


def bookmark_of(ended: Ended) -> int | None:
    """Bookmark of the last whole STATE line."""
    whole = ended.out[: ended.out.rfind(b"\n") + 1].splitlines()
    return json.loads(whole[-1])["id"] if whole else None


def kept_promises(target: Target, bookmark: int) -> int:
    """Check what must hold at any moment; return how many rows are there of ids that came twice.

    Both streams move together, all rows up to the last STATE are there, rows end where an epoch ends, and every
    file that a table refers to can be read.
    """
    if not target.published():
        assert bookmark == 0
        return 0
    seen = Tables(target.warehouse).sql(
        " UNION ".join(f"SELECT count(*), count(DISTINCT id), coalesce(max(id), 0) FROM {{{s}}}" for s in STREAMS)
    )
    assert len(seen) == 1, "the streams do not move together"
    rows, distinct, highest = seen[0]
    assert distinct == highest
    assert highest >= bookmark
    assert highest % EACH == 0
    return int(rows - distinct)


def strays(target: Target) -> list[Path]:
    """Data files that no table refers to."""
    pointers = target.published().values()
    query = " UNION ".join(f"SELECT file_path FROM iceberg_metadata('{pointer}')" for pointer in pointers)
    used = {row[0].removeprefix("file://") for row in Tables(target.warehouse).sql(query)} if pointers else set()
    return [path for path in target.warehouse.rglob("*.parquet") if str(path) not in used]


def interrupted(ended: Ended, number: int) -> None:
    assert ended.code == 128 + number, ended.log
    assert len(ended.errors) == 1, ended.log
    assert ended.errors[0].startswith(f"interrupted: stopped by signal {int(number)}")
    assert "Traceback" not in ended.log
    if ended.report:
        assert ended.report["status"] == "failed"


# ---- polite signals ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_pause_drops_the_open_epoch(target: Target, number: signal.Signals) -> None:
    child = target.start(epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"id": 1}))
    child.until(lambda: child.states, "the first STATE")
    child.feed(record(2), state({"id": 2}), record(3))
    child.until(lambda: child.unread() == 0, "all is read")
    child.signal(number)
    ended = child.wait()
    interrupted(ended, number)
    assert ended.states[0] == {"id": 1}
    assert Tables(target.warehouse).count("a") == ended.states[-1]["id"]
    assert strays(target) == []


def test_a_signal_before_the_first_epoch_ends_leaves_nothing(target: Target) -> None:
    child = target.start()
    child.feed(schema(), record(1), state({"id": 1}))
    child.until(lambda: "contract" in child.log, "the SCHEMA is taken")
    child.signal(signal.SIGTERM)
    ended = child.wait()
    interrupted(ended, signal.SIGTERM)
    assert (ended.out, target.published()) == (b"", {})
    assert list(target.warehouse.rglob("*.parquet")) == []
    assert ended.report["error"]["code"] == "interrupted"


def test_a_signal_at_the_very_start_ends_the_run(target: Target) -> None:
    child = target.start()
    child.until(lambda: child.log, "the first line of the log")
    child.signal(signal.SIGTERM)
    interrupted(child.wait(), signal.SIGTERM)
    assert target.published() == {}


@pytest.mark.parametrize("seed", range(4))
def test_a_signal_while_loading_ends_the_run_at_the_last_state(target: Target, seed: int) -> None:
    child = target.start(epoch_max_mb=1)
    for number, piece in enumerate(Tap(40).pieces(0)):
        child.feed_bytes(piece)
        if number == 3 + 7 * seed:
            child.signal(signal.SIGTERM)
    ended = child.wait()
    interrupted(ended, signal.SIGTERM)
    bookmark = bookmark_of(ended) or 0
    assert [s["id"] for s in ended.states] == sorted({s["id"] for s in ended.states})
    assert kept_promises(target, bookmark) == 0
    assert rows_of(target) == bookmark
    assert strays(target) == []


def rows_of(target: Target) -> int:
    return Tables(target.warehouse).count("a") if target.published() else 0


def test_a_signal_within_a_line_of_the_log_is_not_lost() -> None:
    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            signal.raise_signal(signal.SIGTERM)
            return len(text)

    logger = logging.Logger("test", logging.INFO)
    logger.addHandler(logging.StreamHandler(Pipe()))
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        on_signals(interrupt)
        with pytest.raises(Stop):
            logger.info("a line")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_signal_that_comes_out_of_a_lock_as_another_error_is_a_signal() -> None:
    def broken_lock() -> None:
        with suppress(Stop):
            signal.raise_signal(signal.SIGTERM)
        raise RuntimeError("cannot notify on un-acquired lock")

    with pytest.raises(Interrupted) as caught, Interrupts().handled():
        broken_lock()
    assert caught.value.exit_code == 128 + signal.SIGTERM


def test_a_signal_ends_a_run_whose_catalog_does_not_answer(target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        child = target.start(catalog={"type": "rest", "uri": uri}, request_timeout_seconds=3600)
        child.feed(schema(), record(1), state({"id": 1}))
        with silent.accept()[0]:
            child.signal(signal.SIGTERM)
            ended = child.wait()
    interrupted(ended, signal.SIGTERM)
    assert ended.out == b""


# ---- while publishing ----


def publishing(target: Target, streams: int) -> Child:
    """Return a run in the middle of a long publish: metadata is written, the input stays open."""
    child = target.start(epoch_max_seconds=1)
    child.feed(*(m for n in range(streams) for m in (schema(f"s{n}"), record(n, f"s{n}"))), state({"id": 1}))
    child.until(lambda: any(target.warehouse.rglob("*.avro")), "the publish begins")
    return child


def tables_with_their_row(target: Target) -> int:
    names = list(target.published())
    query = " UNION ALL ".join(f"SELECT count(*) FROM {{{name}}}" for name in names)
    counts = [row[0] for row in Tables(target.warehouse).sql(query)] if names else []
    assert all(count == 1 for count in counts)
    return len(counts)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_publishing_lets_it_end_and_prints_its_state(target: Target, number: signal.Signals) -> None:
    child = publishing(target, 30)
    child.signal(number)
    ended = child.wait()
    interrupted(ended, number)
    assert ended.states == [{"id": 1}]
    assert tables_with_their_row(target) == 30
    assert strays(target) == []


def test_a_second_signal_ends_at_once_with_all_tables_or_none(target: Target) -> None:
    child = publishing(target, 30)
    child.signal(signal.SIGTERM)
    child.until(lambda: not pending(child.pid, signal.SIGTERM), "the first signal is taken")
    child.signal(signal.SIGINT)
    ended = child.wait()
    assert ended.code in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert tables_with_their_row(target) in ({30} if ended.states else {0, 30})


def pending(pid: int, number: int) -> bool:
    """Whether a signal waits to be taken by a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


# ---- kill -9 ----


@pytest.mark.parametrize("seed", range(3))
def test_after_kills_at_random_moments_a_resuming_tap_loses_no_row(target: Target, seed: int) -> None:
    choice = random.Random(seed)
    tap, kills = Tap(60), 6
    bookmark, twice = 0, 0
    for _ in range(kills):
        ended = killed(target.start(epoch_max_mb=1), tap.pieces(bookmark), choice)
        assert ended.out.count(b"\n") == len({*ended.out.splitlines()})
        bookmark = bookmark_of(ended) or bookmark
        more = kept_promises(target, bookmark) - twice
        assert more <= largest_epoch()
        twice += more
    ended = target.run(tap.pieces(bookmark), epoch_max_mb=1)
    assert (ended.code, bookmark_of(ended) or bookmark) == (0, tap.last)
    assert kept_promises(target, tap.last) <= kills * largest_epoch()
    mine = set(run_prefixes(target))
    assert all(path.name[:36] in mine for path in strays(target))


def killed(child: Child, pieces: Iterator[bytes], choice: random.Random) -> Ended:
    """Feed a run until a random moment, then kill it."""
    for _ in range(choice.randrange(1, 14)):
        child.feed_bytes(next(pieces, b""))
    time.sleep(choice.random() / 4)
    child.signal(signal.SIGKILL)
    ended = child.wait()
    assert ended.code == -signal.SIGKILL
    return ended


def largest_epoch() -> int:
    """Rows of a stream in the largest epoch: a block of 4 MiB, and the round that it may cut."""
    block = 4 << 20
    return (block // (EACH * 2 * len(PAD)) + 2) * EACH


def run_prefixes(target: Target) -> Iterator[str]:
    """Run ids that the reports tell."""
    for path in target.folder.glob("run*.report"):
        report: dict[str, Any] = json.loads(path.read_text())
        yield report["run_id"]

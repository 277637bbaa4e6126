"""STATE: printed only after everything before it can be read, byte for byte, at the end of epochs."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.readback import Tables
from tests.target.running import Child, Target, record, schema, state

PAD = "x" * 1000


def rows(first: int, count: int, stream: str = "a") -> bytes:
    """Records of about 1 KiB with ids from `first`."""
    return b"".join(
        b'{"type":"RECORD","stream":"%s","record":{"id":%d,"s":"%s"}}\n' % (stream.encode(), n, PAD.encode())
        for n in range(first, first + count)
    )


@contextmanager
def background(work: Callable[[], None]) -> Iterator[None]:
    """Run something beside the test; what it raises, the test raises."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failed:
        raise failed[0]


# ---- after publish ----


def test_when_a_state_line_appears_all_records_before_it_are_readable(target: Target) -> None:
    child = target.start(epoch_max_seconds=1)
    tables = Tables(target.warehouse)
    rounds, each = 40, 50

    def tap() -> None:
        child.feed(schema())
        for n in range(rounds):
            child.feed_bytes(rows(n * each + 1, each))
            child.feed(state({"rows": (n + 1) * each}))
            time.sleep(0.05)
        child.close()

    seen: list[int] = []
    with background(tap):
        while not seen or seen[-1] < rounds * each:
            child.until(lambda: len(child.states) > len(seen), "the next STATE")
            promised = child.states[len(seen)]["rows"]
            readable = tables.sql("SELECT count(DISTINCT id), min(id), max(id) FROM {a}" + f" WHERE id <= {promised}")
            assert readable == [(promised, 1, promised)]
            seen.append(promised)
    assert child.wait().code == 0
    assert len(seen) > 1
    assert seen == sorted(set(seen))
    assert tables.count("a") == rounds * each


def test_a_state_is_not_printed_when_its_epoch_fails_and_earlier_ones_stay(target: Target) -> None:
    child = target.start(epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"b": 1}))
    child.until(lambda: child.states, "the first STATE")
    child.feed(record(2), record("not a number"), state({"b": 2}))  # type: ignore[arg-type]
    ended = child.wait()
    assert (ended.code, ended.states) == (1, [{"b": 1}])
    assert Tables(target.warehouse).rows("a") == [{"id": 1, "s": None}]


def test_rows_after_the_last_state_are_published_without_one(target: Target) -> None:
    ended = target.run([schema(), record(1), state({"b": 1}), record(2), record(3)])
    assert (ended.code, ended.states) == (0, [{"b": 1}])
    assert Tables(target.warehouse).count("a") == 3


# ---- where epochs end ----


def test_an_epoch_ends_at_the_first_state_after_its_bytes(target: Target) -> None:
    child = target.start(epoch_max_mb=1)
    child.feed(schema())
    for n in range(3):
        child.feed_bytes(rows(n * 1100, 1100))
        child.feed(state({"round": n}))
        child.until(lambda n=n: child.states and child.states[-1] == {"round": n}, f"STATE {n}")  # type: ignore[misc]
    ended = child.wait()
    assert ended.states == [{"round": 0}, {"round": 1}, {"round": 2}]
    assert ended.report["epochs"] == 3


def test_a_state_for_each_row_does_not_mean_a_commit_for_each_row(target: Target) -> None:
    ended = target.run([schema(), *(m for n in range(1000) for m in (record(n), state({"n": n})))])
    assert ended.states == [{"n": 999}]
    assert ended.report["epochs"] == 1
    assert Tables(target.warehouse).count("a") == 1000


def test_a_pause_of_the_tap_after_a_state_ends_an_old_epoch(target: Target) -> None:
    child = target.start(epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"b": 1}))
    child.until(lambda: child.states == [{"b": 1}], "the STATE of a tap that pauses")
    assert Tables(target.warehouse).count("a") == 1
    child.feed(record(2), record(3), state({"b": 3}), "", schema("next"))
    child.until(lambda: child.states[-1] == {"b": 3}, "the STATE before a blank line and the next SCHEMA")
    assert Tables(target.warehouse).count("a") == 3
    assert child.wait().code == 0


def test_a_broken_record_ends_the_run_while_a_slow_tap_goes_on(target: Target) -> None:
    child = target.start()
    child.feed(schema(), record(1), record(1, id="no number"))

    def told() -> bool:
        with suppress(BrokenPipeError):
            child.feed(record(2))
        time.sleep(0.1)
        return "the record breaks its contract" in child.log

    child.until(told, "the error while more records come, each within the time that a block waits")
    assert child.wait().code == 1


def test_an_epoch_never_ends_between_two_states(target: Target) -> None:
    child = target.start(epoch_max_seconds=1, epoch_max_mb=1)
    child.feed(schema(), record(0), state({"b": 0}))
    child.until(lambda: child.states, "the first STATE")
    child.feed_bytes(rows(1, 3000))
    child.feed(schema("next"))
    child.until(lambda: at_rest(child), "all is read and nothing to do")
    assert Tables(target.warehouse).count("a") == 1
    ended = child.wait()
    assert ended.states == [{"b": 0}]
    assert Tables(target.warehouse).count("a") == 3001


def at_rest(child: Child) -> bool:
    """Whether the child has read its input and used no processor for longer than an epoch lasts."""
    before = ticks(child.pid)
    time.sleep(2)
    return child.unread() == 0 and ticks(child.pid) - before <= 2


def ticks(pid: int) -> int:
    """Processor time of a process, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


# ---- what is printed ----

VALUES = {
    "big integers": '{"id":123456789012345678901234567890,"neg":-0}',
    "decimals": '{"a":1.10,"b":1e400,"c":0.1000000000000000055511151231257827}',
    "order of members": '{"z":1,"a":2,"m":{"y":1,"b":2}}',
    "spaces": '{ "a" :\t[ 1 , 2 ] }',
    "escapes": '{"a":"\\u00e9\\/\\ud83d\\ude00","b":"é😀"}',
    "members twice": '{"a":1,"a":2}',
    "a list": "[1, 2]",
    "a text": '"bookmark"',
    "null inside": '{"bookmarks":{"a":null}}',
    "5 MB": '{"bookmarks":"' + "x" * 5_000_000 + '"}',
}


@pytest.mark.parametrize("case", VALUES)
def test_a_state_is_printed_byte_for_byte(target: Target, case: str) -> None:
    value = VALUES[case]
    ended = target.run([schema(), record(1), '{"type": "STATE", "value": ' + value + "}"])
    assert ended.out == value.encode() + b"\n"
    assert ended.code == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_a_state_does_not_depend_on_the_encoding_of_the_terminal(target: Target, encoding: str) -> None:
    line = '{"type":"STATE","value":{"city":"Zürich 日本"}}'
    ended = target.run([schema(), record(1), line], env={"PYTHONIOENCODING": encoding})
    assert ended.out == '{"city":"Zürich 日本"}\n'.encode()


def test_states_of_a_run_without_any_stream_are_printed(target: Target) -> None:
    assert target.run([state({"b": 1}), state({"b": 2})]).states == [{"b": 2}]


@pytest.mark.parametrize("empty", ["{}", "{ }", "null", "{\t}"])
def test_an_empty_state_never_hides_a_bookmark(target: Target, empty: str) -> None:
    line = '{"type":"STATE","value":' + empty + "}"
    assert target.run([schema(), line, record(1), state({"b": 1}), record(2), line]).states == [{"b": 1}]
    ended = target.run([line, schema(), record(3), line])
    assert (ended.code, ended.out) == (0, b"")
    assert Tables(target.warehouse).count("a") == 3


def test_an_equal_state_at_the_end_of_each_epoch_is_printed_each_time(target: Target) -> None:
    child = target.start(epoch_max_seconds=1)
    child.feed(schema(), record(1), state({"b": 1}))
    child.until(lambda: len(child.states) == 1, "the first STATE")
    child.feed(record(2), state({"b": 1}))
    child.until(lambda: len(child.states) == 2, "the second STATE")
    ended = child.wait()
    assert ended.states == [{"b": 1}, {"b": 1}]
    assert ended.report["states"] == 2


# ---- all or nothing ----


def test_all_tables_of_an_epoch_and_their_quarantine_move_at_once(target: Target) -> None:
    streams = [f"s{n}" for n in range(5)]
    child = target.start(epoch_max_seconds=1, on_violation="quarantine")
    expected = {f"default.{s}{suffix}" for s in streams for suffix in ("", "__quarantine")}
    observed: list[dict[str, int]] = []
    epochs = 4

    def tap() -> None:
        child.feed(*(schema(s) for s in streams))
        for n in range(epochs):
            for s in streams:
                child.feed(record(n, s), record("bad", s))  # type: ignore[arg-type]
            child.feed(state({"n": n}))
            child.until(lambda n=n: child.states and child.states[-1] == {"n": n}, f"STATE {n}")  # type: ignore[misc]
        child.close()

    with background(tap):
        for versions in watched(target.warehouse / "catalog.db"):
            if not observed or versions != observed[-1]:
                observed.append(versions)
            if len(versions) and max(versions.values()) == epochs - 1:
                break
    assert child.wait().report["epochs"] == epochs
    for versions in observed:
        assert set(versions) in (set(), expected)
        assert len(set(versions.values())) <= 1, versions
    assert len(observed) > epochs // 2


def watched(catalog: Path) -> Iterator[dict[str, int]]:
    """Read the tables' metadata versions over and over, as another process would."""
    while not catalog.exists():
        time.sleep(0.001)
    query = "SELECT table_namespace || '.' || table_name, metadata_location FROM iceberg_tables"
    with sqlite3.connect(catalog, timeout=60) as connection:
        while True:
            try:
                found = connection.execute(query).fetchall()
            except sqlite3.OperationalError:  # a catalog without its tables yet
                found = []
            yield {name: int(Path(location).name.split("-")[0]) for name, location in found}

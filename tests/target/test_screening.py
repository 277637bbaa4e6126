"""Runs with bad lines: whichever lines the screen names, every line is read as it is when read alone."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from target_dativo_iceberg.batch import Plan, Typed, read, read_slowly
from target_dativo_iceberg.contract.singer import contract_of, properties

SCHEMA = {"properties": {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}, "at": {"type": "number"}}}
GOOD = b'{"type": "RECORD", "stream": "a", "record": {"id": %d, "name": "n", "at": 1.5}}\n'
BAD = {
    "another type": b'{"type": "RECORD", "stream": "a", "record": {"id": "x", "name": "n"}}\n',
    "no JSON": b'{"type": "RECORD", "stream": "a", "record": {"id": 1,, "name": "n"}}\n',
    "two on a line": b'{"record": {"id": 1}} {"record": {"id": "x"}}\n',
    "no record": b'{"type": "RECORD", "stream": "a"}\n',
    "deep": b'{"record": {"id": ' + b"[" * 5000 + b"]" * 5000 + b"}}\n",
    "not UTF-8": b'{"record": {"id": 1, "name": "\xff"}}\n',
    "empty": b"\n",
    "another stream after it": b'{"type": "RECORD", "stream": "a", "record": {"id": 1}, "stream": "b"}\n',
    "another type after it": b'{"type": "RECORD", "stream": "a", "record": {"id": 1}, "type": "STATE"}\n',
    "two of one document": b'{"record": {"id": 1}\n, "type": "RECORD"}\n',
}


def _plan() -> Plan:
    return Plan(contract_of("a", SCHEMA, ()), properties("a", SCHEMA))


def _run(bad: list[bytes], seed: int) -> pa.BinaryArray:
    lines = [GOOD % number for number in range(200)]
    for line in bad:
        lines.insert(random.Random(seed).randrange(len(lines) + 1), line)
    return pa.array([part + b"\n" for line in lines for part in line.split(b"\n")[:-1]], pa.binary())


def _violations(typed: Typed) -> dict[int, list[tuple[str, str]]]:
    return {row: [(v.path, v.klass) for v in f.violations] for row, f in typed.findings.items() if f.violations}


def _assert_as_alone(plan: Plan, lines: pa.BinaryArray) -> None:
    together, alone = read(plan, lines), read_slowly(plan, lines)
    assert together.batch.equals(alone.batch)
    assert _violations(together) == _violations(alone)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("count", [1, 3, 60])
def test_bad_lines_among_good_ones_are_read_as_if_alone(kind: str, count: int) -> None:
    _assert_as_alone(_plan(), _run([BAD[kind]] * count, count))


def test_all_kinds_of_bad_lines_together_are_read_as_if_alone() -> None:
    for seed in range(10):
        _assert_as_alone(_plan(), _run(list(BAD.values()), seed))


@pytest.mark.parametrize("kind", BAD)
def test_bad_lines_are_read_as_if_alone_once_unknown_members_are_left_out(kind: str) -> None:
    plan = _plan()
    read(plan, _run([GOOD.replace(b'"n"', b'"n", "more": 1') % 1], 1))
    assert plan.ignores_unknown
    _assert_as_alone(plan, _run([BAD[kind]], 2))


@pytest.mark.parametrize("start", [b'{"stream": "a", "type": "RECORD",', b'{"type":"RECORD","stream":"a",', b"{"])
@pytest.mark.parametrize("rows", [(0,), (100,), (199,), tuple(range(1, 200))])
def test_lines_that_begin_another_way_are_read_like_the_others(start: bytes, rows: tuple[int, ...]) -> None:
    lines = [GOOD % number for number in range(200)]
    for row in rows:
        lines[row] = lines[row].replace(b'{"type": "RECORD", "stream": "a",', start)
    found = read(_plan(), pa.array(lines, pa.binary()))
    assert not found.findings
    assert found.batch.column("id").to_pylist() == list(range(200))


def test_runs_after_a_bad_run_are_read_as_if_alone() -> None:
    plan = _plan()
    for bad in ([BAD["another type"]], [], [BAD["no JSON"]], list(BAD.values()), [], [], []):
        _assert_as_alone(plan, _run(bad, 7))
    assert not plan.suspects


def test_a_slice_of_a_longer_array_is_screened_by_its_own_lines() -> None:
    lines = _run(list(BAD.values()), 3)
    _assert_as_alone(_plan(), lines.slice(40, 150))

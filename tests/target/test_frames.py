"""RECORD lines whose records are parsed without what stands around them are read as each is when read alone."""

from __future__ import annotations

import pyarrow as pa
import pytest

from target_dativo_iceberg.batch import Plan, read, read_slowly
from target_dativo_iceberg.contract.record_metadata import OF_MESSAGE, with_metadata
from target_dativo_iceberg.contract.singer import contract_of, properties
from target_dativo_iceberg.frames import unframed

SCHEMA = {"properties": {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}, "at": {"type": "number"}}}
START = b'{"type": "RECORD", "stream": "a", "record": '
RECORD = b'{"id": %d, "name": "}, \\"time_extracted\\": \\"Z", "at": 1.5}'
TIME = b', "time_extracted": "2026-01-05T08:00:00.%06d+00:00"'
FRAMES = {
    "nothing after it": (START, b"}"),
    "a time": (START, TIME + b"}"),
    "a version": (START, b', "version": 1764720000000}'),
    "a version and a time": (START, b', "version": 12' + TIME + b"}"),
    "no blanks": (b'{"type":"RECORD","stream":"a","record":', b',"time_extracted":"2026-01-05T08:%06dZ"}'),
    "many blanks": (b'{ "stream" : "a" , "type" : "RECORD" ,\t"record" : ', b' , "version" : 0 } \t\r'),
    "an odd name": (b'{"type":"RECORD","stream":"}, \\"time_extracted\\": ","record":', TIME + b"}"),
}
OTHERS = {
    "two records": START + b'{"id": 1}{"id": 2}' + TIME % 1 + b"}\n",
    "two records and a blank": START + b'{"id": 1} {"id": 2}' + TIME % 1 + b"}\n",
    "a member after it": START + b'{"id": 1}, "more": {"id": 2}' + TIME % 1 + b"}\n",
    "its record again": START + b'{"id": 1}, "record": {"id": 2}' + TIME % 1 + b"}\n",
    "a time in the record": START + b'{"id": 1' + TIME % 1 + b"}" + TIME % 1 + b"}\n",
    "no record's end": START + b'{"id": 1, "name": {"a": 1}' + TIME % 1 + b"}\n",
    "no message's end": START + b'{"id": 1}' + TIME % 1 + b"\n",
    "a text with no end": START + b'{"id": 1, "name": "}' + TIME % 1 + b"}\n",
    "no record": START + b"null" + TIME % 1 + b"}\n",
    "no record and an end": START + b"null}" + TIME % 1 + b"}\n",
    "a text and an end": START + b'"}' + TIME % 1 + b"}\n",
    "a member as long": START + b'{"id": 1}' + (TIME % 1).replace(b"extracted", b"extractor") + b"}\n",
    "a time with no end": START + b'{"id": 1}' + (TIME % 1)[:-1] + b"0}\n",
    "a list": START + b"[{}]" + TIME % 1 + b"}\n",
    "an empty record": START + b"{}" + TIME % 1 + b"}\n",
    "a short time": START + b'{"id": 1}, "time_extracted": "2026-01-05T08:00:00+00:00"}\n',
    "no time": START + b'{"id": 1}, "time_extracted": null}\n',
    "no such time": START + b'{"id": 1}' + TIME.replace(b"T", b"!") % 1 + b"}\n",
    "a time with a quote": START + b'{"id": 1}, "time_extracted": "2026-01-05", "version": 100000000}\n',
    "a time that ends with a backslash": START + b'{"id": 1}' + (TIME % 1)[:-2] + b'\\"}\n',
    "a time with an escape": START + b'{"id": 1}' + (TIME % 1).replace(b"+00:00", b"\\u005a") + b"}\n",
    "another version": START + b'{"id": 1}, "version": 7' + TIME % 1 + b"}\n",
    "a large version": START + b'{"id": 1}, "version": 99999999999999999999' + TIME % 1 + b"}\n",
    "another order": b'{"record": {"id": 1}, "type": "RECORD", "stream": "a"' + TIME % 1 + b"}\n",
    "no JSON": START + b'{"id": 1,}' + TIME % 1 + b"}\n",
    "another type": START + b'{"id": "x"}' + TIME % 1 + b"}\n",
}
# Each two are one record together, and the third line has two, so that there are as many as lines.
HALVES = [
    (b'{"id": 1, "name": "}', b'{", "at": 1}'),
    (b'{"id": 1, "more":', b'{"id": 1}}'),
    (b'{"more": {"a": 1}', b', "id": 1}'),
]


def _plan(*, with_message: bool = True) -> Plan:
    contract = contract_of("a", SCHEMA, ())
    contract = with_metadata(contract) if with_message else contract
    return Plan(contract, properties("a", SCHEMA), with_message=with_message)


def _lines(frame: str, count: int = 100) -> list[bytes]:
    start, end = FRAMES[frame]
    ends = (end % number if b"%" in end else end for number in range(count))
    return [start + RECORD % number + after + b"\n" for number, after in enumerate(ends)]


def _assert_as_alone(plan: Plan, lines: list[bytes]) -> None:
    run = pa.array(lines, pa.binary())
    together, alone = read(plan, run), read_slowly(plan, run)
    assert together.batch.to_pylist() == alone.batch.to_pylist()
    for row in range(len(lines)):
        found = together.findings.get(row)
        mine = [(v.path, v.klass) for v in found.violations] if found else []
        assert mine == [(v.path, v.klass) for v in alone.findings[row].violations], lines[row]


@pytest.mark.parametrize("frame", FRAMES)
def test_what_stands_around_records_is_told_from_them(frame: str) -> None:
    found = unframed(pa.array(_lines(frame), pa.binary()))
    assert found is not None
    assert found.records.to_pylist() == [b"\n" + RECORD % number for number in range(100)]
    for with_message in (False, True):
        _assert_as_alone(_plan(with_message=with_message), _lines(frame))


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("kind", OTHERS)
def test_a_line_that_is_framed_another_way_is_read_as_if_alone(frame: str, kind: str) -> None:
    for row in (0, 57, 100):
        lines = _lines(frame)
        lines.insert(row, OTHERS[kind])
        _assert_as_alone(_plan(), lines)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_run_of_lines_of_one_kind_is_read_as_if_alone(kind: str) -> None:
    _assert_as_alone(_plan(), [OTHERS[kind]] * 40)


@pytest.mark.parametrize("halves", HALVES)
@pytest.mark.parametrize("end", [b"}\n", TIME % 1 + b"}\n"])
def test_halves_of_a_record_on_two_lines_are_never_one(halves: tuple[bytes, bytes], end: bytes) -> None:
    odd = [START + record + end for record in (*halves, b'{"id": 1}{"id": 2}')]
    good = [START + RECORD % number + end for number in range(40)]
    for lines in (odd + good, good + odd, good[:20] + odd + good[20:]):
        _assert_as_alone(_plan(), lines)


@pytest.mark.parametrize("frame", FRAMES)
def test_members_that_nobody_declared_are_left_out_beside_the_record_and_in_it(frame: str) -> None:
    start, end = FRAMES[frame]
    lines = [line.replace(b'"at"', b'"more": [1], "at"') for line in _lines(frame)]
    beside = [start + RECORD % 1 + b', "meta": {"a": 1}' + (end % 1 if b"%" in end else end) + b"\n"] * 100
    for run in (lines, beside, lines):
        plan = _plan()
        _assert_as_alone(plan, run)
        assert plan.ignores_unknown
        _assert_as_alone(plan, run)


def test_long_records_are_not_copied() -> None:
    lines = [line.replace(b'"name": "', b'"name": "' + b"x" * 5000) for line in _lines("a time")]
    assert unframed(pa.array(lines, pa.binary())) is None
    _assert_as_alone(_plan(), lines)
    assert unframed(pa.array([*lines[:10], *_lines("a time")], pa.binary())) is not None
    _assert_as_alone(_plan(), [*lines[:10], *_lines("a time")])


def test_a_contract_without_the_columns_of_messages_has_none() -> None:
    found = read(_plan(with_message=False), pa.array(_lines("a version and a time"), pa.binary()))
    assert not set(OF_MESSAGE.values()) & set(found.batch.schema.names)

"""Input that no table can be made of: one line that says what, where and what to do, and nothing published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.readback import Tables
from tests.target.broken import CANARY, DEEP, SECRETS, after_good_lines, line, nested, refused
from tests.target.running import Target, record, schema, state

# ---- messages ----

BAD_LAST_LINES = {
    "not JSON": (b"hello c4n4ry\n", "input: line 4: not JSON"),
    "a text": (b'"c4n4ry"\n', "input: line 4: not a Singer message"),
    "a list": (b'["c4n4ry"]\n', "input: line 4: not a Singer message"),
    "no type": (b'{"stream":"a","record":{"id":"c4n4ry"}}\n', "input: line 4: .*'type'"),
    "type null": (b'{"type":null,"stream":"a","record":{}}\n', "input: line 4: .*'type'"),
    "type number": (b'{"type":5}\n', "input: line 4: .*'type'"),
    "unknown type": (b'{"type":"c4n4ry","stream":"a"}\n', "input: line 4: unknown message type: known are SCHEMA"),
    "type in lower case": (b'{"type":"record","stream":"a","record":{}}\n', "input: line 4: unknown message type"),
    "RECORD before SCHEMA": (
        b'{"type":"RECORD","stream":"b","record":{"id":"c4n4ry"}}\n',
        "record_before_schema: line 4: RECORD of stream 'b' before its SCHEMA",
    ),
    "BATCH before SCHEMA": (
        b'{"type":"BATCH","stream":"b","encoding":{"format":"jsonl"},"manifest":[]}\n',
        "record_before_schema: line 4: .*stream 'b' before its SCHEMA",
    ),
    "BATCH from nowhere": (
        b'{"type":"BATCH","stream":"a","encoding":{"format":"jsonl"},"manifest":["/etc/passwd"]}\n',
        "settings: .*batch_roots",
    ),
    "RECORD without stream": (b'{"type":"RECORD","record":{"id":1}}\n', "input: line 4: RECORD without 'stream'"),
    "RECORD without record": (b'{"type":"RECORD","stream":"a"}\n', "input: line 4: .*without a 'record' object"),
    "record null": (line(b"null"), "input: line 4: .*without a 'record' object"),
    "record a list": (line(b'["c4n4ry"]'), "input: line 4: .*without a 'record' object"),
    "record a text": (line(b'"c4n4ry"'), "input: line 4: .*without a 'record' object"),
    "STATE without value": (b'{"type":"STATE"}\n', "input: line 4: STATE without 'value'"),
    "ACTIVATE_VERSION without version": (
        b'{"type":"ACTIVATE_VERSION","stream":"a","version":"c4n4ry"}\n',
        "input: line 4: .*'version'",
    ),
    "cut off in a RECORD": (line(b'{"id":2,"s":"c4n4ry"')[:-3], "input: line 4: .*the input ends inside"),
    "cut off at once": (b'{"type":"REC', "input: line 4: .*the input ends inside"),
    "a bad RECORD before a last line that does not end": (
        line(b'{"id":2,"s":"c4n4ry"')[:-1] + b'\n{"type":"STATE","value":{}}',
        "line 4: stream 'a': (?!.*ends inside).*not JSON",
    ),
    "something after the record": (line(b'{"id":2}')[:-1] + b" c4n4ry\n", "input: line 4: .*not JSON"),
    "two messages on a line": (line(b'{"id":2}')[:-1] + line(b'{"id":3}'), "input: line 4: .*not JSON"),
    "NUL bytes between": (b"\0" + line(b'{"id":2}'), "input: line 4: not JSON"),
    "a NUL byte in a text": (line(b'{"id":2,"s":"c4\0n4ry"}'), "input: line 4: .*not JSON"),
    "a byte order mark": (b"\xef\xbb\xbf" + line(b'{"id":2}'), "input: line 4: starts with a byte order mark"),
    "UTF-16": (line(b'{"id":2}').decode().encode("utf-16"), "input: line 4: not (JSON|UTF-8)"),
    "invalid UTF-8 in a text": (line(b'{"id":2,"s":"c4n4ry\xff"}'), "line 4: .*UTF-8"),
    "invalid UTF-8 in a type": (b'{"type":"c4n4ry\xff"}\n', "input: line 4: .*UTF-8"),
    "invalid UTF-8 in a name": (line(b'{"id":2,"c4n4ry\xff":1}'), "input: line 4: .*UTF-8"),
    "invalid UTF-8 in STATE": (b'{"type":"STATE","value":{"b":"c4n4ry\xff"}}\n', "input: line 4: .*UTF-8"),
    "depth in a record": (line(b'{"id":2,"s":' + nested(b"[", b"", b"]") + b"}"), "line 4: .*(deep|expected text)"),
    "depth in a JSON column": (
        line(b'{"id":2,"j":' + nested(b'{"a":', b"1", b"}") + b"}"),
        "line 4: .*(deep|levels)",
    ),
    "depth that is never closed": (line(b'{"id":' + b"[" * DEEP), "line 4: .*(deep|levels)"),
    "only depth": (b"[" * DEEP + b"\n", "input: line 4: "),
    "depth in STATE": (b'{"type":"STATE","value":' + nested(b"[", b"", b"]") + b"}\n", "line 4: .*(deep|levels)"),
    "depth in SCHEMA": (
        b'{"type":"SCHEMA","stream":"b","schema":{"properties":{"x":' + nested(b'{"items":', b"{}", b"}") + b"}}}\n",
        "line 4: .*(deep|levels)",
    ),
}


@pytest.mark.parametrize("case", BAD_LAST_LINES)
def test_a_line_that_is_no_message_stops_the_run_by_its_number(target: Target, case: str) -> None:
    last, pattern = BAD_LAST_LINES[case]
    refused(target, target.run(after_good_lines(last), **SECRETS), pattern)


BAD_SCHEMAS: dict[str, tuple[Any, str]] = {
    "without schema": ({"key_properties": []}, "input: line 4: SCHEMA of stream 'b' without a 'schema' object"),
    "schema a text": ({"schema": CANARY}, "input: line 4: .*without a 'schema' object"),
    "without properties": ({"schema": {"type": "object"}}, "input: line 4: .*'b' has no 'properties' object"),
    "properties a list": ({"schema": {"properties": []}}, "input: line 4: .*'b' has no 'properties' object"),
    "no property": ({"schema": {"properties": {}}}, "input: line 4: SCHEMA of stream 'b' has no property"),
    "keys a text": (
        {"schema": {"properties": {"id": {}}}, "key_properties": "id"},
        "input: line 4: .*'b'.*'key_properties' is not a list",
    ),
    "keys that are no property": (
        {"schema": {"properties": {"id": {}}}, "key_properties": ["uid"]},
        r"input: line 4: .*'b' lacks its key properties \['uid'\]",
    ),
    "a reference to nothing": (
        {"schema": {"properties": {"id": {"$ref": "#/definitions/x"}}}},
        "input: line 4: .*'b' holds a '\\$ref' that leads nowhere",
    ),
    "names that differ by case": (
        {"schema": {"properties": {"id": {}, "ID": {}}}},
        "input: line 4: stream 'b': properties 'id' and 'ID' differ only by case",
    ),
}


@pytest.mark.parametrize("case", BAD_SCHEMAS)
def test_a_schema_that_makes_no_table_stops_the_run_by_its_line(target: Target, case: str) -> None:
    message, pattern = BAD_SCHEMAS[case]
    last = json.dumps({"type": "SCHEMA", "stream": "b"} | message).encode() + b"\n"
    refused(target, target.run(after_good_lines(last)), pattern)


def test_two_streams_that_fold_to_one_table_are_refused_by_name(target: Target) -> None:
    ended = target.run([schema("orders"), record(1, "orders"), schema("Orders"), state({"b": 1})])
    refused(target, ended, "input: line 3: streams 'orders' and 'Orders' both go to table 'default.orders'")


def test_names_from_the_input_cannot_forge_a_log_line_or_flood_it(target: Target) -> None:
    forged = "a\n2026-01-01 00:00:00,000 | ERROR    | target | forged\x1b[2J"
    ended = target.run([schema(forged, keys=("id", "x" * 100_000))])
    refused(target, ended, r"a\\n2026.*forged\\x1b")
    assert max(len(text) for text in ended.log.splitlines()) < 3000


def test_a_text_that_is_not_utf8_is_refused_among_others_too(target: Target) -> None:
    texts = (b"a", b"m\xff", b"z")
    data = b"".join(line(b'{"id":%d,"s":"%s"}' % (n, text)) for n, text in enumerate(texts))
    refused(target, target.run(after_good_lines(data)), "line 5: .*UTF-8")


# ---- values ----

BAD_VALUES = {
    "NaN": (b'{"id":2,"n":NaN}', r"\$\.n expected a number"),
    "NaN beside a JSON column": (b'{"id":2,"n":NaN,"j":[1]}', r"\$\.n expected a number"),
    "Infinity": (b'{"id":2,"n":-Infinity}', r"\$\.n expected a number"),
    "1e400": (b'{"id":2,"n":1e400}', r"\$\.n expected a double"),
    "1e400 for an integer": (b'{"id":1e400}', r"\$\.id expected an integer"),
    "an integer of 65 bits": (b'{"id":18446744073709551616}', r"\$\.id expected an integer of 64 bits"),
    "an integer of 5,000 digits": (b'{"id":' + b"9" * 5000 + b"}", r"\$\.id expected an integer"),
    "a number of 5,000 digits": (b'{"id":2,"n":' + b"9" * 5000 + b"}", r"\$\.n expected a number"),
    "half a surrogate pair": (b'{"id":2,"s":"c4n4ry\\ud800"}', r"\$\.s expected text"),
    "a number for a text of a key": (b'{"id":"c4n4ry"}', r"\$\.id expected an integer"),
}


@pytest.mark.parametrize("case", BAD_VALUES)
def test_a_value_that_no_column_can_hold_is_named_by_line_and_path(target: Target, case: str) -> None:
    body, pattern = BAD_VALUES[case]
    ended = target.run(after_good_lines(line(body)))
    refused(target, ended, f"violation: line 4: stream 'a': .*{pattern}.*set on_violation to quarantine")


@pytest.mark.parametrize("around", [0, 100])
def test_a_member_that_is_named_twice_is_refused_alone_and_among_others(target: Target, around: int) -> None:
    twice = line(b'{"id":1,"s":"c4n4ry","s":"c4n4ry"}')
    others = line(b'{"id":0,"s":"x"}') * around
    ended = target.run(json.dumps(schema()).encode() + b"\n" + others + twice + others)
    refused(target, ended, rf"violation: line {around + 2}: .*\$\.s expected one member of this name")


def test_blank_lines_and_carriage_returns_between_messages_are_nothing(target: Target) -> None:
    lines = [schema(), record(1, s="x"), state({"b": 1})]
    data = b"\n\r\n" + b"\r\n \n".join(json.dumps(m).encode() for m in lines) + b"\r\n\n"
    assert target.run(data).states == [{"b": 1}]
    assert Tables(target.warehouse).rows("a") == [{"id": 1, "s": "x"}]


def test_an_escaped_nul_is_a_character(target: Target) -> None:
    assert target.run([schema(), record(1, s="a\0b")]).code == 0
    assert Tables(target.warehouse).rows("a") == [{"id": 1, "s": "a\0b"}]


def test_empty_input_is_no_failure_and_invents_no_state(target: Target) -> None:
    ended = target.run(b"")
    assert (ended.code, ended.out, ended.errors) == (0, b"", [])
    assert ended.report["status"] == "success"
    assert target.published() == {}


def test_one_bad_record_among_many_streams_stops_them_all_and_names_its_own(target: Target) -> None:
    streams = [m for n in range(40) for m in (schema(f"s{n}"), record(n, f"s{n}"))]
    bad = b'{"type":"RECORD","stream":"s23","record":{"id":"c4n4ry"}}\n'
    data = "".join(json.dumps(m) + "\n" for m in streams).encode() + bad
    refused(target, target.run(data), "violation: line 81: stream 's23': ")


def test_depth_in_a_member_that_is_not_written_is_refused_or_harms_nothing(target: Target) -> None:
    ended = target.run(after_good_lines(line(b'{"id":2,"x":' + nested(b"[", b"", b"]") + b"}")))
    if ended.code:
        refused(target, ended, "line 4: .*deep")
    else:
        assert [row["id"] for row in Tables(target.warehouse).rows("a", "id")] == [1, 2]


# ---- size ----


def long_line(before: bytes, mib: int) -> Iterator[bytes]:
    yield before
    for _ in range(mib):
        yield b"x" * (1 << 20)
    yield b'"}}\n'


@pytest.mark.parametrize("kind", ["RECORD", "STATE", "SCHEMA", "nothing known"])
def test_a_line_over_the_limit_is_refused_in_constant_memory(target: Target, kind: str) -> None:
    starts = {
        "RECORD": b'{"type":"RECORD","stream":"a","record":{"id":2,"s":"',
        "STATE": b'{"type":"STATE","value":{"bookmark":"',
        "SCHEMA": b'{"type":"SCHEMA","stream":"b","schema":{"x":"',
        "nothing known": b"",
    }
    ended = target.run(long_line(after_good_lines(starts[kind]), 200))
    refused(target, ended, r"input: line 4: longer than max_line_mb allows \(32 MiB\): raise max_line_mb")
    assert ended.peak_mb < 300


@pytest.mark.parametrize("limit", [1, 3, 8])
def test_the_line_limit_is_exact_to_the_byte(target: Target, limit: int) -> None:
    frame = len(line(b'{"id":2,"s":""}'))
    longest = line(b'{"id":2,"s":"' + b"x" * ((limit << 20) - frame) + b'"}')
    assert len(longest) == limit << 20
    refused(target, target.run(after_good_lines(longest.replace(b'x"', b'xx"')), max_line_mb=limit), "line 4: longer")
    assert target.run(after_good_lines(longest), max_line_mb=limit).code == 0
    assert Tables(target.warehouse).count("a") == 2

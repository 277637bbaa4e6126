"""Standard input is cut into blocks and sorted by stream; what comes out is what reading line by line gives."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_dativo_iceberg.envelope import decode_control
from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.messages import Block, Reader, Records, State

_MIB = 1 << 20
_STREAMS = ["a", "b-c", 'quo"te', "back\\slash", "été", "漢", "a b", "tab\t"]
_SPACES = [(",", ":"), (", ", ": "), (" ,\t", " : ")]


def _record_line(stream: str, number: int, style: int) -> str:
    """A RECORD in one of many spellings."""
    members: list[tuple[str, Any]] = [("type", "RECORD"), ("stream", stream), ("record", {"id": number})]
    if style & 1:
        members.append(("time_extracted", "2024-01-01T00:00:00Z"))
    if style & 2:
        members.reverse()
    if style & 4:
        members[0], members[1] = members[1], members[0]
    ascii_ = bool(style & 8)
    return json.dumps(dict(members), separators=_SPACES[style % 3], ensure_ascii=ascii_)


_LINES = st.one_of(
    st.builds(_record_line, st.sampled_from(_STREAMS), st.integers(0, 999), st.integers(0, 15)),
    st.builds(lambda n: json.dumps({"type": "STATE", "value": {"n": n}}), st.integers(0, 999)),
    st.sampled_from(["", "  ", "\t"]),
)


def _naive(lines: list[str]) -> list[tuple[str, Any]]:
    """(stream, id) of every record and ("STATE", n), in order."""
    found: list[tuple[str, Any]] = []
    for line in lines:
        if line.strip():
            message = json.loads(line)
            is_state = message["type"] == "STATE"
            found.append(("STATE", message["value"]["n"]) if is_state else (message["stream"], message["record"]["id"]))
    return found


def _records(run: Records) -> list[tuple[int, str, int]]:
    """(line, stream, id) of the records of a run."""
    return [
        (run.line_number(row), run.stream, json.loads(line)["record"]["id"])
        for row, line in enumerate(run.lines.to_pylist())
    ]


def _read(data: bytes, block_bytes: int) -> list[tuple[int, str, Any]]:
    """(line, stream, id) and (line, "STATE", n), by line."""
    found: list[tuple[int, str, Any]] = []
    for block in Reader(io.BytesIO(data), _MIB, block_bytes).blocks():
        assert block is not None
        for index, message in block.controls:
            assert isinstance(message, State)
            found.append((block.first_line + index, "STATE", json.loads(message.value)["n"]))
        cut = len(block) // 2  # as the loader cuts a block where an epoch ends
        for start, stop in ((0, cut), (cut, len(block))):
            for run in block.records(start, stop):
                found += _records(run)
    return sorted(found)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(_LINES, max_size=60), st.integers(16, 2000), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_every_message_comes_out_once_in_order_with_its_line(
    lines: list[str], block_bytes: int, ends: bool, newline: str
) -> None:
    data = newline.join([*lines, ""] if ends else lines).encode()
    read = _read(data, block_bytes)
    assert [(stream, what) for _, stream, what in read] == _naive(lines)
    assert [number for number, _, _ in read] == [n for n, line in enumerate(lines, 1) if line.strip()]


def test_a_stream_with_two_heads_is_one_run() -> None:
    lines = [_record_line("a", n, n % 2 * 4) + "\n" for n in range(6)]
    block = Block(pa.array([line.encode() for line in lines]), 1, 0)
    (run,) = block.records(0, 6)
    assert _records(run) == [(n + 1, "a", n) for n in range(6)]


def test_a_run_goes_on_over_lines_that_are_no_records() -> None:
    lines = [f'{{"type":"RECORD","stream":"a","record":{{"id":{n}}}}}\n' for n in range(3000)]
    lines[0] = lines[1200] = lines[1201] = '{"type":"STATE","value":1}\n'
    lines[-1] = '{"type":"STATE","value":2}'
    (block,) = Reader(io.BytesIO("".join(lines).encode()), _MIB).blocks()
    assert block is not None
    parts = [block.records(start, start + 1500) for start in (0, 1500)]
    assert [found for (run,) in parts for found in _records(run)] == [
        (n + 1, "a", n) for n in range(2999) if n not in (0, 1200, 1201)
    ]
    assert [(at, message.value) for at, message in block.controls if isinstance(message, State)] == [
        (0, b"1"), (1200, b"1"), (1201, b"1"), (2999, b"2")
    ]  # fmt: skip
    assert (block.has_records(2998), block.has_records(2999)) == (True, False)


def test_a_line_longer_than_allowed_is_refused_by_its_number_whatever_the_block() -> None:
    line = b'{"type":"STATE","value":{"x":"' + b"y" * 2000 + b'"}}\n'
    for size in (100, 100_000):
        with pytest.raises(InputError, match="line 2: longer than max_line_mb"):
            list(Reader(io.BytesIO(b"\n" + line), 1000, size).blocks())


def test_numbers_of_a_schema_keep_all_their_digits() -> None:
    bound = "12345678901234567890.1234567890123456789"
    line = f'{{"type":"SCHEMA","stream":"a","schema":{{"properties":{{"n":{{"maximum":{bound}}}}}}}}}'
    assert str(decode_control(line.encode(), 1).schema["properties"]["n"]["maximum"]) == bound  # type: ignore[union-attr]

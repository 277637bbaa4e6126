"""Well-formed input with random damage: it ends in success that adds up or in one error line, nothing between."""

from __future__ import annotations

import json
import random

import pytest

from tests.readback import Tables
from tests.target.running import Ended, Target, schema, state

NULLABLE = {
    "n": {"type": ["number", "null"]},
    "b": {"type": ["boolean", "null"]},
    "at": {"type": ["string", "null"], "format": "date-time"},
    "day": {"type": ["string", "null"], "format": "date"},
    "price": {"type": ["number", "null"], "multipleOf": 0.01},
    "list": {"type": ["array", "null"], "items": {"type": ["integer", "null"]}},
    "object": {"type": ["object", "null"], "properties": {"k": {"type": ["integer", "null"]}}},
    "any": {},
}
VALUES = [
    *(
        None,
        0,
        -1,
        1.5,
        2**63,
        1e308,
        True,
        "",
        "x",
        "\0",
        "\ud800",
        "2026-02-30",
        "2026-01-01",
        "9999-12-31T23:59:59Z",
    ),
    *([], {}, [1], [[1]], ["a"], {"k": 1}, {"k": "x"}, {"k": None, "z": [1]}),
]
DAMAGE = [
    *(b"NaN", b"1e400", b"-0", b"1" * 40, b"9" * 5000, b'"\xff"', b"\x86", b"\0", b"\xef\xbb\xbf", b"\r\n", b"\n"),
    *(b"[", b"{", b"}", b",", b'"', b"\\", b"tru", b"'a'", b"/**/", b"01", b'"\\ud83d\\ude00"', b'"\\q"'),
]


def clean_lines(choice: random.Random) -> list[bytes]:
    """SCHEMA, records, some of them with values that break it, STATE."""
    messages = [schema(**NULLABLE)]
    for number in range(choice.choice([1, 3, 60])):
        members = {name: choice.choice(VALUES) for name in NULLABLE if choice.random() < 0.3}
        messages.append({"type": "RECORD", "stream": "a", "record": {"id": number} | members})
    return [json.dumps(message).encode() for message in (*messages, state({"b": 1}))]


def damaged(line: bytes, choice: random.Random) -> bytes:
    """Put in, cut out or overwrite a few bytes."""
    data = bytearray(line)
    for _ in range(choice.randrange(1, 4)):
        at = choice.randrange(len(data) + 1)
        cut = choice.choice([0, 0, 1, 5])
        data[at : at + cut] = choice.choice([b"", choice.choice(DAMAGE), bytes([choice.randrange(256)])])
    return bytes(data)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_input_is_loaded_whole_or_refused_in_one_line(target: Target, seed: int) -> None:
    choice = random.Random(seed)
    lines = clean_lines(choice)
    for _ in range(choice.choice([0, 1, 1, 3])):
        at = choice.randrange(len(lines))
        lines[at] = damaged(lines[at], choice)
    ended = target.run(b"\n".join(lines) + b"\n", on_violation=choice.choice(["strict", "quarantine"]))
    if ended.code == 0:
        loaded(target, ended)
    else:
        assert (ended.code, ended.out, len(ended.errors), target.published()) == (1, b"", 1, {})


def loaded(target: Target, ended: Ended) -> None:
    """Every record of the report can be read, in the table or in quarantine."""
    assert ended.errors == []
    tables = Tables(target.warehouse)
    for counts in ended.report["streams"]:
        assert counts["records"] == counts["good"] + counts["quarantined"]
        assert len(tables.rows(counts["table"])) == counts["good"]
        if counts["quarantined"]:
            assert len(tables.rows(counts["quarantine_table"])) == counts["quarantined"]

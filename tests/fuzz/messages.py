"""Streams of messages as nobody would write them, and what must hold whatever they are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.readback import Tables
from tests.target.running import Ended, Target

# Stands in values only: never in names, nor in lines that are damaged, whose parts may turn into names.
CANARY = "canary7f3a"

_NAMES = st.one_of(st.sampled_from(["id", "a", "b", "A", "_", "", "a.b", "ü", "\0"]), st.text(max_size=4))
_STREAMS = st.sampled_from(["a", "b", "../c"])
_PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.integers(-9, 9), st.text(max_size=5),
    st.sampled_from([CANARY, f"{CANARY}@x", "2026-01-01", "2026-01-01T00:00:00Z", "1.50", "\ud800", 10**40, -0.0]),
)  # fmt: skip
VALUES = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=6
)
_TYPES = st.sampled_from(["integer", "number", "string", "boolean", "object", "array", "null", "x", 1])
_NODES = st.recursive(
    st.fixed_dictionaries(
        {}, optional={
            "type": _TYPES | st.lists(_TYPES, max_size=3),
            "format": st.sampled_from(["date", "date-time", "uuid", "x"]),
            "minimum": st.integers(), "maxLength": st.integers(-1, 9),
            "multipleOf": st.floats(), "enum": st.lists(_PLAIN, max_size=2),
            "pattern": st.text(max_size=4), "$ref": st.text(max_size=3),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {}, optional={
            "type": _TYPES, "properties": st.dictionaries(_NAMES, inner, max_size=3), "items": inner,
            "anyOf": st.lists(inner, max_size=2), "additionalProperties": inner | st.booleans(),
        },
    ),
    max_leaves=4,
)  # fmt: skip
_USUAL = {"id": {"type": ["integer", "null"]}, "a": {"type": ["string", "null"]}, "b": {"type": ["number", "null"]}}


def _schema(stream: str, node: Any, keys: list[str]) -> dict[str, Any]:
    return {"type": "SCHEMA", "stream": stream, "schema": node, "key_properties": keys}


SCHEMAS = st.builds(
    _schema,
    _STREAMS,
    st.dictionaries(_NAMES, _NODES, max_size=3).map(lambda more: {"properties": _USUAL | more}) | _NODES,
    st.lists(st.sampled_from(["id", "a", "none"]), max_size=1),
)
RECORDS = st.builds(
    lambda stream, more, value: {"type": "RECORD", "stream": stream, "record": {"id": 1, "a": value} | more},
    _STREAMS,
    st.dictionaries(_NAMES, VALUES, max_size=4),
    VALUES,
)
STATES = st.builds(lambda value: {"type": "STATE", "value": value}, st.dictionaries(st.text(max_size=3), st.integers()))
OTHERS = st.one_of(
    st.builds(lambda s, v: {"type": "ACTIVATE_VERSION", "stream": s, "version": v}, _STREAMS, _PLAIN),
    st.fixed_dictionaries({"type": st.sampled_from(["RECORD", "SCHEMA", "STATE", "BATCH", "X", 1])}),
)
DAMAGED = st.builds(
    lambda line, at, cut, put: line[: at % (len(line) + 1)] + put + line[at % (len(line) + 1) + cut :],
    st.sampled_from([b'{"type":"RECORD","stream":"a","record":{"id":1,"b":1.5}}', b'{"type":"STATE","value":{"x":1}}']),
    st.integers(0, 60),
    st.integers(0, 3),
    st.binary(max_size=3),
)


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


_GOOD = _schema("a", {"properties": _USUAL}, [])
LINES = st.lists(
    st.one_of(
        RECORDS.map(_line), RECORDS.map(_line), STATES.map(_line), SCHEMAS.map(_line), OTHERS.map(_line), DAMAGED
    ),
    max_size=12,
).map(lambda lines: [_line(_GOOD), *(_line(_GOOD | {"stream": s}) for s in ("b", "../c")), *lines])
SETTINGS = st.fixed_dictionaries(
    {"on_violation": st.sampled_from(["strict", "quarantine", "warn"])},
    optional={
        "coercion": st.sampled_from(["none", "safe", "dativo"]),
        "evolution": st.sampled_from(["merge", "relaxed"]),
    },
)


def check(target: Target, lines: list[bytes], settings: dict[str, Any]) -> None:
    """Load the lines; assert that the end is one of the two that are promised."""
    before = set(target.published())
    ended = target.run(b"\n".join(lines) + b"\n", **settings)  # asserts that there is no traceback
    assert CANARY not in ended.log, ended.log
    assert CANARY not in json.dumps(ended.report), ended.report
    if ended.code == 0:
        assert ended.errors == []
        _adds_up(target, ended)
    else:
        assert (ended.code, len(ended.errors), ended.out) == (1, 1, b""), ended.log
        assert set(target.published()) == before


def _adds_up(target: Target, ended: Ended) -> None:
    tables, there = Tables(target.warehouse), target.published()
    for counts in ended.report["streams"]:
        assert counts["records"] == counts["good"] + counts["quarantined"] + counts.get("dropped", 0), counts
        assert (tables.rows(counts["table"]) == []) == (counts["good"] == 0) or counts["table"] not in there
        if counts["table"] in there:
            assert len(tables.rows(counts["table"])) == counts["good"]
        if counts["quarantined"]:
            assert len(tables.rows(counts["quarantine_table"])) == counts["quarantined"]

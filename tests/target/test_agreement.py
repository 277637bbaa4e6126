"""The fast path and the slow path are one reader: same values, same verdict, same reasons, row by row."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from target_dativo_iceberg.batch import Plan, Typed, read, read_slowly
from target_dativo_iceberg.contract.manner import Coercion, Manner, Rounding
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Rule, RuleKind, Type
from target_dativo_iceberg.contract.rules.verdict import Judge
from target_dativo_iceberg.contract.settling import settled
from target_dativo_iceberg.contract.singer import contract_of, properties
from tests.target.kinds import SCALARS

# ---- values ----

_LISTED = [v for v in Path(__file__).with_name("values.txt").read_bytes().split(b"\n") if v and not v.startswith(b"#")]
_MADE = [b"", b" 1 ", b'"\x01"', b'"\ttab"', b'"a\x00b"', b'"\xff"', b'"\xed\xa0\x80"', b"\xff", b"1" + b"0" * 500]
_LONG = [
    b'"' + b"x" * 300 + b'"',
    *(b"[" * n + b"]" * n for n in (300, 401, 3000)),
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
]
VALUES = [*_LISTED, *_MADE, *_LONG]
# `make faults` takes every value in every column; else each column takes a third of them, and three columns all.
_STEP = 1 if os.environ.get("THOROUGH") else 3
_EXAMPLES = 60 if os.environ.get("THOROUGH") else 25


def _settings(examples: int) -> Any:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


# ---- streams ----

_SCALARS = {
    **SCALARS,
    "roman": Type(Kind.TIMESTAMPTZ, naive_zone="Europe/Rome"),
    "european": Type(Kind.DATE, formats=("%d/%m/%Y",)),
    "hex": Type(Kind.BINARY, encoding="hex"),
}
_POINT = Type(Kind.STRUCT, fields=(Field("x", Type(Kind.INTEGER), required=True), Field("y", Type(Kind.TIMESTAMPTZ))))
_NESTED = {
    "point": _POINT,
    "points": Type(Kind.LIST, item=Field("element", _POINT)),
    "longs": Type(Kind.LIST, item=Field("element", Type(Kind.INTEGER), required=True)),
    "lists": Type(Kind.LIST, item=Field("element", Type(Kind.LIST, item=Field("element", Type(Kind.DOUBLE))))),
    "days": Type(Kind.MAP, key=Type(Kind.INTEGER), item=Field("value", Type(Kind.DATE))),
    "names": Type(Kind.MAP, key=Type(Kind.STRING), item=Field("value", Type(Kind.STRING), required=True)),
    "texts": Type(Kind.LIST, item=Field("element", Type(Kind.JSON))),
    "json": Type(Kind.JSON),
    'quo"te': Type(Kind.INTEGER),
}


def _contract(types: Mapping[str, Type]) -> Contract:
    rules = {"text": (Rule("text.max", RuleKind.MAX_LENGTH, 20),), "long": (Rule("long.min", RuleKind.MINIMUM, 0),)}
    return Contract(
        "stream", tuple(Field(n, t, required=n in ("long", "point"), rules=rules.get(n, ())) for n, t in types.items())
    )


def _same(kinds: str | list[str], names: Any) -> dict[str, Any]:
    return {"properties": {name: {"type": kinds} for name in names}}


_EXACT_SCHEMA = {
    "properties": {
        "text": {"type": "string"}, "long": {"type": "integer"}, "int": {"type": ["null", "integer"]},
        "float": {"type": "number"}, "double": {"type": ["number", "integer"]}, "money": {"type": "number"},
        "exact": {"type": ["string", "number"]}, "flag": {"type": "boolean"},
        "json": {"type": ["string", "integer", "object"]},
    }
}  # fmt: skip
_NESTED_SCHEMA = {
    "properties": {
        "point": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "string"}}},
        "points": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}},
        "longs": {"type": "array", "items": {"type": "integer"}},
        "lists": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "json": {}, "extra": {"type": "integer"}, "open": {"type": "object"},
    }
}  # fmt: skip
_INFERRED_SCHEMA = {
    "properties": {
        "id": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        "money": {"type": ["null", "number"], "multipleOf": 0.01},
        "text": {"type": "string", "maxLength": 20, "pattern": "^[a-z0-9@.]*$"},
        "instant": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        "day": {"type": "string", "format": "date"},
        "point": {
            "type": "object",
            "required": ["x"],
            "properties": {"x": {"type": "integer"}, "y": {"type": "string"}},
        },
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}},
        "any": {},
        "open": {"type": "object", "additionalProperties": {"type": "string"}},
    }
}

_EPOCHS = {
    "seconds": Type(Kind.TIMESTAMPTZ, epoch="s"),
    "millis": Type(Kind.TIMESTAMP, epoch="ms", naive_zone="Europe/Rome"),
    "micros": Type(Kind.TIMESTAMP, epoch="us", naive_zone=None),
}


def _settled(manner: Manner, types: Mapping[str, Type] | None = None) -> Contract:
    return settled(_contract(types or {**_SCALARS, **_EPOCHS, "whole": Type(Kind.DECIMAL, precision=20)}), manner)


_ANY = ["string", "number", "boolean", "object", "null"]
_LOOSE = Manner(Coercion.DATIVO, Rounding.HALF_EVEN, cuts=True)
_STRICT = Manner(Coercion.NONE)
STREAMS: dict[str, tuple[Contract, Mapping[str, Any]]] = {
    "typed": (_contract(_SCALARS), _EXACT_SCHEMA),
    "texts": (_contract(_SCALARS), _same("string", _SCALARS)),
    "numbers": (_contract(_SCALARS), _same(["number", "null"], _SCALARS)),
    "integers": (_contract(_SCALARS), _same(["integer"], _SCALARS)),
    "anything": (_contract(_SCALARS), _same(["string", "number", "object", "null"], _SCALARS)),
    "nested": (_contract(_NESTED), _NESTED_SCHEMA),
    "no evidence": (_contract(_NESTED), {"properties": {}}),
    "strict": (_settled(_STRICT), _EXACT_SCHEMA),
    "strict texts": (_settled(_STRICT), _same("string", _SCALARS)),
    "strict numbers": (_settled(_STRICT), _same(["integer", "number"], _SCALARS)),
    "strict integers": (_settled(_STRICT), _same("integer", _SCALARS)),
    "strict nested": (_settled(_STRICT, _NESTED), _NESTED_SCHEMA),
    "loose": (_settled(_LOOSE), _EXACT_SCHEMA),
    "loose texts": (_settled(_LOOSE), _same("string", [*_SCALARS, *_EPOCHS])),
    "loose integers": (_settled(_LOOSE), _same(["integer", "null"], [*_SCALARS, *_EPOCHS])),
    "loose anything": (_settled(_LOOSE), _same(_ANY, [*_SCALARS, *_EPOCHS])),
    "inferred": (contract_of("stream", _INFERRED_SCHEMA, ["id"]), _INFERRED_SCHEMA),
}

# ---- records ----

_HEADS = [b'{"type":"RECORD","stream":"stream",', b'{"type": "RECORD", "stream": "stream", ']
_TAILS = [b"}\n", b',"time_extracted":"2024-01-01T00:00:00Z"}\n', b',"version":1}\n', b', "other": NaN}\n', b"} \r\n"]
_BROKEN = [
    b"}}\n", b"\n", b"", b"},}\n", b'},"record":{}}\n', b"}}{}\n", b"}\x00}\n", b'},"version":1.5}\n',
    b'},"more":{"a":[1]}}\n',
]  # fmt: skip
_UNKNOWN = [b"zz", b"zz", b"", b"\xc3\xa9", b"\\u007a"]


def _line(names: list[bytes], style: int, chosen: list[tuple[int, int]], end: int) -> bytes:
    """A RECORD line: members by (index of name, index of value); an index past the names is a member nobody knows."""
    every = [*names, *_UNKNOWN]
    comma, colon = [(b",", b":"), (b", ", b": "), (b" ,\t", b" : ")][style % 3]
    members = comma.join(b'"' + every[n % len(every)] + b'"' + colon + VALUES[v % len(VALUES)] for n, v in chosen)
    ends = [b"}" + t for t in _TAILS] * 4 + _BROKEN
    return _HEADS[style % 2] + b'"record":{' + members + ends[end % len(ends)]


def _lines(names: list[bytes]) -> st.SearchStrategy[list[bytes]]:
    number = st.integers(0, 10_000)
    record = st.builds(
        _line, st.just(names), st.integers(0, 2), st.lists(st.tuples(number, number), max_size=4), st.integers(0, 28)
    )
    # Few kinds of lines, repeated: long runs, in which most lines are read in bulk.
    return st.builds(
        lambda kinds, order: [kinds[i % len(kinds)] for i in order],
        st.lists(record, min_size=1, max_size=6),
        st.lists(st.integers(0, 11), min_size=1, max_size=70),
    )


def _reasons(typed: Typed, row: int) -> list[tuple[str, str, str, str]]:
    found = typed.findings.get(row)
    return sorted((v.path, v.klass, v.rule, v.message) for v in found.violations) if found else []


def _turned_away(judge: Judge, typed: Typed) -> dict[int, list[tuple[str, str, str, str]]]:
    """By row, all reasons: those of reading and those of rules."""
    found = judge.judge(typed.batch, typed.findings).turned_away
    return {
        row: sorted((v.path, v.klass, v.rule, v.message) for v, _ in reasons) for row, (_, reasons) in found.items()
    }


def _array(lines: list[bytes]) -> pa.Array:
    return pa.array(lines, pa.binary())


def assert_same(contract: Contract, schema: Mapping[str, Any], lines: list[bytes], *, bare: bool = False) -> None:
    """Read lines on both paths, whole and one by one: values, reasons, coercions, unknown members are the same."""
    evidence = properties("stream", schema)
    plan = Plan(contract, evidence, bare=bare)
    fast, slow = read(plan, _array(lines)), read_slowly(plan, _array(lines))
    fast.batch.validate(full=True)
    assert fast.batch.to_pylist() == slow.batch.to_pylist()
    assert [_reasons(fast, r) for r in range(len(lines))] == [_reasons(slow, r) for r in range(len(lines))]
    assert fast.unknown == slow.unknown
    assert fast.coercions == slow.coercions
    again = read(plan, _array(lines))  # by a plan that has met everything in the lines
    assert again.batch.equals(fast.batch)
    assert again.coercions == fast.coercions
    judge = Judge(contract)
    many = _turned_away(judge, fast)
    assert many == _turned_away(judge, slow)
    _assert_unknown_members_are_seen(Plan(contract, evidence, bare=bare, keeps_unknown=True), lines, fast)
    single = Plan(contract, evidence, bare=bare)
    for row in {line: row for row, line in enumerate(lines)}.values():
        one = read(single, _array([lines[row]]))
        assert one.batch.equals(fast.batch.slice(row, 1))
        assert _reasons(one, 0) == _reasons(fast, row)
        assert bool(judge.judge(one.batch, one.findings).turned_away) == (row in many)


def _assert_unknown_members_are_seen(plan: Plan, lines: list[bytes], usual: Typed) -> None:
    """By a plan that keeps unknown members: in each record the same ones, and nothing else is read otherwise."""
    fast, slow = read(plan, _array(lines)), read_slowly(plan, _array(lines))
    for typed in (fast, slow):
        assert typed.coercions == usual.coercions
        assert typed.batch.equals(usual.batch)
        assert [_reasons(typed, r) for r in range(len(lines))] == [_reasons(usual, r) for r in range(len(lines))]
    seen = [[f.unknown if (f := typed.findings.get(r)) else set() for r in range(len(lines))] for typed in (fast, slow)]
    assert seen[0] == seen[1]


def _key(f: Field) -> bytes:
    return f.name.replace('"', r"\"").encode()


@pytest.mark.parametrize("name", STREAMS)
@_settings(_EXAMPLES)
@given(st.data())
def test_both_paths_read_the_same_from_any_run_of_lines(name: str, data: st.DataObject) -> None:
    contract, schema = STREAMS[name]
    assert_same(contract, schema, data.draw(_lines([_key(f) for f in contract.fields])))


@pytest.mark.parametrize("name", sorted(STREAMS.keys() - {"anything", "integers", "no evidence", "strict integers"}))
def test_every_value_in_every_column_is_read_the_same_by_both_paths(name: str) -> None:
    contract, schema = STREAMS[name]
    for number, f in enumerate(contract.fields):
        values = VALUES[number % _STEP :: _STEP]
        lines = [_HEADS[0] + b'"record":{"' + _key(f) + b'":' + value + b"}}\n" for value in values]
        of_one = {"properties": {n: p for n, p in schema["properties"].items() if n == f.name}}
        assert_same(Contract("stream", (f,)), of_one, lines)


@pytest.mark.parametrize("name", ["typed", "nested"])
def test_records_of_batch_files_are_read_the_same_by_both_paths(name: str) -> None:
    contract, schema = STREAMS[name]
    whole = [b'{"' + _key(f) + b'":' + value + b"}\n" for f in contract.fields for value in VALUES[::7]]
    others = [
        b"null\n",
        b"{}\n",
        b"[]\n",
        b"{}{}\n",
        b" \n",
        b" {}\n",
        b"{} null\n",
        b'{"a":\n',
        b"1}\n",
        b'"x"\n',
        b"{}",
    ]
    assert_same(contract, schema, [*others, *whole], bare=True)


# ---- generated values ----

_DIGITS = st.from_regex(r"-?(0|[1-9][0-9]{0,45})(\.[0-9]{1,45})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
_ISO = st.from_regex(
    r"[0-9]{3}[0-9]-[01][0-9]-[0-3][0-9]([T ][0-2][0-9](:[0-6][0-9]){1,2}(\.[0-9]{0,9})?)?"
    r"(Z| ?[+-][0-2][0-9](:?[0-6][0-9])?)?",
    fullmatch=True,
)
_WHOLE_LINE = (
    b'{"type":"RECORD","stream":"stream","record":{"text":"a\\u00e9","long":12,"double":-1.5e3,"money":"1.50",'
    b'"flag":true,"day":null,"json":{"a":[1,{}]},"zz":[]}}\n'
)


@_settings(60)
@given(st.lists(_DIGITS, min_size=1, max_size=40), st.booleans())
def test_numbers_of_any_size_are_read_the_same_by_both_paths(numbers: list[str], in_quotes: bool) -> None:
    names = ["long", "int", "float", "double", "money", "exact", "text", "json"]
    quote = '"' if in_quotes else ""
    values = (", ".join(f'"{n}": {quote}{number}{quote}' for n in names) for number in numbers)
    lines = [_HEADS[0] + b'"record":{' + v.encode() + b"}}\n" for v in values]
    assert_same(_contract({n: _SCALARS[n] for n in names}), _same("string" if in_quotes else "number", names), lines)


@_settings(60)
@given(st.lists(_ISO, min_size=1, max_size=40))
def test_texts_like_dates_are_read_the_same_by_both_paths(texts: list[str]) -> None:
    names = ["day", "clock", "moment", "instant", "zoned", "roman"]
    values = (", ".join(f'"{n}": "{text[11:] if n == "clock" else text}"' for n in names) for text in texts)
    lines = [_HEADS[0] + b'"record":{' + v.encode() + b"}}\n" for v in values]
    assert_same(_contract({n: _SCALARS[n] for n in names}), _same("string", names), lines)


@_settings(100)
@given(st.lists(st.tuples(st.integers(44, len(_WHOLE_LINE) - 2), st.integers(0, 3), st.binary(max_size=2)), max_size=3))
def test_damaged_lines_are_read_the_same_by_both_paths(damages: list[tuple[int, int, bytes]]) -> None:
    line = _WHOLE_LINE
    for at, length, bytes_ in damages:
        line = line[:at] + bytes_.replace(b"\n", b"") + line[at + length :]
    contract, schema = STREAMS["typed"]
    assert_same(contract, schema, [_WHOLE_LINE, line.rstrip(b"\n") + b"\n"] * 20)

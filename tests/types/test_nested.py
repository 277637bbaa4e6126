"""Objects, arrays, maps, vectors, and JSON text."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.types.through import Case, Lake, No, check, many, quick, quoted, sent_as

_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_LONGS = st.integers(-(2**63), 2**63 - 1)
_NULLS = (Case("null", None), Case(None, None))


def _property(name: str, logical: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "logicalType": logical, **more}


# ---- struct ----

_DEEP = {
    "logicalType": "object",
    "properties": [
        _property("a", "string"),
        _property(
            "b",
            "object",
            properties=[
                _property("day", "date", required=True),
                _property(
                    "c",
                    "object",
                    properties=[_property("n", "integer"), _property("m", "number", physicalType="DECIMAL(9,2)")],
                ),
            ],
        ),
    ],
}
_DEEP_SENT = {
    "type": ["null", "object"],
    "properties": {
        "a": {"type": ["null", "string"]},
        "b": {
            "type": ["null", "object"],
            "properties": {
                "day": {"type": "string"},
                "c": {"type": ["null", "object"], "properties": {"n": {"type": "integer"}, "m": {"type": "number"}}},
            },
        },
    },
}


def _deep(a: str | None, day: date | None, n: int | None, cents: int, shape: int) -> Case:
    """A value three deep, in which members are null, absent, or not there at all."""
    m = Decimal(cents).scaleb(-2)
    inner: dict[str, Any] | None = {"n": n, "m": m}
    b: dict[str, Any] | None = {"day": day, "c": inner}
    text_c = f'{{"n": {json.dumps(n)}, "m": {m}}}'
    if shape == 1:
        b, text_b = None, "null"
    else:
        if shape == 2:
            b, text_c = {"day": day, "c": None}, "null"
        if shape == 3:
            b, text_c = {"day": day, "c": {"n": None, "m": m}}, f'{{"m": {m}}}'
        text_b = f'{{"c": {text_c}, "day": {quoted(day.isoformat()) if day else "null"}}}'
    text = f'{{"b": {text_b}, "a": {json.dumps(a)}}}' if a is not None else f'{{"b": {text_b}}}'
    missing = b is not None and day is None
    return Case(text, No("missing_required") if missing else {"a": a, "b": b})


_DEEPS = st.builds(
    _deep,
    st.none() | _WORDS,
    st.none() | st.dates() | st.dates(),
    st.none() | _LONGS,
    st.integers(-(10**9) + 1, 10**9 - 1),
    st.integers(0, 3),
)


@quick(3)
@given(many(_DEEPS, *_NULLS), sent_as(_DEEP_SENT, {"type": "object"}))
def test_an_object_three_deep_is_a_struct(lake: Lake, cases: list[Case], sent: Any) -> None:
    odd = [
        '"text"',
        "[]",
        '{"a": 1.5, "b": []}',
        '{"b": {"day": "2024-01-01", "c": {"n": 5.7}}}',
        '{"a": "x", "a": "y"}',
    ]
    iceberg = "struct<"
    read = check(lake, _DEEP, [*cases, *(Case(t, No()) for t in odd)], iceberg, sent=sent)
    assert lake.duckdb(read) == read.values


@pytest.mark.parametrize("sent", [None, _DEEP_SENT])
def test_a_member_that_a_struct_does_not_have_is_rescued_with_its_record(lake: Lake, sent: Any) -> None:
    whole = '{"a": "x", "b": {"day": "2024-01-01", "zz": [1]}}'
    read = lake.load(_DEEP, [Case(whole, None), Case('{"a": "y"}', None)], sent=sent)
    rows = {row["id"]: row for row in read.table.scan().to_arrow().to_pylist()}
    assert json.loads(rows[0]["_rescued_data"]) == {"c": json.loads(whole)}
    assert rows[1]["_rescued_data"] is None
    assert rows[1]["c"] == {"a": "y", "b": None}


# ---- JSON text ----

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _WORDS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "column", [{"logicalType": "object"}, {"logicalType": "array"}, {"physicalType": "JSONB"}], ids=str
)
@quick(2)
@given(st.lists(_JSON.filter(lambda v: v is not None), min_size=30, max_size=50), st.booleans(), st.data())
def test_what_declares_no_members_is_json_text_as_it_came(
    lake: Lake, column: dict[str, Any], values: list[Any], escaped: bool, data: st.DataObject
) -> None:
    texts = [json.dumps(v, ensure_ascii=escaped) for v in values] + ['{ "a" :1.50,"b":[1e2 ] }', "1E+2", "0.10"]
    cases = [Case(t, json.loads(t) if t.startswith('"') else t) for t in texts]
    odd = [Case('{"a": NaN}', No()), Case("[Infinity]", No()), *_NULLS]
    kind = column.get("logicalType")
    sent = data.draw(sent_as({"type": ["null", kind]}) if kind else sent_as())
    read = check(lake, column, [*cases, *odd], "string", sent=sent)
    assert read.coercions == {}


# ---- arrays ----


@quick(3)
@given(
    many(st.lists(st.none() | _LONGS, max_size=6).map(lambda v: Case(json.dumps(v), v)), *_NULLS),
    sent_as({"type": "array", "items": {"type": ["null", "integer"]}}),
)
def test_an_array_is_a_list(lake: Lake, cases: list[Case], sent: Any) -> None:
    odd = [Case(t, No()) for t in ("[1.5]", '["x"]', "{}", "5", "[true]", "[[1]]", f"[{2**63}]")] + [
        Case("[5.0, 1]", [5, 1])
    ]
    column = {"logicalType": "array", "items": {"logicalType": "integer"}}
    read = check(lake, column, [*cases, *odd], "list<long>", sent=sent)
    assert lake.duckdb(read) == read.values


@quick(2)
@given(
    many(
        st.lists(st.none() | _WORDS, max_size=4).map(
            lambda v: Case(json.dumps(v), No("missing_required") if None in v else v)
        )
    )
)
def test_required_items_are_never_null(lake: Lake, cases: list[Case]) -> None:
    column = {"logicalType": "array", "items": {"logicalType": "string", "required": True}}
    sent = {"type": ["null", "array"], "items": {"type": ["null", "string"]}}
    read = check(lake, column, [*cases, *_NULLS], "list<string>", sent=sent)
    assert read.table.schema().find_field("c").field_type.element_required


@quick(2)
@given(many(st.lists(st.integers(0, 4), max_size=6).map(lambda v: Case(json.dumps(v), v))))
def test_items_are_counted_and_compared(lake: Lake, cases: list[Case]) -> None:
    def judged(case: Case) -> Case:
        fits = 1 <= len(case.expected) <= 4 and len(set(case.expected)) == len(case.expected)
        return case if fits else Case(case.text, No("constraint"))

    options = {"minItems": 1, "maxItems": 4, "uniqueItems": True}
    column = {"logicalType": "array", "logicalTypeOptions": options, "items": {"logicalType": "integer"}}
    check(
        lake, column, [*map(judged, cases), *_NULLS], "list<long>", sent={"type": "array", "items": {"type": "integer"}}
    )


@quick(2)
@given(
    many(
        st.lists(st.lists(st.integers(-9, 9).map(float), max_size=3), max_size=3).map(lambda v: Case(json.dumps(v), v))
    )
)
def test_arrays_of_arrays(lake: Lake, cases: list[Case]) -> None:
    column = {"logicalType": "array", "items": {"logicalType": "array", "items": {"logicalType": "number"}}}
    check(lake, column, [*cases, Case("[1.0]", No()), Case("[[[1.0]]]", No())], "list<list<double>>")


# ---- maps ----


def _map(key: str, value: str, **more: Any) -> dict[str, Any]:
    return {"logicalType": "map", "map": {"key": {"logicalType": key}, "value": {"logicalType": value, **more}}}


@quick(2)
@given(
    many(st.dictionaries(_WORDS, st.none() | _LONGS, max_size=4).map(lambda d: Case(json.dumps(d), list(d.items())))),
    sent_as({"type": ["null", "object"]}),
)
def test_a_map_keeps_its_keys_and_values(lake: Lake, cases: list[Case], sent: Any) -> None:
    odd = [Case('{"a": 1, "a": 2}', No()), Case("[]", No()), Case('"x"', No()), Case('{"a": 1.5}', No()), *_NULLS]
    read = check(lake, _map("string", "integer"), [*cases, *odd], "map<string, long>", sent=sent)
    assert read.coercions == {}


@quick(2)
@given(
    many(
        st.dictionaries(_LONGS, st.dates(), max_size=3).map(
            lambda d: Case(json.dumps({str(k): v.isoformat() for k, v in d.items()}), list(d.items()))
        )
    )
)
def test_keys_that_are_numbers_are_no_coercions(lake: Lake, cases: list[Case]) -> None:
    odd = [Case('{"x": "2024-01-01"}', No()), Case('{"1": "2024-01-01", "01": "2024-01-02"}', No())]
    for level in ("none", "safe"):
        read = check(lake, _map("integer", "date"), [*cases, *odd], "map<long, date>", coercion=level)
        assert read.coercions == {}


def test_required_values_of_a_map_are_never_null(lake: Lake) -> None:
    cases = [Case('{"a": null}', No("missing_required")), Case('{"a": "b"}', [("a", "b")]), Case("{}", []), *_NULLS]
    check(lake, _map("string", "string", required=True), cases, "map<string, string>")


# ---- vectors ----

_FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(("element", "iceberg"), [(None, "list<float>"), ("float64", "list<double>")])
@quick(2)
@given(many(st.lists(_FLOATS, min_size=2, max_size=4).map(lambda v: Case(json.dumps(v), v))))
def test_a_vector_has_exactly_its_length(lake: Lake, element: str | None, iceberg: str, cases: list[Case]) -> None:
    judged = [c if len(c.expected) == 3 else Case(c.text, No("constraint")) for c in cases]
    odd = [
        Case("[1, null, 3]", No("missing_required")),
        Case('[1, "x", 3]', No()),
        Case("[1, 2, 3]", [1.0, 2.0, 3.0]),
        *_NULLS,
    ]
    options = {"dimensions": 3} | ({"elementType": element} if element else {})
    column = {"logicalType": "vector", "logicalTypeOptions": options}
    check(lake, column, [*judged, *odd], iceberg, sent={"type": ["null", "array"], "items": {"type": "number"}})

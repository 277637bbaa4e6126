"""Text and bytes: string, uuid, binary, fixed."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.types.through import Case, Lake, No, check, many, quick, quoted, sent_as

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_STRING = {"type": ["null", "string"]}
_NULLS = (Case("null", None), Case(None, None))


def _texts(escaped: bool) -> st.SearchStrategy[Case]:
    return _TEXT.map(lambda t: Case(json.dumps(t, ensure_ascii=escaped), t))


@quick()
@given(many(_texts(True) | _texts(False), *_NULLS), sent_as(_STRING))
def test_text_is_what_came(lake: Lake, cases: list[Case], sent: Any) -> None:
    read = check(lake, {"logicalType": "string"}, cases, "string", sent=sent)
    assert read.coercions == {}


@quick()
@given(
    many(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,9})?", fullmatch=True).map(lambda t: Case(t, t))),
    sent_as({"type": ["number", "string"]}, {"type": "number"}),
)
def test_a_number_for_text_becomes_its_digits_as_they_came(lake: Lake, cases: list[Case], sent: Any) -> None:
    cases = [c for c in cases if c.text != "-0"] + [Case('"7"', "7"), Case("1.50", "1.50")]
    read = check(lake, {"logicalType": "string"}, cases, "string", sent=sent)
    count = sum(
        not row.startswith('"') for row in (cases[n % len(cases)].text or "" for n in range(max(len(cases), 40)))
    )
    assert read.coercions == {"number to text": count}


@quick(2)
@given(many(_texts(True)), sent_as(_STRING))
def test_half_of_a_surrogate_pair_and_what_is_no_text_are_refused(lake: Lake, cases: list[Case], sent: Any) -> None:
    others = ['"\\ud800"', '"a\\udfffb"', '"\\ud83d"', "true", "[1]", '{"a":1}', "NaN"]
    cases = [*cases, Case('"\\ud83d\\ude00"', "\U0001f600"), *(Case(text, No()) for text in others)]
    check(lake, {"logicalType": "string"}, cases, "string", sent=sent)


@pytest.mark.parametrize("physical", ["VARCHAR(20)", "CHAR(20)", "character varying(20)", "nvarchar(20)"])
@quick(2)
@given(many(_texts(False), Case(quoted("\U0001f600" * 20), "\U0001f600" * 20), Case(quoted("x" * 21), "x" * 21)))
def test_the_length_of_a_varchar_is_only_reported(lake: Lake, physical: str, cases: list[Case]) -> None:
    read = check(lake, {"logicalType": "string", "physicalType": physical}, cases, "string", sent=_STRING)
    enough = [cases[n % len(cases)] for n in range(max(len(cases), 40))]
    assert sum(read.report["warnings"].values()) == sum(len(c.expected) > 20 for c in enough)


@quick(2)
@given(many(_texts(False).map(lambda c: c if len(c.expected) <= 5 else Case(c.text, No("constraint")))))
def test_a_length_that_an_option_gives_is_kept_counted_in_code_points(lake: Lake, cases: list[Case]) -> None:
    column = {"logicalType": "string", "physicalType": "VARCHAR(9)", "logicalTypeOptions": {"maxLength": 5}}
    check(lake, column, cases, "string", sent=_STRING)


def test_char_keeps_its_blanks(lake: Lake) -> None:
    cases = [Case(quoted(t), t) for t in ("a  ", "  a", "   ", "")]
    check(lake, {"physicalType": "CHAR(3)"}, cases, "string", sent=_STRING)


# ---- uuid ----

_UUID = st.uuids().flatmap(lambda u: st.sampled_from([str(u), str(u).upper()]))
_NO_UUIDS = ["", "x", "0f8fad5bd9cb469fa165708677289501", "{0f8fad5b-d9cb-469f-a165-70867728950e}", "0" * 36]


@quick(2)
@given(many(_UUID.map(lambda t: Case(quoted(t), t)), *(Case(quoted(t), No("constraint")) for t in _NO_UUIDS)))
def test_format_uuid_is_a_string_that_is_checked(lake: Lake, cases: list[Case]) -> None:
    column = {"logicalType": "string", "logicalTypeOptions": {"format": "uuid"}}
    check(lake, column, cases, "string", sent=_STRING)


@quick(2)
@given(many(_UUID.map(lambda t: Case(quoted(t), uuid.UUID(t))), *_NULLS, *(Case(quoted(t), No()) for t in _NO_UUIDS)))
def test_physical_type_uuid_is_a_uuid(lake: Lake, cases: list[Case]) -> None:
    column = {"logicalType": "string", "physicalType": "UUID"}
    read = check(lake, column, [*cases, Case("7", No())], "uuid", sent=_STRING)
    assert {n: u for n, u in lake.duckdb(read).items()} == read.values


# ---- bytes ----

_BYTES = st.binary(max_size=40)


def _base64(data: bytes) -> Case:
    return Case(quoted(base64.b64encode(data).decode()), data)


_NO_BASE64 = ["YWJ", "YW Jj", "YWJj\n", "YWJj=", "-_8=", "Y===", "YQ=", "\u00e9", "YWJj!!!!", "=YWJ"]


@pytest.mark.parametrize(
    "column",
    [
        {"logicalType": "string", "logicalTypeOptions": {"format": "byte"}},
        {"logicalType": "string", "logicalTypeOptions": {"format": "binary"}},
        {"logicalType": "string", "physicalType": "VARBINARY(200)"},
        {"physicalType": "BYTEA"},
        {"physicalType": "BLOB"},
        {"physicalType": "BINARY"},
    ],
    ids=str,
)
@quick(1)
@given(many(_BYTES.map(_base64), *_NULLS, *(Case(quoted(t), No()) for t in _NO_BASE64), Case("5", No())))
def test_bytes_come_in_strict_base64(lake: Lake, column: dict[str, Any], cases: list[Case]) -> None:
    read = check(lake, column, cases, "binary", sent=_STRING)
    assert lake.duckdb(read) == read.values


def _in(encoding: str) -> dict[str, Any]:
    said = [{"property": "dativo.encoding", "value": encoding}]
    return {"logicalType": "string", "logicalTypeOptions": {"format": "binary"}, "customProperties": said}


@quick(2)
@given(many(_BYTES.map(lambda b: Case(quoted(b.hex()), b)), Case('"AbCd"', b"\xab\xcd")))
def test_bytes_come_in_hex_if_the_contract_says_so(lake: Lake, cases: list[Case]) -> None:
    others = [Case(quoted(t), No()) for t in ("abc", "0x00", "gg", "a b c ", "\u0661\u0661")]
    check(lake, _in("hex"), [*cases, *others], "binary", sent=_STRING)


@quick(2)
@given(many(_TEXT.map(lambda t: Case(quoted(t), t.encode())), Case('"\\ud800"', No())))
def test_bytes_come_as_utf8_if_the_contract_says_so(lake: Lake, cases: list[Case]) -> None:
    check(lake, _in("utf8"), cases, "binary", sent=_STRING)


@quick(2)
@given(
    many(st.binary(min_size=14, max_size=18).map(lambda b: _base64(b) if len(b) == 16 else Case(_base64(b).text, No())))
)
def test_binary_of_a_length_is_fixed_and_has_it_exactly(lake: Lake, cases: list[Case]) -> None:
    cases = [*cases, _base64(bytes(16)), _base64(bytes(range(16))), Case('"x"', No())]
    check(lake, {"logicalType": "string", "physicalType": "BINARY(16)"}, cases, "fixed[16]", sent=_STRING)

"""Texts and JSON: the parts that rows do not reach."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_dativo_iceberg.contract.model import Kind
from target_dativo_iceberg.contract.privacy.json import MAX_LEVELS, NotJsonError, parse, written
from target_dativo_iceberg.contract.privacy.seal import pieces
from target_dativo_iceberg.contract.privacy.text import canonical_json, texts


def test_pieces_of_a_slice_are_those_of_the_slice() -> None:
    texts = pa.array(["a", "", "ßc", "d"])
    assert pieces(texts) == [b"a", b"", "ßc".encode(), b"d"]
    assert pieces(texts.slice(1, 2)) == [b"", "ßc".encode()]
    assert pieces(texts.slice(4)) == pieces(pa.array([], pa.string())) == []
    assert pieces(pa.array(["", ""])) == [b"", b""]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_the_text_of_a_double_is_plain_and_reads_back_as_it(numbers: list[float]) -> None:
    for number, text in zip(numbers, texts(pa.array(numbers, pa.float64()), Kind.DOUBLE).to_pylist(), strict=True):
        assert float(text) == number
        _is_plain(text)


@given(st.lists(st.decimals(min_value=-(10**20), max_value=10**20, places=15)))
def test_the_text_of_a_decimal_is_plain_and_exact(numbers: list[Decimal]) -> None:
    for number, text in zip(
        numbers, texts(pa.array(numbers, pa.decimal128(38, 15)), Kind.DECIMAL).to_pylist(), strict=True
    ):
        assert Decimal(text) == number
        _is_plain(text)


def _is_plain(text: str) -> None:
    assert set(text) <= set("-.0123456789")
    assert text != "-0"
    assert "." not in text or not text.endswith(("0", "."))


@pytest.mark.parametrize("text", ["", "{", "nul", "[1] 2", "[" * 100_000, "'a'"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(NotJsonError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ('{"b": 1.50, "a": [1e5, -0, null, true]}', '{"a":[1e5,-0,null,true],"b":1.50}'),
        ('{"a": {"z": 1, "y": "\\u00fc\\/"}}', '{"a":{"y":"ü/","z":1}}'),
        ("[ ]", "[]"),
        (" 5", " 5"),
        ('"a"', '"a"'),
        ("plain text", "plain text"),
    ],
)
def test_json_has_one_text_however_it_is_written(text: str, canonical: str) -> None:
    assert canonical_json(text) == canonical
    assert canonical_json(canonical) == canonical


def test_json_nested_deeper_than_the_limit_is_its_own_text() -> None:
    for depth in (MAX_LEVELS, MAX_LEVELS + 1, 800, 100_000):
        text = "[ " * depth + "]" * depth
        assert canonical_json(text) == (text.replace(" ", "") if depth == MAX_LEVELS else text)


def test_members_come_back_in_order_and_as_often_as_they_came() -> None:
    text = '{"b":1,"a":2,"b":3}'
    assert written(parse(text)) == text
    assert written(parse(text), ordered=True) == '{"a":2,"b":1,"b":3}'

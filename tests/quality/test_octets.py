"""The bytes of a column are those of its texts, whatever the column is a part of."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_dativo_iceberg.contract.values.octets import is_ascii, is_utf8, longest, octets

_TEXTS = st.lists(st.one_of(st.none(), st.text("ab é\x00\x7f\x80", max_size=4)), max_size=20)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(_TEXTS, st.integers(0, 20), st.integers(0, 20), st.sampled_from([pa.string(), pa.large_string(), pa.binary()]))
def test_the_bytes_of_a_part_of_a_column(texts: list[str | None], start: int, length: int, kind: pa.DataType) -> None:
    column = pa.array(texts, pa.string()).cast(kind).slice(start, length)
    expected = b"".join((text or "").encode() for text in texts[start : start + length])
    assert bytes(octets(column).to_pylist()) == expected
    assert is_ascii(column) is expected.isascii()
    assert longest(column) == max((len((text or "").encode()) for text in texts[start : start + length]), default=0)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_binary()])
def test_columns_without_bytes(kind: pa.DataType) -> None:
    for column in (pa.array([], kind), pa.array(["", ""], kind), pa.nulls(3, kind), pa.array([None, "a"], kind)[:1]):
        assert len(octets(column)) == 0
        assert is_ascii(column)


_NOT_UTF8 = [b"\xff", b"a\xc3", b"\xa9a", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80"]
_UTF8 = ["", "a", "é", "日本", "a😀b"]


def _texts(values: list[bytes | None], type_: pa.DataType) -> pa.Array:
    """Return bytes as texts that nobody has looked at."""
    large = pa.large_binary() if type_ == pa.large_string() else pa.binary()
    found = pa.array(values, large)
    return pa.Array.from_buffers(type_, len(found), found.buffers(), offset=found.offset)


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string()])
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(st.one_of(st.none(), st.sampled_from([*(t.encode() for t in _UTF8), *_NOT_UTF8])), max_size=8))
def test_texts_are_utf8_when_each_of_them_is(type_: pa.DataType, values: list[bytes | None]) -> None:
    for first in range(len(values) + 1):
        column = _texts(values, type_).slice(first)
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            assert not is_utf8(column)
        else:
            assert is_utf8(column)


def test_two_halves_of_a_character_in_two_texts_are_not_utf8() -> None:
    assert not is_utf8(_texts([b"a\xc3", b"\xa9b"], pa.string()))
    assert is_utf8(_texts([b"\xc3\xa9", b"\xc3\xa9b", b""], pa.string()))

"""The bytes of a column are those of its texts, whatever the column is a part of."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_dativo_iceberg.contract.values.octets import is_ascii, octets

_TEXTS = st.lists(st.one_of(st.none(), st.text("ab é\x00\x7f\x80", max_size=4)), max_size=20)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(_TEXTS, st.integers(0, 20), st.integers(0, 20), st.sampled_from([pa.string(), pa.large_string(), pa.binary()]))
def test_the_bytes_of_a_part_of_a_column(texts: list[str | None], start: int, length: int, kind: pa.DataType) -> None:
    column = pa.array(texts, pa.string()).cast(kind).slice(start, length)
    expected = b"".join((text or "").encode() for text in texts[start : start + length])
    assert bytes(octets(column).to_pylist()) == expected
    assert is_ascii(column) is expected.isascii()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_binary()])
def test_columns_without_bytes(kind: pa.DataType) -> None:
    for column in (pa.array([], kind), pa.array(["", ""], kind), pa.nulls(3, kind), pa.array([None, "a"], kind)[:1]):
        assert len(octets(column)) == 0
        assert is_ascii(column)

# ruff: noqa: DTZ001 - moments without a zone are values here
"""Transforms of whole columns: the specification's examples, and PyIceberg's of one value as the oracle."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg import types as ice
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    TruncateTransform,
    VoidTransform,
    YearTransform,
)

from target_dativo_iceberg.murmur import hash_bytes, hash_decimals, hash_integers
from target_dativo_iceberg.transforms import transformed

UTC = dt.UTC
HOUR = dt.datetime(2017, 11, 16, 22, 31, 8)


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (34, pa.int64(), 2017239379),
        (dt.date(2017, 11, 16), pa.date32(), -653330422),
        (dt.time(22, 31, 8), pa.time64("us"), -662762989),
        (HOUR, pa.timestamp("us"), -2047944441),
        (HOUR.replace(tzinfo=UTC), pa.timestamp("us", "UTC"), -2047944441),
        (Decimal("14.20"), pa.decimal128(9, 2), -500754589),
        ("iceberg", pa.string(), 1210000089),
        (uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7").bytes, pa.uuid(), 1488055340),
        (b"\x00\x01\x02\x03", pa.binary(4), -188683207),
        (b"\x00\x01\x02\x03", pa.binary(), -188683207),
    ],
)
def test_a_bucket_is_of_the_hash_that_the_specification_has(value: Any, type_: pa.DataType, expected: int) -> None:
    buckets = (1 << 31) - 1
    found = transformed(pa.array([value, None], type_), BucketTransform(buckets), ice.LongType())
    assert found.to_pylist() == [(expected & 0x7FFFFFFF) % buckets, None]


def test_hashes_of_nothing_are_nothing() -> None:
    assert len(hash_integers(pa.array([], pa.int64()))) == 0
    assert len(hash_bytes(pa.array([], pa.binary()), hash)) == 0
    assert len(hash_decimals(pa.array([], pa.decimal128(9, 2)))) == 0


def _decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    limit = 10**precision - 1
    return st.integers(-limit, limit).map(lambda n: Decimal((n < 0, tuple(map(int, str(abs(n)))), -scale)))


_MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
_VALUES: list[tuple[ice.IcebergType, pa.DataType, st.SearchStrategy[Any]]] = [
    # the outermost numbers wrap round in a truncation, in every engine
    (ice.IntegerType(), pa.int32(), st.integers(-(2**31) + 1000, 2**31 - 1)),
    (ice.LongType(), pa.int64(), st.integers(-(2**63) + 1000, 2**63 - 1)),
    (ice.StringType(), pa.string(), st.text(max_size=70) | st.text(alphabet="ab漢é🎉", min_size=60, max_size=300)),
    (ice.BinaryType(), pa.binary(), st.binary(max_size=70) | st.binary(min_size=250, max_size=300)),
    (ice.FixedType(7), pa.binary(7), st.binary(min_size=7, max_size=7)),
    (ice.UUIDType(), pa.uuid(), st.uuids().map(lambda u: u.bytes)),
    (ice.DateType(), pa.date32(), st.dates()),
    (ice.TimeType(), pa.time64("us"), st.times()),
    (ice.TimestampType(), pa.timestamp("us"), _MOMENTS),
    (ice.TimestamptzType(), pa.timestamp("us", "UTC"), _MOMENTS.map(lambda m: m.replace(tzinfo=UTC))),
    (ice.BooleanType(), pa.bool_(), st.booleans()),
    (ice.DecimalType(3, 0), pa.decimal128(3, 0), _decimals(3, 0)),
    (ice.DecimalType(18, 4), pa.decimal128(18, 4), _decimals(18, 4)),
    (ice.DecimalType(19, 3), pa.decimal128(19, 3), _decimals(19, 3)),
    (ice.DecimalType(38, 10), pa.decimal128(38, 10), _decimals(38, 10)),
]
_TRANSFORMS: list[Transform[Any, Any]] = [
    IdentityTransform(), VoidTransform(), BucketTransform(7), BucketTransform((1 << 31) - 1), TruncateTransform(1),
    TruncateTransform(4), TruncateTransform(100), YearTransform(), MonthTransform(), DayTransform(), HourTransform(),
]  # fmt: skip


@pytest.mark.parametrize(("source", "type_", "values"), _VALUES, ids=[str(v[0]) for v in _VALUES])
def test_a_column_is_transformed_as_its_values_are(
    source: ice.IcebergType, type_: pa.DataType, values: st.SearchStrategy[Any]
) -> None:
    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.none() | values, max_size=30), st.integers(0, 5))
    def agrees(column: list[Any], start: int) -> None:
        array = pa.array(column, type_).slice(start)
        for transform in (t for t in _TRANSFORMS if t.can_transform(source)):
            one = transform.transform(source)
            found = transformed(array, transform, source)
            if isinstance(found, pa.ExtensionArray):
                found = found.storage
            assert found.to_pylist() == [one(value) for value in column[start:]], transform

    agrees()

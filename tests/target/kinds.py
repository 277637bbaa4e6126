"""A type of each scalar kind, by the name of its column in the tests."""

from __future__ import annotations

from target_dativo_iceberg.contract.model import Kind, Type

SCALARS = {
    "text": Type(Kind.STRING),
    "long": Type(Kind.INTEGER),
    "int": Type(Kind.INTEGER, bits=32),
    "float": Type(Kind.FLOAT),
    "double": Type(Kind.DOUBLE),
    "money": Type(Kind.DECIMAL, precision=12, scale=2),
    "exact": Type(Kind.DECIMAL, precision=38, scale=18),
    "flag": Type(Kind.BOOLEAN),
    "day": Type(Kind.DATE),
    "clock": Type(Kind.TIME),
    "moment": Type(Kind.TIMESTAMP),
    "instant": Type(Kind.TIMESTAMPTZ),
    "zoned": Type(Kind.TIMESTAMPTZ, naive_zone=None),
    "uuid": Type(Kind.UUID),
    "bytes": Type(Kind.BINARY),
    "three": Type(Kind.FIXED, length=3),
    "json": Type(Kind.JSON),
}

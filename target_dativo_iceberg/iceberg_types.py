"""The type table, contract ↔ Iceberg."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from pyiceberg import types as ice
from pyiceberg.schema import Schema

from target_dativo_iceberg.contract.evolution import identifiers
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type

_PLAIN: dict[Kind, ice.PrimitiveType] = {
    Kind.STRING: ice.StringType(),
    Kind.JSON: ice.StringType(),
    Kind.FLOAT: ice.FloatType(),
    Kind.DOUBLE: ice.DoubleType(),
    Kind.BOOLEAN: ice.BooleanType(),
    Kind.DATE: ice.DateType(),
    Kind.TIME: ice.TimeType(),
    Kind.TIMESTAMP: ice.TimestampType(),
    Kind.TIMESTAMPTZ: ice.TimestamptzType(),
    Kind.UUID: ice.UUIDType(),
    Kind.BINARY: ice.BinaryType(),
}
_KINDS: dict[type[ice.IcebergType], Kind] = {type(v): k for k, v in _PLAIN.items() if k is not Kind.JSON}


def iceberg_schema(contract: Contract) -> Schema:
    """Return the schema of a new table for a contract.

    Keys of kinds that Iceberg takes for no identifier (floating numbers, nested values) are only required.
    Field ids are a function of the contract alone (top level first, then nested, in order), so two processes that
    create the same table agree on them. Key columns are required and are the identifier fields.
    """
    ids = itertools.count(1)
    fields = _fields(contract.fields, ids)
    names = identifiers(contract)
    keys = [f.field_id for f in fields if f.name in names]
    return Schema(*fields, identifier_field_ids=keys)


def _fields(fields: tuple[Field, ...], ids: Iterator[int]) -> list[ice.NestedField]:
    numbered = [(next(ids), f) for f in fields]
    return [
        ice.NestedField(i, f.name, iceberg_type(f.type, ids), required=f.required, doc=f.description or None)
        for i, f in numbered
    ]


def iceberg_type(type_: Type, ids: Iterator[int]) -> ice.IcebergType:
    """Return the Iceberg type of a contract type; `ids` numbers nested fields."""
    match type_.kind:
        case Kind.INTEGER:
            return ice.IntegerType() if type_.bits == 32 else ice.LongType()
        case Kind.DECIMAL:
            return ice.DecimalType(type_.precision, type_.scale)
        case Kind.FIXED:
            return ice.FixedType(type_.length)
        case Kind.STRUCT:
            return ice.StructType(*_fields(type_.fields, ids))
        case Kind.LIST:
            assert type_.item is not None
            element = next(ids)
            return ice.ListType(element, iceberg_type(type_.item.type, ids), element_required=type_.item.required)
        case Kind.MAP:
            assert type_.item is not None
            assert type_.key is not None
            key, value = next(ids), next(ids)
            return ice.MapType(
                key, iceberg_type(type_.key, ids), value, iceberg_type(type_.item.type, ids),
                value_required=type_.item.required,
            )  # fmt: skip
    return _PLAIN[type_.kind]


def contract_fields(schema: Schema | ice.StructType) -> tuple[Field, ...]:
    """Return a table's columns as contract fields, to be compared with a contract."""
    return tuple(Field(f.name, contract_type(f.field_type), required=f.required) for f in schema.fields)


def contract_type(type_: ice.IcebergType) -> Type:
    """Return the contract type that a table's column has."""
    match type_:
        case ice.IntegerType():
            return Type(Kind.INTEGER, bits=32)
        case ice.LongType():
            return Type(Kind.INTEGER)
        case ice.DecimalType():
            return Type(Kind.DECIMAL, precision=type_.precision, scale=type_.scale)
        case ice.FixedType():
            return Type(Kind.FIXED, length=len(type_))
        case ice.StructType():
            return Type(Kind.STRUCT, fields=contract_fields(type_))
        case ice.ListType():
            return Type(Kind.LIST, item=Field("element", contract_type(type_.element_type), type_.element_required))
        case ice.MapType():
            value = Field("value", contract_type(type_.value_type), type_.value_required)
            return Type(Kind.MAP, key=contract_type(type_.key_type), item=value)
    return Type(_KINDS.get(type(type_), Kind.BINARY))

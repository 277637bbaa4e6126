"""Contract types as Arrow types: the form every accepted value has between parsing and Parquet."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type

_PLAIN = {
    Kind.STRING: pa.string(),
    Kind.JSON: pa.string(),
    Kind.FLOAT: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMPTZ: pa.timestamp("us", "UTC"),
    Kind.UUID: pa.binary(16),
    Kind.BINARY: pa.binary(),
}


def arrow_type(type_: Type) -> pa.DataType:
    """Return the Arrow type that holds values of a contract type without loss."""
    match type_.kind:
        case Kind.INTEGER:
            return pa.int32() if type_.bits == 32 else pa.int64()
        case Kind.DECIMAL:
            return pa.decimal128(type_.precision, type_.scale)
        case Kind.FIXED:
            return pa.binary(type_.length)
        case Kind.STRUCT:
            return pa.struct(arrow_fields(type_.fields))
        case Kind.LIST:
            assert type_.item is not None
            return pa.list_(pa.field("element", arrow_type(type_.item.type)))
        case Kind.MAP:
            assert type_.item is not None
            assert type_.key is not None
            return pa.map_(arrow_type(type_.key), arrow_type(type_.item.type))
    return _PLAIN[type_.kind]


def arrow_fields(fields: Sequence[Field]) -> list[pa.Field]:
    """Return Arrow fields, all nullable: `required` is a rule here and a constraint only in the table."""
    return [pa.field(f.name, arrow_type(f.type)) for f in fields]


def arrow_schema(contract: Contract) -> pa.Schema:
    """Return the schema of a stream's typed batches: the contract's fields, in the contract's order."""
    return pa.schema(arrow_fields(contract.fields))


def picked(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    """Return some fields of a schema, in the order of the names."""
    return pa.schema([schema.field(name) for name in names])


def as_contract(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return rows of a table in a contract's types; a column that they do not have is null.

    Args:
        batch: as PyIceberg or Parquet gives it.
        schema: the wanted fields of the contract's Arrow schema.

    """
    have = set(batch.schema.names)
    columns = [
        _cast(batch.column(f.name), f.type) if f.name in have else pa.nulls(batch.num_rows, f.type) for f in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(column: pa.Array, type_: pa.DataType) -> pa.Array:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    return storage.cast(type_)

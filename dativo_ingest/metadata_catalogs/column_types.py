"""Types of columns as Hive writes them, which Glue and people read."""

from __future__ import annotations

from target_dativo_iceberg.contract import Kind, Type

_PLAIN = {
    Kind.STRING: "string",
    Kind.JSON: "string",
    Kind.UUID: "string",
    Kind.TIME: "string",
    Kind.FLOAT: "float",
    Kind.DOUBLE: "double",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamp",
    Kind.BINARY: "binary",
    Kind.FIXED: "binary",
}


def hive_type(type_: Type) -> str:
    """Return a type's Hive text (`array<struct<a:int>>`); kinds that Hive has not get the nearest it has."""
    match type_.kind:
        case Kind.INTEGER:
            return "int" if type_.bits == 32 else "bigint"
        case Kind.DECIMAL:
            return f"decimal({type_.precision},{type_.scale})"
        case Kind.STRUCT:
            return f"struct<{','.join(f'{one.name}:{hive_type(one.type)}' for one in type_.fields)}>"
        case Kind.LIST if type_.item is not None:
            return f"array<{hive_type(type_.item.type)}>"
        case Kind.MAP if type_.item is not None and type_.key is not None:
            return f"map<{hive_type(type_.key)},{hive_type(type_.item.type)}>"
    return _PLAIN[type_.kind]

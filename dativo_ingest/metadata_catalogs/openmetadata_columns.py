"""Columns of a contract as OpenMetadata's table entity has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dativo_ingest.metadata_catalogs.column_types import hive_type
from dativo_ingest.metadata_catalogs.described import Described
from target_dativo_iceberg.contract import Field, Kind, Type

Json = dict[str, Any]
_TYPES = {
    Kind.STRING: "STRING",
    Kind.FLOAT: "FLOAT",
    Kind.DOUBLE: "DOUBLE",
    Kind.DECIMAL: "DECIMAL",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.TIMESTAMPTZ: "TIMESTAMPZ",
    Kind.UUID: "UUID",
    # BINARY would need a length.
    Kind.BINARY: "BYTES",
    Kind.FIXED: "FIXED",
    Kind.STRUCT: "STRUCT",
    Kind.LIST: "ARRAY",
    Kind.MAP: "MAP",
    Kind.JSON: "JSON",
}


def columns(table: Described, classification: str) -> list[Json]:
    """Return a table's columns.

    Args:
        table: what is told.
        classification: the OpenMetadata classification that words are tags of; empty for columns without any.

    """
    return [_column(field, field.name, table, classification) for field in table.contract.fields]


def label(classification: str, word: str) -> Json:
    """Return a word of a contract as a tag; what tags cannot have in their names becomes `_`."""
    tag = re.sub(r"[^\w-]", "_", word)
    return {
        "tagFQN": f"{classification}.{tag}",
        "source": "Classification",
        "labelType": "Automated",
        "state": "Confirmed",
    }


def primary_key(table: Described) -> Json:
    """Return the constraint of a key of several columns; a key of one is said by the column."""
    key = list(table.contract.primary_key)
    return {"tableConstraints": [{"constraintType": "PRIMARY_KEY", "columns": key}]} if len(key) > 1 else {}


def _column(field: Field, path: str, table: Described, classification: str) -> Json:
    found: Json = {
        "name": field.name,
        "dataType": _name(field.type),
        "dataTypeDisplay": hive_type(field.type),
        **_shape(field.type, path, table, classification),
    }
    if field.description:
        found["description"] = field.description
    if (path,) == table.contract.primary_key:
        found["constraint"] = "PRIMARY_KEY"
    elif field.required:
        found["constraint"] = "NOT_NULL"
    words = [word for word in (table.classification(field, path), *field.tags) if word]
    if classification and words:
        found["tags"] = [label(classification, word) for word in dict.fromkeys(words)]
    return found


def _name(type_: Type) -> str:
    if type_.kind is Kind.INTEGER:
        return "INT" if type_.bits == 32 else "BIGINT"
    return _TYPES[type_.kind]


def _shape(type_: Type, path: str, table: Described, classification: str) -> Json:
    """Return what a type has beside its name."""
    match type_.kind:
        case Kind.DECIMAL:
            return {"precision": type_.precision, "scale": type_.scale}
        case Kind.FIXED:
            return {"dataLength": type_.length}
        case Kind.STRUCT:
            return {"children": _members(type_.fields, path, table, classification)}
        case Kind.LIST if type_.item is not None:
            below = _shape(type_.item.type, f"{path}.element", table, classification)
            return {"arrayDataType": _name(type_.item.type), **{k: v for k, v in below.items() if k == "children"}}
    return {}


def _members(fields: Sequence[Field], path: str, table: Described, classification: str) -> list[Json]:
    return [_column(field, f"{path}.{field.name}", table, classification) for field in fields]

"""A stream of orders: its contract, and a record for each way to break it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

SCHEMA = {
    "type": "SCHEMA",
    "stream": "orders",
    "key_properties": ["id"],
    "schema": {
        "properties": {
            "id": {"type": "integer"},
            "amount": {"type": ["null", "integer"]},
            "state": {"type": ["null", "string"]},
            "extra": {"type": ["null", "string"]},
        }
    },
}
GOOD = {"id": 1, "amount": 5, "state": "new"}
TYPE = {"id": 2, "amount": "many", "state": "new"}
CONSTRAINT = {"id": 3, "amount": -5, "state": "new"}
MISSING = {"id": 4, "amount": 5}
UNKNOWN = {"id": 5, "amount": 5, "state": "new", "extra": "e", "more": [1]}
REPEATED = {"id": 1, "amount": 6, "state": "new"}
BROKEN = '{"type": "RECORD", "stream": "orders", "record": {"id": 6,}}'
ALL = [GOOD, TYPE, CONSTRAINT, MISSING, UNKNOWN, REPEATED]


def contract(folder: Path, **more: Any) -> str:
    """Write a contract: keywords named as a property add to that property, the others to the object.

    Returns:
        Its path.

    """
    properties: list[dict[str, Any]] = [
        {"name": "id", "logicalType": "integer", "primaryKey": True, "required": True},
        {"name": "amount", "logicalType": "integer", "logicalTypeOptions": {"minimum": 0}},
        {"name": "state", "logicalType": "string", "required": True},
    ]
    for found in properties:
        found.update(more.pop(found["name"], {}))
    schema = [{"name": "orders", "properties": properties, **more}]
    base = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "version": "1.0.0", "status": "active"}
    path = folder / "orders.yaml"
    path.write_text(yaml.safe_dump({**base, "schema": schema}))
    return str(path)


def lines(records: Sequence[dict[str, Any] | str]) -> list[dict[str, Any] | str]:
    """SCHEMA and a RECORD each; a text is a line as it stands."""
    return [
        SCHEMA,
        *(r if isinstance(r, str) else {"type": "RECORD", "stream": "orders", "record": r} for r in records),
    ]

"""The ODCS 3.1 contract and the Singer SCHEMA messages of a shape."""

import json
from typing import Any

import yaml

from benchmarks.shapes import Shape


def odcs(shape: Shape) -> str:
    """The contract as YAML: one schema object per stream."""
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"benchmark-{shape.name}",
        "name": f"Benchmark {shape.name}",
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": f"Made records for benchmarks: {shape.about}."},
        "schema": [_object(shape, stream) for stream in shape.streams],
    }
    # through JSON, because yaml.safe_dump writes parts that several columns share as anchors and aliases
    return yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False, allow_unicode=True)


def schema_messages(shape: Shape) -> list[str]:
    """A SCHEMA line per stream: types only, as taps send them; the contract's rules are not in it."""
    properties = {column.name: column.json_schema for column in shape.columns}
    return [
        json.dumps(
            {
                "type": "SCHEMA",
                "stream": stream,
                "schema": {"type": "object", "properties": properties},
                "key_properties": list(shape.key),
            }
        )
        for stream in shape.streams
    ]


def _object(shape: Shape, stream: str) -> dict[str, Any]:
    return {
        "name": stream,
        "physicalName": stream,
        "logicalType": "object",
        "physicalType": "table",
        "properties": [{"name": column.name, **column.odcs} for column in shape.columns],
    }

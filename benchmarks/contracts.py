"""The ODCS 3.1 contract and the Singer SCHEMA messages of a shape."""

import json
from typing import Any

import yaml

from benchmarks.shapes import Shape


def odcs(shape: Shape, *, ruled: bool = True) -> str:
    """The contract as YAML, one schema object per stream; not `ruled`: types only, every value may be null."""
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"benchmark-{shape.name}",
        "name": f"Benchmark {shape.name}",
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": f"Made records for benchmarks: {shape.about}."},
        "schema": [_object(shape, stream, ruled=ruled) for stream in shape.streams],
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


def _object(shape: Shape, stream: str, *, ruled: bool) -> dict[str, Any]:
    return {
        "name": stream,
        "physicalName": stream,
        "logicalType": "object",
        "physicalType": "table",
        "properties": [{"name": c.name, **(c.odcs if ruled else _type(c.odcs))} for c in shape.columns],
    }


def _type(odcs: dict[str, Any]) -> dict[str, Any]:
    """What of a property says its type; members of objects and arrays keep their rules."""
    kept = {key: odcs[key] for key in ("logicalType", "physicalType", "properties", "items") if key in odcs}
    zone = {key: value for key, value in odcs.get("logicalTypeOptions", {}).items() if key == "timezone"}
    return kept | ({"logicalTypeOptions": zone} if zone else {})

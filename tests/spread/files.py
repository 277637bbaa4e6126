"""Orders in files of BATCH messages, bad ones and repeated keys among them, and what a load of them must give."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = {
    "type": "SCHEMA",
    "stream": "orders",
    "schema": {
        "properties": {
            "id": {"type": "integer"},
            "amount": {"type": ["number", "null"]},
            "note": {"type": ["string", "null"]},
            "day": {"type": ["string", "null"], "format": "date"},
        }
    },
    "key_properties": ["id"],
}
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - {name: note, logicalType: string, logicalTypeOptions: {maxLength: 12}}
      - {name: day, logicalType: date}
"""


def rows(first: int, count: int, *, bad: int = 97, **more: Any) -> list[dict[str, Any]]:
    """Orders with ids from `first`; each `bad`th has a negative amount."""
    return [
        {
            "id": first + i,
            "amount": -1.5 if i % bad == bad - 1 else i * 0.25,
            "note": f"n{i % 13}",
            "day": f"2024-01-{1 + i % 5:02d}",
            **more,
        }
        for i in range(count)
    ]


def write(path: Path, found: Sequence[dict[str, Any]]) -> Path:
    """Write rows as the file's ending says: `.parquet` or `.jsonl.gz`."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(found)), path)
    else:
        path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in found).encode()))
    return path


def batch(*paths: Path) -> dict[str, Any]:
    """BATCH of files of one kind."""
    parquet = paths[0].suffix == ".parquet"
    encoding = {"format": "parquet"} if parquet else {"format": "jsonl", "compression": "gzip"}
    return {"type": "BATCH", "stream": "orders", "encoding": encoding, "manifest": [p.as_uri() for p in paths]}


def contract(folder: Path) -> str:
    """Write the contract and return its path."""
    path = folder / "orders.odcs.yaml"
    path.write_text(CONTRACT)
    return str(path)

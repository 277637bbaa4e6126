"""Parquet files large enough to be adopted, the messages that name them, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from tests.target.running import Ended, Target, state

ROWS = 40_000
STREAM = {
    "type": "SCHEMA",
    "stream": "a",
    "schema": {
        "properties": {
            "id": {"type": "integer"},
            "x": {"type": "number"},
            "s": {"type": ["string", "null"], "maxLength": 30},
            "at": {"type": ["string", "null"], "format": "date-time"},
            "k": {"type": ["string", "null"]},
        }
    },
    "key_properties": ["id"],
}
SMALL = {"target_file_size_mb": 1}
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: a
version: 1.0.0
schema:
  - name: a
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true, logicalTypeOptions: {minimum: -1}}
      - {name: x, logicalType: number, required: true}
      - {name: s, id: text, logicalType: string, logicalTypeOptions: {maxLength: 30}}
      - {name: at, logicalType: timestamp}
      - {name: k, logicalType: string, logicalTypeOptions: {pattern: "^[a-z]{2}$"}}
"""


def made(rows: int = ROWS, first: int = 0) -> pa.Table:
    """Rows of which most do not compress, the columns in another order than the table's."""
    ids = pa.array(range(first, first + rows), pa.int64())
    even = pc.equal(pc.bit_wise_and(ids, 1), 0)
    return pa.table(
        {
            "s": pc.if_else(even, pc.cast(pc.multiply(ids, 7919), pa.string()), None),
            "at": pc.add(ids, 1_700_000_000_000_000).cast(pa.timestamp("us", "UTC")),
            "x": pc.random(rows, initializer=first),
            "id": ids,
            "k": pa.array(["aa", "bb", None, "dd"]).take(pc.bit_wise_and(ids, 3)),
        }
    )


def batch_of(*paths: Path) -> dict[str, Any]:
    """BATCH of the stream."""
    manifest = [path.as_uri() for path in paths]
    return {"type": "BATCH", "stream": "a", "encoding": {"format": "parquet"}, "manifest": manifest}


def contract_of(target: Target, more: str = "", **words: str) -> str:
    """Write a contract with more properties behind its own, and words replaced."""
    text = CONTRACT + more
    for old, new in words.items():
        assert old in text
        text = text.replace(old, new)
    path = target.folder / "a.odcs.yaml"
    path.write_text(text)
    return str(path)


def load_files(target: Target, *paths: Path, code: int = 0, **settings: Any) -> Ended:
    """Run the target on a BATCH of files."""
    ended = target.run(
        [STREAM, batch_of(*paths), state(1)], **(SMALL | {"batch_roots": [str(target.folder)]} | settings)
    )
    assert ended.code == code, ended.log
    return ended


def table_of(target: Target, name: str = "a") -> Table:
    """The table as PyIceberg reads it."""
    warehouse = target.warehouse
    catalog = SqlCatalog("default", uri=f"sqlite:///{warehouse}/catalog.db", warehouse=str(warehouse))
    return catalog.load_table(("default", name))


def files_of(target: Target) -> list[Path]:
    """Its data files."""
    return [Path(task.file.file_path.removeprefix("file://")) for task in table_of(target).scan().plan_files()]


def is_copy(path: Path, source: Path) -> bool:
    """Whether a file has the pages of another."""
    head = source.read_bytes()[: -pq.read_metadata(source).serialized_size - 8]
    return path.read_bytes().startswith(head)


def are_adopted(target: Target, *sources: Path) -> bool:
    """Whether the table is made of copies of some files, and no others."""
    files = files_of(target)
    return len(files) == len(sources) and all(any(is_copy(f, s) for f in files) for s in sources)


def in_order(*parts: pa.Table) -> tuple[Any, ...]:
    """Rows by id, in the columns of the table."""
    return tuple(pa.concat_tables(parts).sort_by("id").select(["id", "x", "s", "at", "k"]).to_pylist())

"""Orders in Parquet files, some of them bad, the contract they are under, and what must be in the tables afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb

STREAM = "orders"
BAD_EVERY = 500
STATE = {"bookmarks": {STREAM: {"done": True}}}
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - {name: quantity, logicalType: integer, required: true, logicalTypeOptions: {minimum: 1}}
      - {name: status, logicalType: string, required: true, logicalTypeOptions: {pattern: "^(placed|shipped|paid)$"}}
      - {name: email, logicalType: string, logicalTypeOptions: {pattern: "^[^@]+@[^@]+$", maxLength: 80}}
      - {name: country, logicalType: string, logicalTypeOptions: {maxLength: 2}}
      - {name: note, logicalType: string, logicalTypeOptions: {maxLength: 60}}
      - {name: created_at, logicalType: timestamp, required: true}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0}}
      - {name: active, logicalType: boolean, required: true}
"""
_TYPES = {
    "id": "integer", "quantity": "integer", "status": "string", "email": "string", "country": "string",
    "note": "string", "created_at": "string", "amount": "number", "active": "boolean",
}  # fmt: skip


@dataclass(frozen=True)
class Orders:
    """Files with the ids 0, 1, 2, …; each `BAD_EVERY`-th row has a quantity that the contract refuses.

    Attributes:
        folder: of files and contract; made by `write`.
        files: how many.
        rows: of each file.
        fine: rows at the start of which none is bad.

    """

    folder: Path
    files: int
    rows: int
    fine: int = 0

    @property
    def paths(self) -> list[Path]:
        return [self.folder / f"orders-{number:03d}.parquet" for number in range(self.files)]

    @property
    def contract(self) -> Path:
        return self.folder / "orders.odcs.yaml"

    @property
    def records(self) -> int:
        return self.files * self.rows

    @property
    def bad_ids(self) -> range:
        return range(-(-self.fine // BAD_EVERY) * BAD_EVERY, self.records, BAD_EVERY)

    @property
    def bad(self) -> int:
        return len(self.bad_ids)

    @property
    def good(self) -> int:
        return self.records - self.bad

    @property
    def sums(self) -> tuple[int, int]:
        """Sum of the ids of the good rows and of the bad ones."""
        bad = sum(self.bad_ids)
        return self.records * (self.records - 1) // 2 - bad, bad

    @property
    def file_size_mb(self) -> int:
        """Size of data files for which each file is a task of its own."""
        return 1 + 2 * max(path.stat().st_size for path in self.paths) // 2**20

    def write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.contract.write_text(_CONTRACT)
        with duckdb.connect() as connection:
            for number, path in enumerate(self.paths):
                first = number * self.rows
                connection.execute(f"""
                    COPY (SELECT range AS id,
                        if(range % {BAD_EVERY} = 0 AND range >= {self.fine}, -1, range % 9 + 1)::BIGINT AS quantity,
                        ['placed', 'shipped', 'paid'][1 + (hash(range, 1) % 3)::INT] AS status,
                        'customer.' || range || '@example.org' AS email,
                        ['DE', 'FR', NULL][1 + (range % 3)::INT] AS country, 'note ' || hash(range, 2) AS note,
                        make_timestamptz(1700000000000000 + range * 1000000) AS created_at,
                        (hash(range, 3) % 1000000) / 100 AS amount, range % 2 = 0 AS active
                        FROM range({first}, {first + self.rows}))
                    TO '{path}' (FORMAT parquet, COMPRESSION zstd)""")

    def messages(self) -> bytes:
        """One SCHEMA, one BATCH that names all files, one STATE."""
        properties = {name: {"type": [kind, "null"]} for name, kind in _TYPES.items()}
        properties["created_at"]["format"] = "date-time"  # type: ignore[assignment]
        schema = {"type": "object", "properties": properties}
        lines = [
            {"type": "SCHEMA", "stream": STREAM, "schema": schema, "key_properties": ["id"]},
            {
                "type": "BATCH",
                "stream": STREAM,
                "encoding": {"format": "parquet"},
                "manifest": [path.as_uri() for path in self.paths],
            },
            {"type": "STATE", "value": STATE},
        ]
        return "".join(f"{json.dumps(line)}\n" for line in lines).encode()

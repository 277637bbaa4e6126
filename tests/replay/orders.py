"""Orders with planted defects, loaded into quarantine in this process, and replays of them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from target_dativo_iceberg.contract import load as load_contracts
from target_dativo_iceberg.loader import Loader
from target_dativo_iceberg.replay import main
from target_dativo_iceberg.report import RunReport
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.settings import parse
from tests.readback import Tables, cursor

ANY = {"id": {}, "amount": {}, "code": {}, "note": {}}
STRICT: list[dict[str, Any]] = [
    {"name": "id", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 1, "required": True},
    {"name": "amount", "logicalType": "integer", "logicalTypeOptions": {"minimum": 0}},
    {"name": "code", "logicalType": "string", "logicalTypeOptions": {"maxLength": 3}},
    {"name": "note", "logicalType": "string", "required": True},
]
RELAXED: list[dict[str, Any]] = [
    {k: v for k, v in p.items() if p["name"] == "id" or k in ("name", "logicalType")} for p in STRICT
]
MINIMUM, LENGTH, REQUIRED = "orders.amount.minimum", "orders.code.maxLength", "orders.note.required"
DEFECTS: dict[str, dict[str, Any]] = {
    MINIMUM: {"amount": -1},
    LENGTH: {"code": "toolong"},
    REQUIRED: {"note": None},
    "type": {"amount": "many"},
}


def order(number: int, **members: Any) -> dict[str, Any]:
    """A record that keeps the contract, but for `members`."""
    return {"id": number, "amount": number, "code": "abc", "note": f"n{number}"} | members


def planted(count: int, *rules: str) -> list[dict[str, Any]]:
    """`count` orders, one in twenty with a defect: one of the rules' in turn."""
    return [order(n, **(DEFECTS[rules[n // 20 % len(rules)]] if n % 20 == 7 else {})) for n in range(1, count + 1)]


@dataclass
class Lake:
    """A warehouse with its contract."""

    folder: Path
    settings: dict[str, Any]

    def __post_init__(self) -> None:
        self.tables = Tables(self.folder / "warehouse")
        self._reader = cursor()

    def close(self) -> None:
        self._reader.close()

    def contract(self, properties: Sequence[dict[str, Any]], version: str = "1.0.0", **document: Any) -> None:
        """Write the contract and use it from now on."""
        path = self.folder / "orders.yaml"
        head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "orders", "version": version, "status": "active"}
        schema = [{"name": "orders", "logicalType": "object", "properties": list(properties)}]
        path.write_text(json.dumps(head | {"schema": schema} | document))
        self.settings["contract_path"] = str(path)

    def load(self, records: Sequence[Any], run_id: str = "r1", properties: Any = None) -> RunReport:
        """Load orders, given as dicts or as JSON text."""
        schema = {"type": "SCHEMA", "stream": "orders", "key_properties": ["id"]}
        lines = [json.dumps(schema | {"schema": {"properties": properties or ANY}})]
        texts = (r if isinstance(r, str) else json.dumps(r) for r in records)
        lines += [f'{{"type":"RECORD","stream":"orders","record":{text}}}' for text in texts]
        settings = parse({"on_violation": "quarantine", "run_id": run_id} | self.settings)
        documents = load_contracts(settings.contract_path) if settings.contract_path else None
        source = io.BytesIO("".join(f"{line}\n" for line in lines).encode())
        return Loader(settings, Contracts(settings, documents), source, lambda _value: None).run()

    def words(self, *words: str, table: str = "default.orders") -> list[str]:
        """Command line of a replay."""
        config = self.folder / "config.json"
        config.write_text(json.dumps(self.settings))
        return ["--config", str(config), "--table", table, *words]

    def replay(self, *words: str, table: str = "default.orders") -> int:
        """Replay in this process; the exit code."""
        return main(self.words(*words, table=table))

    def ids(self, where: str = "true") -> list[int]:
        return [r[0] for r in self.sql(f"SELECT id FROM {{orders}} WHERE {where} ORDER BY id")]

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query in DuckDB in which `{name}` stands for a table as it is now."""
        scans = {n.rpartition(".")[2]: f"iceberg_scan('{p}')" for n, p in self.tables.pointers().items()}
        return self._reader.execute(query.format_map(scans)).fetchall()

    def waiting(self) -> int:
        return self._count("_replayed_at IS NULL")

    def replayed(self) -> int:
        return self._count("_replayed_at IS NOT NULL")

    def _count(self, where: str) -> int:
        return int(self.sql(f"SELECT count(*) FROM {{orders__quarantine}} WHERE {where}")[0][0])

    def checkpoint(self, job: str) -> str | None:
        """The job's checkpoint in the good table."""
        metadata = json.loads(Path(self.tables.pointers()["default.orders"].removeprefix("file://")).read_text())
        return metadata["properties"].get(f"dativo.checkpoint.{job}")  # type: ignore[no-any-return]

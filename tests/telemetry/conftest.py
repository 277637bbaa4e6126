"""A collector, and a run of the target with rows in quarantine, told to all sinks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.target.running import Ended, Target
from tests.telemetry.collector import Collector

CANARY = "canary-4711"
SECRETS = ("hidden-key-0815", "hidden-header-0816", "hidden-token-0817")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTRACT = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "orders-contract",
    "version": "1.2.0",
    "status": "active",
    "schema": [
        {
            "name": "orders",
            "properties": [
                {"name": "id", "logicalType": "integer", "primaryKey": True, "description": "Number of the order"},
                {"name": "who", "logicalType": "string", "required": True},
            ],
            "quality": [{"id": "few", "metric": "rowCount", "mustBeLessThan": 100}],
        },
        {"name": "plans", "properties": [{"name": "id", "logicalType": "integer"}]},
    ],
}


@dataclass
class Told:
    """A run that has ended, and the files of its sinks."""

    ended: Ended
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        return self.ended.report

    @property
    def textfile(self) -> str:
        (path,) = (self.folder / "prom").iterdir()
        return path.read_text()

    @property
    def lineage(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "lineage.json").read_text().splitlines()]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """METRIC lines of its log."""
        return [json.loads(found[1]) for found in re.finditer(r"METRIC: (\{.*\})", self.ended.log)]

    @property
    def warnings(self) -> list[str]:
        lines = (line.split(" | ", 3) for line in self.ended.log.splitlines())
        return [parts[3] for parts in lines if len(parts) == 4 and parts[1].strip() == "WARNING"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector."""
    found = Collector()
    yield found
    found.stop()


@pytest.fixture
def run(target: Target, tmp_path: Path) -> Callable[..., Told]:
    """Run the target over orders, one of them without `who`, and plans."""

    def run(collector: Collector | None = None, *, env: dict[str, str] | None = None, **settings: Any) -> Told:
        (tmp_path / "contract.json").write_text(json.dumps(CONTRACT))
        found = {
            "OPENLINEAGE__TRANSPORT__TYPE": "file",
            "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(tmp_path / "lineage.json"),
            "OPENLINEAGE__TRANSPORT__APPEND": "true",
            "TRACEPARENT": PARENT,
        }
        if collector is not None:
            found["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
            found["OTEL_EXPORTER_OTLP_HEADERS"] = f"api-key={SECRETS[1]}"
        usual = {
            "contract_path": str(tmp_path / "contract.json"),
            "on_violation": "quarantine",
            "metrics_dir": str(tmp_path / "prom"),
            "tenant_id": "acme",
            "job_id": "acme.shop",
            "s3_access_key_id": "shop",
            "s3_secret_access_key": SECRETS[0],
        }
        ended = target.run(lines(), env=found | (env or {}), **(usual | settings))
        return Told(ended, tmp_path)

    return run


def lines() -> list[Any]:
    orders = {"id": {"type": "integer"}, "who": {"type": ["null", "string"]}}
    found: list[Any] = [
        {"type": "SCHEMA", "stream": "orders", "schema": {"properties": orders}, "key_properties": ["id"]},
        {"type": "SCHEMA", "stream": "plans", "schema": {"properties": {"id": {"type": "integer"}}}},
    ]
    found += [{"type": "RECORD", "stream": "orders", "record": {"id": n, "who": CANARY}} for n in range(5)]
    found += [{"type": "RECORD", "stream": "orders", "record": {"id": 5, "who": None}}]
    found += [{"type": "RECORD", "stream": "plans", "record": {"id": n}} for n in range(3)]
    found += [{"type": "RECORD", "stream": "plans", "record": {"id": CANARY}}]
    return [*found, {"type": "STATE", "value": {"b": CANARY}}]

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from target_dativo_iceberg import log
from target_dativo_iceberg.plan import main
from target_dativo_iceberg.settings import parse
from tests.readback import Tables

ID: dict[str, Any] = {
    "name": "id",
    "logicalType": "integer",
    "primaryKey": True,
    "primaryKeyPosition": 1,
    "required": True,
}


def column(name: str, logical: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "logicalType": logical, **more}


@dataclass
class Desk:
    """Where plans are made: a warehouse that has a table or not, a contract, a tap's catalog."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def contract(self, columns: Sequence[Mapping[str, Any]], version: str = "1.0.0", **document: Any) -> str:
        path = self.folder / "t.json"
        head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "t", "version": version, "status": "active"}
        schema = [{"name": "t", "logicalType": "object", "properties": list(columns)}]
        path.write_text(json.dumps(head | {"schema": schema} | document))
        return str(path)

    def table(self, columns: Sequence[Mapping[str, Any]], version: str = "1.0.0") -> None:
        """Make the table by a load of no rows under a contract."""
        import io

        from target_dativo_iceberg.contract import load
        from target_dativo_iceberg.loader import Loader
        from target_dativo_iceberg.route import Contracts

        settings = parse(
            {"warehouse": str(self.folder / "warehouse"), "contract_path": self.contract(columns, version)}
        )
        assert settings.contract_path
        message = {
            "type": "SCHEMA",
            "stream": "t",
            "key_properties": [],
            "schema": shape(*(c["name"] for c in columns)),
        }
        source = io.BytesIO(json.dumps(message).encode() + b"\n")
        Loader(settings, Contracts(settings, load(settings.contract_path)), source, lambda _value: None).run()

    def catalog(self, schema: Mapping[str, Any], keys: Sequence[str] = ("id",)) -> list[str]:
        path = self.folder / "catalog.json"
        stream = {"tap_stream_id": "t", "stream": "t", "schema": schema, "key_properties": list(keys)}
        path.write_text(json.dumps({"streams": [stream]}))
        return ["--catalog-file", str(path)]

    def plan(self, *words: str, **settings: Any) -> tuple[int, str]:
        """Exit code and output. The catalog and all files are afterwards as they were."""
        config = self.folder / "config.json"
        config.write_text(json.dumps({"warehouse": str(self.folder / "warehouse")} | settings))
        log._said.clear()
        before = self._all()
        code = main(["--config", str(config), *words])
        assert self._all() == before
        return code, self.capsys.readouterr().out

    def _all(self) -> tuple[dict[str, str], set[Path]]:
        return Tables(self.folder / "warehouse").pointers(), set(self.folder.rglob("*"))


def shape(*names: str, **nodes: Any) -> dict[str, Any]:
    """JSON Schema of a stream: untyped properties, and some with a type."""
    return {"properties": {n: {} for n in names} | nodes}


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)

"""Parts of contracts, jobs and runner files that pages show, each put to its use."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from tests.conftest import Load
from tests.dativo.project import Project
from tests.docs.test_snippets import blocks
from tests.readback import Tables
from tests.target.running import Target, record, schema


def test_the_retention_of_the_page_of_maintenance(load: Load, target: Target, tables: Tables) -> None:
    (shown,) = blocks("maintenance.md", "yaml")
    contract = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "orders", "version": "1.0.0", "status": "active"}
    columns = [{"name": "id", "logicalType": "integer"}, {"name": "placed_at", "logicalType": "timestamp"}]
    path = target.folder / "orders.yaml"
    path.write_text(
        json.dumps(contract | {"schema": [{"name": "orders", "properties": columns}]} | yaml.safe_load(shown.text))
    )
    now = datetime.now(UTC)
    moments = [(now - timedelta(days=days)).isoformat() for days in (0, 89, 91)]
    rows = [record(number, "orders", placed_at=at) for number, at in enumerate(moments)]
    load([schema("orders", placed_at={"type": "string", "format": "date-time"}), *rows], contract_path=str(path))
    (target.folder / "target.json").write_text(json.dumps({"warehouse": str(target.warehouse)}))
    argv = ["--config", "target.json", "--step", "retention"]
    ended = target.start(argv=argv, program="target_dativo_iceberg.maintain").wait()
    assert ended.code == 0, ended.log
    assert [row["id"] for row in tables.rows("orders", order="id")] == [0, 1]


def test_the_runner_file_of_the_orchestrator(tmp_path: Path) -> None:
    """`dativo check` reads it, and looks at the job that it names."""
    project = Project(tmp_path)
    project.asset()
    project.csv(1)
    _job, runner, *_ = (block.text for block in blocks("orchestrator.md", "yaml"))
    words = ("--quick", "--json", "--runner-config", project.write("runner.yaml", runner))
    missing = project.dativo("check", *words)
    assert missing.code == 2
    assert "jobs/acme/csv_orders.yaml" in missing.out + missing.err
    project.job("csv_orders")
    found = project.dativo("check", *words)
    assert found.code == 0, found.out + found.err

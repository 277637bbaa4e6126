"""A project folder of jobs, and `dativo` on it, in a process of its own or, where that shows the same, in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.readback import Tables

ROOT = Path(__file__).resolve().parents[2]
TAP = Path(sys.executable).parent / "tap-csv"
MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
ASSET = {
    "apiVersion": "v3.0.2",
    "kind": "DataContract",
    "id": "orders",
    "name": "orders",
    "version": "1.0",
    "domain": "shop",
    "source_type": "csv",
    "object": "orders",
    "schema": [
        {"name": "id", "type": "integer", "required": True},
        {"name": "who", "type": "string", "required": True},
        {"name": "at", "type": "string"},
    ],
    "team": {"owner": "data@example.com"},
}


@dataclass
class Ended:
    """A call of `dativo` that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    def names(self) -> list[str]:
        return [event["event_type"] for event in self.events]

    def said(self, event: str) -> list[str]:
        return [e["message"] for e in self.events if e["event_type"] == event]


@dataclass
class Project:
    """A folder with assets, jobs and CSV files; recipes and registry are those that are shipped."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def of_job(self, job: str = "orders", tenant: str = "acme") -> Path:
        return self.state / tenant / job

    def state_of(self, job: str = "orders", tenant: str = "acme") -> dict[str, Any]:
        return json.loads((self.of_job(job, tenant) / "state.json").read_text())  # type: ignore[no-any-return]

    def tables(self, tenant: str = "acme") -> Tables:
        return Tables(self.folder / "warehouse" / tenant)

    def ids(self, tenant: str = "acme") -> list[int]:
        if "shop.orders" not in self.tables(tenant).pointers():
            return []
        return [row["id"] for row in self.tables(tenant).rows("shop.orders", order="id")]

    def csv(self, *ids: int, name: str = "a.csv", who: str = "ada", settled: bool = True) -> Path:
        """Write a CSV file. A settled one was not written just now, so the tap remembers it by its time alone."""
        path = self.folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("id,who,at\n" + "".join(f"{i},{who},2026-01-0{1 + i % 9}\n" for i in ids))
        if settled:
            os.utime(path, (1_700_000_000 + len(ids), 1_700_000_000 + len(ids)))
        return path

    def asset(self, **changes: Any) -> None:
        path = self.folder / "assets" / "orders.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(ASSET | changes, sort_keys=False))

    def job(self, name: str = "orders", tenant: str = "acme", **changes: Any) -> Path:
        """Write a job that reads the folder `data`; changes replace whole keys, None removes one."""
        job: dict[str, Any] = {
            "tenant_id": tenant,
            "source_connector_path": "connectors/sources/csv.yaml",
            "target_connector_path": "connectors/targets/iceberg.yaml",
            "asset_path": "assets/orders.yaml",
            "source": {
                "files": [{"path": "data", "object": "orders", "keys": ["id"]}],
                "incremental": {"strategy": "file_modified_time"},
            },
        } | changes
        return self.write(f"jobs/{tenant}/{name}.yaml", {k: v for k, v in job.items() if v is not None})

    def write(self, path: str, content: Any) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return file

    def words(self, command: str, *words: str | Path) -> list[str]:
        """The command line of a command on jobs."""
        where = ["--root", str(self.folder), "--state-dir", str(self.state)]
        return [*command.split(), *where, *map(str, words)]

    def start(self, command: str, *words: str | Path) -> subprocess.Popen[str]:
        """Start `dativo` in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "dativo_ingest", *self.words(command, *words)],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def dativo(self, command: str, *words: str | Path) -> Ended:
        process = self.start(command, *words)
        out, err = process.communicate()
        assert "Traceback" not in err, err
        return Ended(process.returncode, out, err)

    def run(self, job: Path, *words: str | Path) -> Ended:
        return self.dativo("run", "--config", job, "--json", *words)

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR")}
        meltano = os.environ.get("DATIVO_MELTANO", str(MELTANO))
        return kept | {"DATIVO_MELTANO": meltano, "PYTHONPATH": str(ROOT)} | self.environment

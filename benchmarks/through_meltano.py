"""`meltano run tap-csv target-dativo-iceberg` of one large CSV file, under a contract: as RECORD lines, and as BATCH.

Meltano passes each line on by itself, which bounds what RECORD lines reach; a BATCH line names a file of many rows.
Both runs are of the same file, as a user would run them, and what is in the table is read back by DuckDB.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

from benchmarks import data, measure, readback
from benchmarks.cases import PYCACHE, SCRATCH
from benchmarks.data import FIRST_ID
from benchmarks.measure import Usage
from benchmarks.runners import OURS

ROWS = 5_000_000
_COLUMNS = {
    "id": "integer", "quantity": "integer", "status": "string", "email": "string", "country": "string",
    "note": "string", "created_at": "timestamp", "amount": "number", "active": "boolean",
}  # fmt: skip
_SHARE_OF_RECORDS = 5  # the rate of RECORD lines does not depend on how many there are, the wait does


@dataclass(frozen=True)
class Figure:
    """One run of Meltano."""

    messages: str
    rows: int
    usage: Usage


def cases(meltano: Path, rows: int = ROWS) -> Iterator[Figure]:
    """Yield a run of RECORD lines with a fifth of the rows, and one of BATCH messages with all of them."""
    yield _run(meltano, "RECORD", rows // _SHARE_OF_RECORDS)
    yield _run(meltano, "BATCH", rows)


def lines(figures: list[Figure]) -> list[str]:
    """Return the figures as lines of text."""
    return [
        f"  {f.messages:7} {f.rows:>10,} rows: {f.usage.wall:6.1f} s, {f.rows / f.usage.wall:>10,.0f} rows/s, "
        f"{f.usage.cpu:6.1f} s CPU, {f.usage.peak_mib:5.0f} MiB, others took {f.usage.others:.0%} of the cores"
        for f in figures
    ]


def _run(meltano: Path, messages: str, rows: int) -> Figure:
    source = _csv(rows)
    work = SCRATCH.absolute() / f"meltano-{messages}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _project(work, source, batch=messages == "BATCH")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    quiet = ["MELTANO_CLI_DISABLE_VERSION_CHECK=1", "MELTANO_SEND_ANONYMOUS_USAGE_STATS=false"]
    project = [f"MELTANO_PROJECT_ROOT={work}", f"MELTANO_SYS_DIR_ROOT={work}/.meltano"]
    run = [str(meltano.absolute()), "--log-level", "warning", "run", "--no-install", "tap-csv", OURS]
    usage = measure.run(["env", f"PATH={path}", *quiet, *project, *run], None, work, PYCACHE)
    if usage.exit_code:
        raise readback.Mismatch(f"meltano run ended with exit code {usage.exit_code}: {work}/stderr")
    found = readback.query(work / "warehouse", "orders", "count(*), sum(id)")
    expected = (rows, sum(range(FIRST_ID, FIRST_ID + rows)))
    if found != expected:
        raise readback.Mismatch(f"read back {found}, expected {expected}")
    shutil.rmtree(work)
    return Figure(messages, rows, usage)


def _csv(rows: int) -> Path:
    """Rows like those of `ten`, made once."""
    path = (data.CACHE / f"orders-{rows}.csv").absolute()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute(f"""
                COPY (SELECT {FIRST_ID} + range AS id, hash(range) % 500 AS quantity,
                    ['placed', 'shipped', 'paid', 'returned'][1 + (hash(range, 1) % 4)::INT] AS status,
                    'customer.' || range || '@example.org' AS email,
                    ['DE', 'FR', NULL][1 + (range % 3)::INT] AS country,
                    'note ' || hash(range, 2) AS note,
                    strftime(make_timestamp(1700000000000000 + range * 1000000), '%Y-%m-%dT%H:%M:%SZ') AS created_at,
                    (hash(range, 3) % 1000000) / 100 AS amount, range % 2 = 0 AS active FROM range({rows}))
                TO '{path}.part' (HEADER)""")
        Path(f"{path}.part").rename(path)
    return path


def _project(work: Path, source: Path, *, batch: bool) -> None:
    """Write a project of one tap and one target, both programs of this environment."""
    config: dict[str, object] = {"files": [{"entity": "orders", "path": str(source), "keys": ["id"]}]}
    if batch:
        storage = {"root": (work / "batches").as_uri(), "prefix": ""}
        config["batch_config"] = {"encoding": {"format": "parquet"}, "storage": storage}
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "orders", "version": "1.0.0", "status": "active"}
    columns = [{"name": n, "logicalType": t} | ({"primaryKey": True} if n == "id" else {}) for n, t in _COLUMNS.items()]
    contract = head | {"schema": [{"name": "orders", "logicalType": "object", "properties": columns}]}
    (work / "orders.odcs.yaml").write_text(json.dumps(contract))
    kinds = [{"name": "files", "kind": "array"}, {"name": "batch_config", "kind": "object"}]
    plugins = {
        "extractors": [{
            "name": "tap-csv", "namespace": "tap_csv", "executable": "tap-csv", "settings": kinds, "config": config,
            "capabilities": ["catalog", "discover", "state", "batch"],
        }],
        "loaders": [{
            "name": OURS, "namespace": "target_dativo_iceberg", "executable": OURS,
            "settings": [{"name": "warehouse"}, {"name": "contract_path"}, {"name": "batch_roots", "kind": "array"}],
            "config": {
                "warehouse": str(work / "warehouse"), "batch_roots": [str(work / "batches")],
                "contract_path": str(work / "orders.odcs.yaml"),
            },
        }],
    }  # fmt: skip
    project = {"default_environment": "dev", "environments": [{"name": "dev"}], "plugins": plugins}
    (work / "meltano.yml").write_text(yaml.safe_dump(json.loads(json.dumps(project))))

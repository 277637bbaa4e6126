"""CSV files given to tap-csv: the tap reads them into files of BATCH messages, and those are staged side by side."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

from tests.readback import Tables
from tests.spread.files import contract, rows
from tests.target.running import Target


def test_csv_files_become_one_commit(target: Target, tables: Tables) -> None:
    data, batches = target.folder / "data", target.folder / "batches"
    data.mkdir()
    for number in range(4):
        _write(data / f"orders-{number}.csv", number * 5000, 5000)
    files = [{"entity": "orders", "path": str(data), "keys": ["id"], "types": {"id": "integer", "amount": "number"}}]
    storage = {"root": batches.as_uri()}
    config = {
        "files": files,
        "batch_config": {"encoding": {"format": "parquet"}, "storage": storage, "batch_size": 3000},
    }
    (target.folder / "tap.json").write_text(json.dumps(config))
    tap = subprocess.run(
        [sys.executable, "-m", "tap_adapters.csv", "--config", str(target.folder / "tap.json")],
        capture_output=True,
        check=True,
    )
    assert tap.stdout.count(b'"BATCH"') >= 4
    ended = target.run(
        tap.stdout,
        batch_roots=[str(batches)],
        contract_path=contract(target.folder),
        on_violation="quarantine",
        spread_batches="threads",
    )
    assert ended.code == 0, ended.log
    assert tables.sql("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM {orders}") == [
        (19_800, 19_800, 0, 19_998)
    ]
    assert tables.count("orders__quarantine") == 200
    assert ended.report["epochs"] == 1
    assert len(ended.states) == 1


def _write(path: Path, first: int, count: int) -> None:
    found = rows(first, count, bad=100)
    with path.open("w", newline="") as sink:
        writer = csv.DictWriter(sink, list(found[0]))
        writer.writeheader()
        writer.writerows(found)

"""A real source from PyPI, airbyte-source-faker, into real tables: first load, then only what is new."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.readback import Tables
from tests.tap_airbyte.conftest import COMMAND, ROOT

pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]
STREAMS = ("products", "purchases", "users")
Load = Callable[..., Any]


@dataclass
class Overheard:
    """The source behind a tee, so that what it emits is known without the tap."""

    folder: Path
    source: Path

    @property
    def executable(self) -> Path:
        path = self.folder / "source-overheard"
        path.write_text(f"#!/bin/bash\nset -o pipefail\n'{self.source}' \"$@\" | tee -a '{self.heard}'\n")
        path.chmod(0o755)
        return path

    @property
    def heard(self) -> Path:
        return self.folder / "heard.jsonl"

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """What the source has emitted so far, by stream."""
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in STREAMS}
        for line in self.heard.read_text().splitlines():
            message = json.loads(line)
            if message["type"] == "RECORD":
                found[message["record"]["stream"]].append(message["record"]["data"])
        return found


def _tap(folder: Path, source: Path, *arguments: str) -> bytes:
    config = folder / "tap.json"
    theirs = {"count": 50, "seed": 7, "always_updated": False, "parallelism": 1, "records_per_slice": 20}
    config.write_text(json.dumps({"source": str(source), "config": theirs}))
    done = subprocess.run(
        [*COMMAND, "--config", str(config), *arguments], cwd=ROOT, capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout


def _moments(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the table has it: texts of date-time columns are moments, UTC where they name no offset."""
    found = {name: value for name, value in row.items() if value is not None}
    for name in found.keys() & {"created_at", "updated_at", "added_to_cart_at", "purchased_at", "returned_at"}:
        moment = datetime.fromisoformat(found[name])
        found[name] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return found


def _compare(tables: Tables, expected: dict[str, list[dict[str, Any]]]) -> None:
    for name, rows in expected.items():
        if not rows:
            continue
        found = [{k: v for k, v in row.items() if v is not None} for row in tables.rows(name, order="id")]
        assert found == [_moments(row) for row in sorted(rows, key=lambda row: row["id"])]


def test_two_loads_of_a_real_source_give_the_rows_it_emits_once(
    faker: Path, load: Load, tables: Tables, tmp_path: Path
) -> None:
    files = {name: tmp_path / f"{name}.json" for name in ("catalog", "two", "state")}
    files["catalog"].write_bytes(_tap(tmp_path, faker, "--discover"))
    catalog = json.loads(files["catalog"].read_bytes())
    found = [
        (entry["tap_stream_id"], entry["key_properties"], entry["replication_key"]) for entry in catalog["streams"]
    ]
    assert sorted(found) == [(name, ["id"], "updated_at") for name in STREAMS]
    for entry in catalog["streams"]:
        entry["metadata"][0]["metadata"]["selected"] = entry["tap_stream_id"] != "purchases"
    files["two"].write_text(json.dumps(catalog))

    overheard = Overheard(tmp_path, faker)
    first = load(_tap(tmp_path, overheard.executable, "--catalog", str(files["two"])))
    assert {name: len(rows) for name, rows in overheard.rows().items()} == {"products": 50, "purchases": 0, "users": 50}
    _compare(tables, overheard.rows())
    assert "default.purchases" not in tables.pointers()

    # faker emits nothing of a stream whose state it gets back: a lost state would give all rows a second time
    files["state"].write_text(json.dumps(first.states[-1]))
    second = load(
        _tap(tmp_path, overheard.executable, "--catalog", str(files["catalog"]), "--state", str(files["state"]))
    )
    assert {name: len(rows) for name, rows in overheard.rows().items()} == dict.fromkeys(STREAMS, 50)
    _compare(tables, overheard.rows())
    assert sorted(second.states[-1]["bookmarks"]) == list(STREAMS)

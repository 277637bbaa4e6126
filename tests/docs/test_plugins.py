"""Parts of Meltano projects that the pages of sources show are run, or at least read, by Meltano itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dativo.project import ROOT
from tests.docs.test_snippets import blocks
from tests.readback import Tables

pytestmark = pytest.mark.timeout(300)
ROWS = "flight_id;seats;departure;remark\n1;10;2026-01-01T06:00:00Z;früh\n2;20;2026-01-02T06:00:00Z;\n"


def plugins(page: str) -> dict[str, Any]:
    (found,) = [one for block in blocks(page, "yaml") if "plugins" in (one := yaml.safe_load(block.text))]
    return found["plugins"]  # type: ignore[no-any-return]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the plugins of the pages, and the loader of the project of this checkout."""
    loaders = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]["loaders"]
    for loader in loaders:
        loader["config"] = {"warehouse": "warehouse", "batch_roots": [str(tmp_path / "batches")]}
    shown = [plugins(f"sources/{page}.md") for page in ("csv", "mapper_markdown_kv", "airbyte")]
    every = {
        kind: [one for part in shown for one in part.get(kind, ())] for kind in ("extractors", "mappers", "utilities")
    }
    dev = {"default_environment": "dev", "environments": [{"name": "dev"}]}
    (tmp_path / "meltano.yml").write_text(json.dumps(dev | {"plugins": every | {"loaders": loaders}}))
    (tmp_path / "data/flights").mkdir(parents=True)
    (tmp_path / "data/flights/a.csv").write_text(ROWS, encoding="latin-1")
    return tmp_path


@pytest.fixture
def meltano(folder: Path, warm_commands: Path) -> Any:
    quiet = {"MELTANO_CLI_DISABLE_VERSION_CHECK": "1", "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false"}
    quiet["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(*words: str, **environment: str) -> str:
        done = subprocess.run(
            [warm_commands / "meltano", "--log-level", "info", *words],
            cwd=folder, env=os.environ | quiet | environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_plugins_of_csv_and_of_the_mapper_load_a_file(folder: Path, meltano: Any) -> None:
    """The file comes by BATCH messages as the page shows them, then as documents."""
    (batches,) = [
        one["batch_config"]
        for b in blocks("sources/csv.md", "yaml")
        if "batch_config" in (one := yaml.safe_load(b.text))
    ]
    root = folder / "batches"
    root.mkdir()
    batches["storage"]["root"] = root.as_uri()
    meltano("run", "--no-install", "tap-csv", "target-dativo-iceberg", TAP_CSV_BATCH_CONFIG=json.dumps(batches))
    rows = Tables(folder / "warehouse").rows("flights", order="flight_id")
    assert [(row["seats"], row["departure"].year, "remark" in row) for row in rows] == [
        (10, 2026, False),
        (20, 2026, False),
    ]
    words = ("run", "--no-install", "--full-refresh", "tap-csv", "documents", "target-dativo-iceberg")
    meltano(*words, TARGET_DATIVO_ICEBERG_NAMESPACE="documents")
    texts = Tables(folder / "warehouse").rows("documents.flights")
    assert sorted(row["doc_id"] for row in texts) == ["1", "2"], texts


def test_the_plugin_of_airbyte_is_one_that_meltano_reads(meltano: Any) -> None:
    (shown,) = plugins("sources/airbyte.md")["extractors"]
    config = json.loads(meltano("invoke", "--no-install", "--dump", "config", "tap-airbyte"))
    assert config == shown["config"]

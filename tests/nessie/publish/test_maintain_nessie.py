"""`dativo maintain` on Nessie: files and rows are cared for on the branch; history and orphans are left to Nessie."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.maintain import main
from tests.maintain.care import Cared
from tests.nessie.lake import catalog_of
from tests.nessie.publish.landing import Landing
from tests.target.running import record, schema


def _maintain(landing: Landing, folder: Path, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    config = folder / "config.json"
    config.write_text(json.dumps(landing.settings()))
    capsys.readouterr()
    assert main(["--config", str(config), "--json", "--table", "a", *words]) == code
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    return {step["step"]: step for step in table["steps"]}


def _small_loads(landing: Landing, count: int) -> None:
    for number in range(count):
        ended = landing.run([schema("a", keys=()), *(record(number * 3 + n, "a") for n in range(3))])
        assert ended.code == 0, ended.log


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_files_are_compacted_in_one_commit_on_the_branch(
    publish: str, landing: Landing, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _small_loads(landing, 3)
    before, others = landing.head(), landing.branches("")
    rows = landing.query("a", "*")
    settings = landing.settings(publish=publish)
    monkeypatch.setattr(landing, "settings", lambda: settings)
    plan = _maintain(landing, tmp_path, capsys, "--dry-run", "--min-files", "2")
    assert landing.head() == before
    assert (plan["compact"]["state"], plan["compact"]["figures"]["files"]) == ("needed", 3)
    done = _maintain(landing, tmp_path, capsys, "--min-files", "2")
    assert done["compact"]["state"] == "done"
    assert landing.query("a", "*") == rows
    table = catalog_of(landing.stack, landing.branch).load_table(("ns", "a"))
    assert len(list(table.scan().plan_files())) == 1
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert snapshot.summary is not None
    assert snapshot.summary.operation.value == "replace"
    assert len(landing.commits(before)) == 1
    assert landing.branches("") == others


def test_history_and_orphans_are_refused_and_the_cut_off_is_named(
    landing: Landing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _small_loads(landing, 1)
    before = landing.head()
    found = _maintain(landing, tmp_path, capsys)
    assert found["expire"]["state"] == "refused"
    assert "run nessie-gc with --default-cutoff P5D or longer" in found["expire"]["reason"]
    words = ("--step", "expire", "--remove-orphans", "--orphan-age-days", "0", "--force")
    found = _maintain(landing, tmp_path, capsys, *words, code=1)
    assert [found[name]["state"] for name in ("expire", "orphans")] == ["refused", "refused"]
    assert landing.head() == before


def test_snapshots_and_orphans_on_s3_beside_a_sql_catalog(
    stack: LocalStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = Cared(tmp_path, capsys)
    lake.settings = {k: v for k, v in stack.target_settings().items() if k.startswith("s3_")} | {
        "warehouse": f"{stack.warehouse.rstrip('/')}/{uuid.uuid4().hex}",
        "catalog": {"type": "sql", "uri": f"sqlite:///{tmp_path / 'catalog.db'}"},
        "table_properties": {"history.expire.max-snapshot-age-ms": "0"},
    }
    lake.small_loads(2)
    table = lake.table()
    with table.io.new_output(f"{table.location()}/data/lone.parquet").create() as lone:
        lone.write(b"PAR1")
    assert lake.step("compact", "--min-files", "2")["state"] == "done"
    assert lake.step("expire")["figures"]["snapshots"] == 2
    assert lake.step("orphans")["figures"]["files"] == 0
    found = lake.step("orphans", "--remove-orphans", "--orphan-age-days", "0", "--force")
    assert (found["state"], found["figures"]) == ("done", {"files": 1, "bytes": 4})
    assert sorted(lake.table().scan().to_arrow()["id"].to_pylist()) == list(range(40))

"""What `dativo maintain` prints and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from target_dativo_iceberg.maintain import main
from tests.maintain.care import Cared

pytestmark = pytest.mark.usefixtures("warm_commands")


def test_a_plan_has_a_line_for_each_step_and_changes_nothing(lake: Cared, capsys: pytest.CaptureFixture[str]) -> None:
    lake.small_loads(5)
    config = lake.folder / "config.json"
    config.write_text(json.dumps(lake.settings))
    pointers, on_disk = lake.tables.pointers(), lake.on_disk()
    size = sum(task.file.file_size_in_bytes for task in lake.table().scan().plan_files())
    capsys.readouterr()
    assert main(["--config", str(config), "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "table default.t",
        "  retention: not needed: the table has no retention",
        "  compact: needed: files under 70% of 128 MiB, or with deleted rows, in partitions that have several "
        f"(5 files, 1 files after, {size} bytes, 1 partitions, 0 files with deleted rows)",
        "  manifests: not needed: merging them would save fewer than 10 (5 manifests, 1 manifests after)",
        "  expire: not needed: there are no snapshots older than 5 days but the last 1, and those that "
        "references name (0 snapshots, 5 snapshots kept)",
    ]
    assert (lake.tables.pointers(), lake.on_disk()) == (pointers, on_disk)


def test_dativo_maintain_cares_for_all_tables_of_the_namespace(lake: Cared) -> None:
    lake.small_loads(5)
    lake.load(
        [{"id": "bad"}, {"id": 1, "part": 1, "s": "good"}], {"id": {"type": "integer"}}, on_violation="quarantine"
    )
    config = lake.folder / "config.json"
    config.write_text(json.dumps(lake.settings))
    command = [sys.executable, "-m", "dativo_ingest", "maintain", "--config", str(config), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {t["table"]: {s["step"]: s["state"] for s in t["steps"]} for t in json.loads(done.stdout)["tables"]}
    assert set(found) == {"default.t", "default.t__quarantine"}
    assert found["default.t"]["compact"] == "done"
    assert len(lake.paths()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--table", "missing"], "store: there is no table default.missing: check --table, and where --config looks"),
        (["--remove-orphans", "--orphan-age-days", "0"], "give at least 1, or --force while no load runs"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    words: list[str], said: str, lake: Cared, caplog: pytest.LogCaptureFixture
) -> None:
    lake.small_loads(1)
    config = lake.folder / "config.json"
    config.write_text(json.dumps(lake.settings))
    assert main(["--config", str(config), *words]) == 2
    assert said in caplog.text
    assert "\n" not in caplog.records[-1].getMessage()


def test_a_table_that_fails_does_not_keep_others_from_care(lake: Cared) -> None:
    lake.small_loads(5)
    found = lake.maintain("--table", "missing", "--table", "t", code=2)
    assert [step["state"] for step in found if step["table"] == "default.missing"] == ["failed"]
    assert {step["step"]: step["state"] for step in found if step["table"] == "default.t"}["compact"] == "done"


def test_an_empty_namespace_has_no_tables(lake: Cared) -> None:
    lake.small_loads(1)
    lake.settings["namespace"] = "nothing"
    assert lake.maintain() == []


def test_a_warehouse_that_is_not_there_is_not_made(lake: Cared) -> None:
    config = lake.folder / "config.json"
    config.write_text(json.dumps(lake.settings))
    assert main(["--config", str(config)]) == 2
    assert not (lake.folder / "warehouse").exists()

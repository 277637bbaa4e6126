"""A dativo source by engine `airbyte`: its extractor reads a real Airbyte source, then only what is new."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tap_adapters.source import Incremental, Source
from tap_adapters.sources import adapt
from tests.dativo.project import Project
from tests.docs.test_snippets import blocks
from tests.readback import Tables
from tests.sources.pipe import Pipe
from tests.tap_airbyte.conftest import COMMAND, ROOT
from tests.target.running import Target

pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    (tmp_path / "assets").mkdir()
    return made


def test_a_source_of_engine_airbyte_is_read_by_its_cursor(
    faker: Path, target: Target, tables: Tables, tmp_path: Path
) -> None:
    command = tmp_path / "tap-airbyte"
    command.write_text(f"#!/bin/sh\ncd '{ROOT}' && exec {' '.join(COMMAND)} \"$@\"\n")
    command.chmod(0o755)
    config = {"count": 30, "seed": 7, "always_updated": False, "parallelism": 1, "records_per_slice": 10}
    extractor = adapt(
        Source(
            "faker",
            "airbyte",
            tmp_path,
            options={"source": str(faker), "config": config, "executable": str(command)},
            objects=("users",),
            columns={"users": ("name", "address")},
            incremental=Incremental("updated_at", "updated_at"),
        )
    )
    pipe = Pipe(target, tmp_path, tmp_path)
    first = pipe.run(extractor, load_method="upsert")
    assert first.tap_code == 0, first.tap_log
    records = first.records("users")
    assert len(records) == 30
    assert all(record.keys() == {"id", "name", "address", "updated_at"} for record in records)
    assert {one["stream"] for one in first.messages if "stream" in one} == {"users"}
    assert form(first.state) == form(json.loads(blocks("sources/airbyte.md", "json")[0].text))
    entries = extractor.cursors.entries(first.state, "now")
    assert entries["object_users"]["cursor"] == max(record["updated_at"] for record in records)
    second = pipe.run(extractor, extractor.cursors.imported(entries), load_method="upsert")
    assert second.tap_code == 0, second.tap_log
    assert len(second.records("users")) < 30
    assert tables.sql("SELECT count(*), count(DISTINCT id), count(address) FROM {users}") == [(30, 30, 30)]


def form(state: dict[str, Any]) -> dict[str, Any]:
    """What a state holds but for its cursor, with Airbyte's message read as the JSON that it is."""
    (bookmark,) = state["bookmarks"].values()
    (text,) = bookmark.values()
    message = json.loads(text)
    cursor = message["stream"]["stream_state"]
    assert datetime.fromisoformat(cursor["updated_at"]).tzinfo
    message["stream"]["stream_state"] = sorted(cursor)
    return {
        **state,
        "bookmarks": {stream: {name: message for name in one} for stream, one in state["bookmarks"].items()},
    }


def test_the_recipe_and_the_job_of_the_page(faker: Path, project: Project) -> None:
    """The job is the one that is shipped; its source is installed already."""
    recipe, shown = (block.text for block in blocks("sources/airbyte.md", "yaml")[-2:])
    where, _, _ = recipe.removeprefix("# ").partition("\n")
    project.write(where, recipe)
    (project.folder / "assets/faker").symlink_to(ROOT / "assets/faker")
    job = yaml.safe_load((ROOT / shown.partition("\n")[0].rpartition(" ")[2]).read_text())
    source = yaml.safe_load(shown)["source"]
    assert (job["source"], job["source_connector_path"]) == (source, where)
    job["source"]["engine"] = {"options": {"airbyte": {"source": str(faker)}}}
    ended = project.run(project.write("jobs/initech/faker_users.yaml", job))
    assert ended.code == 0, ended.err[-4000:]
    rows = project.tables("initech").rows("samples.faker_users", order="id")
    assert [row["id"] for row in rows] == list(range(1, 1001))
    cursor = project.state_of("faker_users", "initech")["object_users"]["cursor"]
    assert datetime.fromisoformat(cursor).replace(tzinfo=None) == max(row["updated_at"] for row in rows)

"""Docs that are made from code say what the code says; README's snippets run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from docs.generate import generated
from target_dativo_iceberg.settings import SETTINGS, Settings
from tests.conftest import Load
from tests.readback import connect

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", [p for p, _ in generated()], ids=lambda p: p.name)
def test_generated_docs_have_not_drifted(path: Path) -> None:
    assert path.read_text() == dict(generated())[path], "run make docs"


def test_every_setting_has_a_field_and_every_field_a_setting() -> None:
    fields = set(Settings.__dataclass_fields__) - {"mapping"}
    assert fields == {s.name for s in SETTINGS}


def test_secrets_are_marked_in_the_hub_definition() -> None:
    hub = yaml.safe_load((ROOT / "docs" / "hub" / "target-dativo-iceberg.yml").read_text())
    sensitive = {s["name"] for s in hub["settings"] if s.get("sensitive")}
    assert sensitive == {s.name for s in SETTINGS if s.secret}
    assert "s3_secret_access_key" in sensitive


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name in re.findall(r"^make ([\w-]+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert f"\n{name}:" in makefile


def test_the_readme_query_runs_in_duckdb(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(
        [
            {"type": "SCHEMA", "stream": "orders", "schema": {"properties": {"id": {"type": "integer"}}}},
            {"type": "RECORD", "stream": "orders", "record": {"id": 1}},
        ]
    )
    sql = re.search(r"```sql\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert sql
    monkeypatch.chdir(tmp_path)
    with connect() as con:
        for statement in sql[1].strip().splitlines():
            if not statement.startswith("INSTALL"):
                result = con.execute(statement).fetchall()
    assert result == [(1,)]


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "hub").iterdir()), ids=lambda p: p.stem)
def test_every_default_in_a_hub_definition_is_of_its_kind(path: Path) -> None:
    # Meltano parses the default of an array or object, and ends with a traceback when it is a text.
    kinds = {"array": list, "object": dict, "integer": int, "boolean": bool, "string": str, "options": str}
    for setting in yaml.safe_load(path.read_text())["settings"]:
        if "value" in setting:
            found = str(setting["value"]) if setting["kind"] == "string" else setting["value"]
            assert isinstance(found, kinds[setting["kind"]]), setting["name"]

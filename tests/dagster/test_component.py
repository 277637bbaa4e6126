"""The YAML component of docs/dagster.md, in a project as Dagster wants it."""

from __future__ import annotations

import dagster as dg
import pytest

from tests.dagster.test_pages import blocks
from tests.dativo.project import Project

PROJECT = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "lake"\n'


def test_jobs_as_a_component(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.job("orders", "acme")
    project.job("orders", "globex")
    schedule = {"name": "daily", "config": "jobs/acme/orders.yaml", "cron": "@daily"}
    project.write("runner.yaml", {"orchestrator": {"schedules": [schedule]}})
    (shown,) = blocks("dagster.md", "yaml component")
    for path, text in {"pyproject.toml": PROJECT, "lake/__init__.py": "", "lake/defs/loads/defs.yaml": shown}.items():
        project.write(path, text)
    monkeypatch.setenv("DATIVO_ROOT", str(project.folder))
    monkeypatch.syspath_prepend(str(project.folder))
    made = dg.load_from_defs_folder(path_within_project=project.folder / "lake" / "defs")
    keys = {spec.key.to_user_string() for spec in made.resolve_all_asset_specs()}
    assert keys == {"acme/orders/orders", "globex/orders/orders"}
    assert made.resolve_schedule_def("daily").job_name == "acme___orders"

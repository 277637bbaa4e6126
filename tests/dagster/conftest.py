"""Twelve jobs of three tenants, and the definitions that Dagster gets of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dativo_ingest.dagster.definitions import definitions
from dativo_ingest.dagster.location import Location
from tests.dativo.project import MELTANO, ROOT, Project

TENANTS = ("acme", "globex-eu", "initech")
JOBS = ("invoices", "orders", "orders-old", "orders_old")

Defs = Callable[..., dg.Definitions]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    made.asset()
    monkeypatch.setenv("DATIVO_MELTANO", str(MELTANO))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return made


@pytest.fixture
def twelve(project: Project) -> Project:
    """The jobs; those of invoices have an asset with a quality check, a description and an owner."""
    for tenant in TENANTS:
        for job in JOBS:
            project.job(job, tenant, **({"asset_path": "assets/invoices.yaml"} if job == "invoices" else {}))
    project.write("assets/invoices.yaml", INVOICES)
    return project


@pytest.fixture
def defs(project: Project) -> Defs:
    """Make the definitions of the project, with a runner file if one is given."""

    def make(runner: Any = None, jobs: str | None = "jobs", **more: Any) -> dg.Definitions:
        return definitions(location(project, runner, jobs, **more))

    return make


def location(project: Project, runner: Any = None, jobs: str | None = "jobs", **more: Any) -> Location:
    if runner is not None:
        project.write("runner.yaml", runner)
    named = None if runner is None else "runner.yaml"
    return Location(jobs, named, root=str(project.folder), state_dir="state", **more)


INVOICES = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "invoices",
    "version": "2.1.0",
    "status": "active",
    "schema": [
        {
            "name": "invoices",
            "description": "Invoices that were sent",
            "properties": [
                {"name": "id", "logicalType": "integer", "required": True, "description": "its number"},
                {"name": "amount", "logicalType": "number"},
            ],
            "quality": [{"id": "some-rows", "metric": "rowCount", "mustBeGreaterThan": 0}],
        }
    ],
}

"""Recipes and jobs of the pages of Stripe and HubSpot, run with the real taps against loopback servers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dativo.project import ASSET, Project
from tests.docs.test_snippets import blocks
from tests.nessie.loopback import serving
from tests.sources.hubspot_api import TOKEN, HubspotApi, contact
from tests.sources.routed import routed
from tests.sources.stripe_api import KEY, StripeApi, customer
from tests.sources.venvs import tap_venv

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("sources")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def job(project: Project, page: str, tap: str, routes: dict[str, str], columns: dict[str, str]) -> Path:
    """Write the page's recipe and job; the tap is installed already and has other ways to its service."""
    recipe, shown = (block.text for block in blocks(f"sources/{page}.md", "yaml"))
    path = f"connectors/sources/{page}.yaml"
    assert path in recipe
    project.write(path, recipe)
    source = yaml.safe_load(shown)["source"]
    (name,) = source["objects"]
    fields = [{"name": column, "type": kind} for column, kind in columns.items()]
    project.write("assets/it.yaml", ASSET | {"id": name, "name": name, "object": name, "schema": fields})
    command = routed(tap_venv(page) / "bin" / tap, routes, project.folder)
    source["engine"] = {"options": {"singer": {"executable": str(command)}}}
    target = {"settings": {"load_method": "upsert"}}
    return project.job(source_connector_path=path, asset_path="assets/it.yaml", source=source, target=target)


def loaded(project: Project, path: Path, table: str) -> list[dict[str, Any]]:
    ended = project.run(path)
    assert ended.code == 0, ended.err[-4000:]
    return project.tables().rows(table, order="id")


def test_the_recipe_and_the_job_of_stripe(project: Project) -> None:
    """state.json is what docs/orchestrator.md shows of one."""
    now = int(time.time())
    api = StripeApi([customer(1, now - 90_000), customer(2, now - 80_000)])
    project.environment["STRIPE_API_KEY"] = KEY
    with serving(api.answer) as server:
        columns = {"id": "string", "email": "string", "created": "timestamp"}
        path = job(project, "stripe", "tap-stripe", {"api.stripe.com": server.uri}, columns)
        assert [row["id"] for row in loaded(project, path, "shop.customers")] == ["cus_00001", "cus_00002"]
        saved = project.state_of()
        api.customers.append(customer(3, now - 50))
        assert len(loaded(project, path, "shop.customers")) == 3
    (shown,) = blocks("orchestrator.md", "json")
    page = json.loads(shown.text)
    assert saved.keys() == page.keys() - {"file_data/orders.csv"}
    assert saved["object_customers"].keys() == page["object_customers"].keys()
    assert saved["singer"].keys() == page["singer"].keys()
    assert saved["singer"]["state"].keys() == page["singer"]["state"].keys()
    for member, text in page["object_customers"].items():
        assert form(saved["object_customers"][member]) == form(text), member


def form(text: str) -> str:
    """A moment with its digits taken out."""
    return "".join("0" if one.isdigit() else one for one in text)


def test_the_recipe_and_the_job_of_hubspot(project: Project) -> None:
    api = HubspotApi([contact(n, f"2024-06-0{n}T00:00:00.000Z") for n in (1, 2)])
    project.environment["HUBSPOT_ACCESS_TOKEN"] = TOKEN
    with serving(api.answer) as server:
        columns = {"id": "string", "email": "string"}
        path = job(project, "hubspot", "tap-hubspot", {"api.hubapi.com": server.uri}, columns)
        rows = loaded(project, path, "shop.contacts")
        assert [(row["id"], row["email"]) for row in rows] == [("1", "c1@example.org"), ("2", "c2@example.org")]
        assert project.state_of()["object_contacts"]["cursor"] == "2024-06-02T00:00:00.000Z"
        api.contacts[0] = contact(1, "2024-06-05T00:00:00.000Z", email="new@example.org")
        assert [row["email"] for row in loaded(project, path, "shop.contacts")] == ["new@example.org", "c2@example.org"]


def test_the_state_file_of_a_job_that_reads_files(project: Project) -> None:
    project.asset()
    project.csv(1, 2, name="orders.csv")
    file = {"path": "data/orders.csv", "object": "orders"}
    source = {"files": [file], "incremental": {"strategy": "file_modified_time"}}
    assert project.run(project.job(source=source)).code == 0
    saved = project.state_of()
    (shown,) = blocks("orchestrator.md", "json")
    page = json.loads(shown.text)
    assert saved.keys() == page.keys() - {"object_customers"}
    entry = "file_data/orders.csv"
    assert {name: form(text) for name, text in saved[entry].items()} == {n: form(t) for n, t in page[entry].items()}

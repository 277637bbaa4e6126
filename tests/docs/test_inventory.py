"""Every snippet of the documentation, and what runs it; those that nothing runs, and why."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from dativo_ingest import state
from dativo_ingest.documents import checked, read
from dativo_ingest.jobs import from_yaml
from dativo_ingest.runner import read_runner
from dativo_ingest.secrets import settings
from tap_adapters.markdown_kv.parse import parse
from tap_adapters.recipe import Recipe
from target_dativo_iceberg import settings as target_settings
from target_dativo_iceberg.contract import load
from tests.dativo.project import Project
from tests.docs.pages import sections
from tests.docs.test_examples import PAGES
from tests.docs.test_snippets import OTHERS, ROOT, blocks

# Where a page's snippets under a heading are run: how many, and by which test. What runs them reads them from the page.
RUN: dict[str, tuple[Any, ...]] = {
    "airflow.md#Airflow": (1, "dagster/test_pages.py"),
    "dagster.md#In a project of your own": (1, "dagster/test_pages.py"),
    "dagster.md#The runner file": (1, "dagster/test_pages.py"),
    "local-stack.md#Commands": (1, "docs/test_servers.py"),
    "local-stack.md#In tests": (1, "docs/test_servers.py"),
    "maintenance.md#Maintenance": (1, "docs/test_snippets.py"),
    "nessie.md#Reading a branch": (1, "docs/test_servers.py"),
    "nessie.md#Set-up": (1, "docs/test_servers.py"),
    "nessie.md#What the loader must be allowed": (1, "nessie/publish/test_rules_nessie.py"),
    "orchestrator.md#`dativo`: jobs, tenants, sources": (2, "dativo/test_run.py"),
    "reports-and-alerts.md#Alerts": (1, "alerts/test_alerts.py"),
    "reports-and-alerts.md#Jobs that do not run": (1, "alerts/test_alerts.py"),
    "reports-and-alerts.md#`dativo report`": (1, "reports/test_command.py"),
    "sources/airbyte.md#Quick start": (1, "docs/test_plugins.py"),
    "sources/csv.md#Batches": (1, "docs/test_plugins.py"),
    "sources/csv.md#Quick start": (2, "docs/test_snippets.py", "docs/test_plugins.py"),
    "sources/mapper_markdown_kv.md#Quick start": (2, "docs/test_snippets.py", "docs/test_plugins.py"),
    "sources/markdown_kv.md#Quick start": (1, "docs/test_snippets.py"),
    "sources/mysql.md#Recipe and job": (2, "docs/test_servers.py"),
    "sources/postgres.md#Recipe and job": (2, "docs/test_servers.py"),
    "tutorial.md#A file and a contract": (4, "docs/test_examples.py"),
    "tutorial.md#Load": (3, "docs/test_examples.py"),
    "tutorial.md#Mend and replay": (3, "docs/test_examples.py"),
    "tutorial.md#What landed": (4, "docs/test_examples.py"),
}
INSTALLS = "installs from a registry, which the tests' own set-up does from locked files"
ACCOUNT = "needs an account of the service; its form is checked"
CLUSTER = "needs a cluster or broker; its form is checked"
SHOWN = "shows what a program writes or reads; its form is checked"
NOT_RUN = {
    "benchmarks.md#Run it": (1, "takes hours on a quiet machine: `make bench`"),
    "dagster.md#Dagster": (1, f"{INSTALLS}; `dativo start` is run by tests/dagster/test_night.py"),
    "dagster.md#In a project of your own": (2, "component and variable: attributes are checked against the code"),
    "dagster.md#More than one machine": (3, CLUSTER),
    "dagster.md#One tenant, one load at a time": (1, "checked by Dagster's own reader of dagster.yaml"),
    "local-stack.md#Local stack: Nessie and S3 without Docker": (1, INSTALLS),
    "maintenance.md#Retention": (1, "part of a contract: tests/maintain"),
    "metadata-catalogs.md#Metadata catalogs": (1, ACCOUNT),
    "observability.md#METRIC lines": (1, SHOWN),
    "observability.md#Prometheus textfile": (1, "PromQL: needs a Prometheus server"),
    "orchestrator.md#Retries": (1, "checked as part of a job"),
    "orchestrator.md#Runner file": (1, "checked by the reader of runner files"),
    "orchestrator.md#Secrets": (3, ACCOUNT),
    "orchestrator.md#State": (1, SHOWN),
    "sources/airbyte.md#In a dativo job": (
        2,
        "checked as a recipe and a job; its like is run by tests/tap_airbyte/test_recipe.py",
    ),
    "sources/airbyte.md#Quick start": (1, INSTALLS),
    "sources/airbyte.md#State": (1, SHOWN),
    "sources/csv.md#Incremental reading": (1, SHOWN),
    "sources/gdrive_csv.md#Incremental reading": (1, SHOWN),
    "sources/gdrive_csv.md#Quick start": (1, ACCOUNT),
    "sources/google_sheets.md#Incremental reading": (1, SHOWN),
    "sources/google_sheets.md#Quick start": (1, ACCOUNT),
    "sources/hubspot.md#Recipe and job": (2, ACCOUNT),
    "sources/markdown_kv.md#The format": (1, SHOWN),
    "sources/stripe.md#Recipe and job": (2, ACCOUNT),
    "spread.md#A cluster of your own": (1, CLUSTER),
    "spread.md#Settings": (2, CLUSTER),
}


def test_every_snippet_is_run_or_has_its_reason_not_to_be() -> None:
    """A new snippet needs a test that runs it, or a line in the table."""
    pages = (page for page in OTHERS if page not in PAGES)
    found = Counter({f"{s.page}#{s.heading}": len(s.blocks) for page in pages for s in sections(page) if s.blocks})
    told = Counter({key: count for key, (count, *_) in RUN.items()})
    told.update({key: count for key, (count, _) in NOT_RUN.items()})
    assert found == told


@pytest.mark.parametrize("key", RUN)
def test_what_is_said_to_run_a_page_reads_it(key: str) -> None:
    page, (_, *tests) = key.partition("#")[0], RUN[key]
    for test in tests:
        text = (ROOT / "tests" / test).read_text()
        assert page in text or page.removeprefix("sources/").removesuffix(".md") in text, test


@pytest.mark.parametrize("page", ["stripe", "hubspot", "airbyte"])
def test_recipes_and_jobs_that_need_an_account_are_ones_that_dativo_reads(page: str, tmp_path: Path) -> None:
    recipe, job = [block.text for block in blocks(f"sources/{page}.md", "yaml")][-2:]
    project = Project(tmp_path)
    assert checked(Recipe, read(project.write("recipe.yaml", recipe), "connector recipe")).roles == ["source"]
    assert from_yaml(project.job(source=yaml.safe_load(job)["source"])).job.source.objects


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        ("metadata-catalogs.md", "Metadata catalogs"),
        ("orchestrator.md", "Retries"),
        ("spread.md", "Settings"),
    ],
)
def test_parts_of_a_job_are_ones_that_dativo_reads(page: str, heading: str, tmp_path: Path) -> None:
    (section,) = [one for one in sections(page) if one.heading == heading]
    (block,) = [one for one in section.blocks if one.words[:1] == ("yaml",)]
    assert from_yaml(Project(tmp_path).job(**yaml.safe_load(block.text)))


def test_the_runner_file_and_the_settings_of_secret_managers_are_ones_that_dativo_reads(tmp_path: Path) -> None:
    _job, runner, *managers = [block.text for block in blocks("orchestrator.md", "yaml")]
    assert read_runner(Project(tmp_path).write("runner.yaml", runner))[1].orchestrator.schedules
    models = (settings.VaultSettings, settings.AwsSettings, settings.GcpSettings)
    for text, model in zip(managers[:3], models, strict=True):
        (tmp_path / "settings.yaml").write_text(text)
        assert settings.settings(model, str(tmp_path / "settings.yaml"), {"VAULT_TOKEN": "t"})


def test_what_stands_on_a_page_as_a_file_is_read_by_what_reads_it(tmp_path: Path) -> None:
    """A state file, the settings of a spread load, a document, a contract's retention."""
    (shown,) = blocks("orchestrator.md", "json")
    (tmp_path / "state.json").write_text(shown.text)
    saved = state.read(tmp_path / "state.json")
    assert saved
    assert (json.loads(saved.text or ""), set(saved.entries)) == (
        {"bookmarks": {}},
        {"object_customers", "file_data/orders.csv"},
    )
    (shown,) = blocks("spread.md", "json")
    assert target_settings.parse(json.loads(shown.text)).spread_batches == "ray"
    (shown,) = blocks("sources/markdown_kv.md", "markdown")
    found = {(section.name, pair.key): pair.text or pair.json for section, pair in parse(shown.text).pairs()}
    assert found["Care", "note"] == "Rinse once a week,\nnever with soap."
    (shown,) = blocks("maintenance.md", "yaml")
    columns = [{"name": "placed_at", "logicalType": "timestamp"}]
    contract = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "o", "version": "1.0.0", "status": "active"}
    contract |= {"schema": [{"name": "orders", "properties": columns}]} | yaml.safe_load(shown.text)
    (tmp_path / "orders.yaml").write_text(yaml.safe_dump(contract))
    (one,) = load(tmp_path / "orders.yaml").contracts
    assert "90" in str(one.properties), one.properties

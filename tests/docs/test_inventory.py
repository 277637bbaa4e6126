"""Every snippet of the documentation, and what runs it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.docs.pages import sections
from tests.docs.test_examples import PAGES
from tests.docs.test_snippets import OTHERS, ROOT

# Where a page's snippets under a heading are run: how many, and by which test. What runs them reads them from the page.
RUN: dict[str, tuple[Any, ...]] = {
    "airflow.md#Airflow": (1, "airflow/test_page.py"),
    "benchmarks.md#Run it": (1, "benchmarks/test_run_it.py"),
    "dagster.md#Dagster": (1, "docs/test_installs.py"),
    "dagster.md#In a project of your own": (
        3,
        "dagster/test_pages.py",
        "dagster/test_component.py",
        "dagster/test_fleet.py",
    ),
    "dagster.md#More than one machine": (3, "dagster/test_fleet.py"),
    "dagster.md#One tenant, one load at a time": (1, "dagster/test_pages.py"),
    "dagster.md#The runner file": (1, "dagster/test_pages.py"),
    "local-stack.md#Local stack: Nessie and S3 without Docker": (1, "docs/test_installs.py"),
    "local-stack.md#Commands": (1, "docs/test_servers.py"),
    "local-stack.md#In tests": (1, "docs/test_servers.py"),
    "maintenance.md#Maintenance": (1, "docs/test_snippets.py"),
    "maintenance.md#Retention": (1, "docs/test_parts.py"),
    "metadata-catalogs.md#Metadata catalogs": (1, "metadata_catalogs/test_run.py"),
    "nessie.md#Reading a branch": (1, "docs/test_servers.py"),
    "nessie.md#Set-up": (1, "docs/test_servers.py"),
    "nessie.md#What the loader must be allowed": (1, "nessie/publish/test_rules_nessie.py"),
    "observability.md#METRIC lines": (1, "docs/test_observability.py"),
    "observability.md#Prometheus textfile": (1, "docs/test_observability.py"),
    "orchestrator.md#`dativo`: jobs, tenants, sources": (2, "dativo/test_run.py"),
    "orchestrator.md#Retries": (1, "dativo/test_run.py"),
    "orchestrator.md#Runner file": (1, "docs/test_parts.py"),
    "orchestrator.md#Secrets": (3, "dativo/test_secret_managers.py"),
    "orchestrator.md#State": (1, "sources/test_pages.py"),
    "reports-and-alerts.md#Alerts": (1, "alerts/test_alerts.py"),
    "reports-and-alerts.md#Jobs that do not run": (1, "alerts/test_alerts.py"),
    "reports-and-alerts.md#`dativo report`": (1, "reports/test_command.py"),
    "sources/airbyte.md#In a dativo job": (2, "tap_airbyte/test_recipe.py"),
    "sources/airbyte.md#Quick start": (2, "docs/test_installs.py", "docs/test_plugins.py"),
    "sources/airbyte.md#State": (1, "tap_airbyte/test_recipe.py"),
    "sources/csv.md#Batches": (1, "docs/test_plugins.py"),
    "sources/csv.md#Quick start": (2, "docs/test_snippets.py", "docs/test_plugins.py"),
    "sources/csv.md#Incremental reading": (1, "docs/test_snippets.py"),
    "sources/gdrive_csv.md#Incremental reading": (1, "google/test_pages.py"),
    "sources/gdrive_csv.md#Quick start": (1, "google/test_pages.py"),
    "sources/google_sheets.md#Incremental reading": (1, "google/test_pages.py"),
    "sources/google_sheets.md#Quick start": (1, "google/test_pages.py"),
    "sources/hubspot.md#Recipe and job": (2, "sources/test_pages.py"),
    "sources/mapper_markdown_kv.md#Quick start": (2, "docs/test_snippets.py", "docs/test_plugins.py"),
    "sources/markdown_kv.md#Quick start": (1, "docs/test_snippets.py"),
    "sources/markdown_kv.md#The format": (1, "docs/test_snippets.py"),
    "sources/mysql.md#Recipe and job": (2, "docs/test_servers.py"),
    "sources/postgres.md#Recipe and job": (2, "docs/test_servers.py"),
    "sources/stripe.md#Recipe and job": (2, "sources/test_pages.py"),
    "spread.md#A cluster of your own": (1, "spread/page.py"),
    "spread.md#Settings": (2, "spread/page.py"),
    "tutorial.md#A file and a contract": (4, "docs/test_examples.py"),
    "tutorial.md#Load": (3, "docs/test_examples.py"),
    "tutorial.md#Mend and replay": (3, "docs/test_examples.py"),
    "tutorial.md#What landed": (4, "docs/test_examples.py"),
}


def test_every_snippet_is_run() -> None:
    """A new snippet needs a test that runs it, and a line in the table."""
    pages = (page for page in OTHERS if page not in PAGES)
    found = Counter({f"{s.page}#{s.heading}": len(s.blocks) for page in pages for s in sections(page) if s.blocks})
    told = Counter({key: count for key, (count, *_) in RUN.items()})
    assert found == told


@pytest.mark.parametrize("key", RUN)
def test_what_is_said_to_run_a_page_reads_it(key: str) -> None:
    page, (_, *tests) = key.partition("#")[0], RUN[key]
    for test in tests:
        text = (ROOT / "tests" / test).read_text()
        assert page in text or page.removeprefix("sources/").removesuffix(".md") in text, test

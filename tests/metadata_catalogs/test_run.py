"""`dativo run` of jobs with a metadata catalog: whatever becomes of the push, the exit code is the load's."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.dativo.project import Project
from tests.docs.test_snippets import blocks
from tests.metadata_catalogs.openmetadata import TOKEN, OpenMetadata


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("warm_commands")
def test_the_exit_code_of_a_run_is_the_loads(openmetadata: OpenMetadata, project: Project) -> None:
    def job(tenant: str, url: str, **changes: Any) -> None:
        connection = {"api_url": f"${{OM_URL:-{url}}}", "auth_token": "${OM_TOKEN}"}
        files = [{"path": f"data/{tenant}", "object": "orders", "keys": ["id"]}]
        project.job(
            tenant=tenant,
            source={"files": files},
            catalog={"type": "openmetadata", "connection": connection},
            **changes,
        )

    project.environment["OM_TOKEN"] = TOKEN
    project.csv(1, name="unheard/a.csv")
    job("unheard", "http://127.0.0.1:1")
    bad = project.csv(name="bad/a.csv")
    bad.write_text("id,who,at\nnone,ada,2026-01-01\n")
    job("bad", openmetadata.url)
    partial = project.csv(1, name="partial/a.csv")
    partial.write_text(partial.read_text() + "none,ada,2026-01-01\n")
    job("partial", openmetadata.url, schema_validation_mode="quarantine")

    ended = project.dativo("run", "--job-dir", project.folder / "jobs", "--json", "--parallel", "2")
    codes = {one["tenant"]: one["exit_code"] for one in ended.json["jobs"]}
    assert codes == {"unheard": 0, "bad": 2, "partial": 1}, ended.err
    assert project.ids("unheard") == [1]
    assert openmetadata.there["tables"].keys() == {"dativo.partial.shop.orders", "dativo_sources.partial.csv.orders"}
    pushes = {(e["tenant_id"], e["event_type"]) for e in ended.events if e["event_type"].startswith("catalog_")}
    assert pushes == {
        ("partial", "catalog_metadata_pushed"),
        ("partial", "catalog_lineage_pushed"),
        ("unheard", "catalog_push_failed"),
    }
    assert TOKEN not in ended.out + ended.err


@pytest.mark.usefixtures("warm_commands")
def test_the_catalog_of_the_page(openmetadata: OpenMetadata, project: Project) -> None:
    (block,) = blocks("metadata-catalogs.md", "yaml")
    project.environment |= {"OPENMETADATA_API_URL": openmetadata.url, "OPENMETADATA_AUTH_TOKEN": TOKEN}
    project.csv(1)
    ended = project.run(project.job(**yaml.safe_load(block.text)))
    assert ended.code == 0, ended.err
    assert {"catalog_metadata_pushed", "catalog_lineage_pushed"} <= set(ended.names())
    assert "dativo.sales.shop.orders" in openmetadata.there["tables"]

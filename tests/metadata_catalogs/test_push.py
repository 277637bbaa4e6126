"""When metadata catalogs are told, and what a failure changes: nothing but the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dativo_ingest.infrastructure import addresses, probe
from tests.dativo.project import ASSET, Project
from tests.dativo.test_jobs import problems
from tests.metadata_catalogs.openmetadata import OpenMetadata
from tests.metadata_catalogs.pushes import made, names, of_openmetadata, pushed, report


def test_two_tenants_have_two_entries(openmetadata: OpenMetadata, project: Project) -> None:
    for tenant in ("acme", "globex"):
        pushed(made(project, of_openmetadata(openmetadata), tenant))
    assert {"dativo.acme.shop.orders", "dativo.globex.shop.orders"} < openmetadata.there["tables"].keys()


def test_nessie_has_it_all_already(project: Project) -> None:
    (said,) = pushed(made(project, {"type": "nessie", "connection": {"uri": "http://127.0.0.1:1"}}))
    assert said["message"] == "nothing is pushed to Nessie: its tables hold their metadata"


@pytest.mark.parametrize("ran", [report(good=0), {"run_id": "r", "streams": []}])
def test_a_run_that_published_nothing_pushes_nothing(
    openmetadata: OpenMetadata, project: Project, ran: dict[str, Any]
) -> None:
    assert pushed(made(project, of_openmetadata(openmetadata)), ran) == []
    assert openmetadata.asked == []


def test_rows_that_were_deleted_are_a_change(openmetadata: OpenMetadata, project: Project) -> None:
    ready = made(project, of_openmetadata(openmetadata, push_lineage=False))
    assert names(pushed(ready, report(good=0, deleted=2))) == ["catalog_metadata_pushed"]


Broken = Callable[[OpenMetadata, dict[str, Any]], None]


@pytest.mark.parametrize(
    ("break_it", "says", "count"),
    [
        (lambda server, _: server.statuses.extend([503] * 2), "OpenMetadata fails (status 503): check the server", 1),
        (
            lambda server, _: server.statuses.extend([403, 403]),
            "refuses table 'dativo.acme.shop.orders' (status 403)",
            2,
        ),
        (lambda server, _: server.statuses.extend([307]), "OpenMetadata sends elsewhere (status 307)", 1),
        (lambda _, connection: connection.update(auth_token="wrong"), "does not let us in (status 401): check", 1),
        (lambda _, connection: connection.update(api_url="http://127.0.0.1:1"), "does not answer (ConnectionError)", 1),
    ],
)
def test_what_a_catalog_does_not_take_is_a_warning(
    openmetadata: OpenMetadata, project: Project, break_it: Broken, says: str, count: int
) -> None:
    catalog = of_openmetadata(openmetadata)
    break_it(openmetadata, catalog["connection"])
    openmetadata.there["users"]["data"] = {"id": "id of data"}
    said = pushed(made(project, catalog, asset={"team": None}))
    assert names(said) == ["catalog_push_failed"] * count
    assert says in said[0]["message"]
    assert {one["level"] for one in said} == {"WARNING"}


def test_a_push_that_is_stopped_or_takes_too_long_ends(
    openmetadata: OpenMetadata, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = made(project, of_openmetadata(openmetadata))
    assert pushed(ready, stopped=True) == []
    monkeypatch.setattr("dativo_ingest.metadata_catalogs.pushing._SECONDS", -1.0)
    (said,) = pushed(ready)
    assert said["message"].startswith("the push took longer than")
    assert openmetadata.asked == []


def test_a_check_looks_at_the_catalogs_port(openmetadata: OpenMetadata, project: Project) -> None:
    for url, problem in ((openmetadata.url, ""), ("http://127.0.0.1:9", "no connection (Connection refused)")):
        ready = made(project, of_openmetadata(openmetadata, connection={"api_url": url}))
        ((kind, address),) = addresses(ready)
        assert (kind, probe(kind, address).problem) == ("metadata catalog", problem)


def test_a_fault_of_ours_is_a_warning_too(project: Project) -> None:
    ready = made(project, {"type": "nessie", "connection": {}})
    (said,) = pushed(ready, {"run_id": "r", "streams": [{"stream": "orders"}]})
    assert said["event_type"] == "catalog_push_failed"
    assert said["message"].startswith("unforeseen KeyError at described.py:")


@pytest.mark.parametrize(
    ("kind", "connection", "says"),
    [
        (
            "openmetadata",
            {"api_uri": "http://h"},
            "key 'catalog.connection.api_uri' is unknown: did you mean 'api_url'?",
        ),
        ("openmetadata", {}, "key 'catalog.connection.api_url' is missing: add it"),
        ("openmetadata", {"api_url": "host:8585"}, "'catalog.connection.api_url' is not right"),
        (
            "databricks_unity",
            {"workspace_url": "https://h", "access_token": "t"},
            "'catalog.connection.catalog' is missing",
        ),
        (
            "aws_glue",
            {"aws_access_key_id": "k"},
            "half a key is given: set aws_access_key_id and aws_secret_access_key",
        ),
        ("aws_glue", {"endpoint_url": "http://h"}, "the process's own sign-in to AWS is not used with an endpoint_url"),
    ],
)
def test_connections_that_are_wrong_are_said_before_the_run(
    project: Project, kind: str, connection: dict[str, Any], says: str
) -> None:
    job = project.job(catalog={"type": kind, "connection": connection})
    found = problems(project, job)
    assert any(says in one for one in found), found
    assert all(one.startswith("jobs/acme/orders.yaml:") for one in found)


def test_the_sign_in_of_the_process_is_not_a_tenants_in_the_cloud(project: Project) -> None:
    job = project.job(catalog={"type": "aws_glue", "connection": {"region": "eu-west-1"}})
    assert any("is not used in cloud mode" in one for one in problems(project, job, mode="cloud"))


def test_one_name_is_for_one_table(project: Project) -> None:
    asset = {k: v for k, v in ASSET.items() if k not in ("schema", "object", "source_type")}
    table = {"properties": [{"name": "id", "logicalType": "integer"}]}
    project.write("assets/orders.yaml", asset | {"schema": [{"name": "orders", **table}, {"name": "items", **table}]})
    job = project.job(catalog={"type": "nessie", "connection": {}, "table_name": "x"})
    assert any("'table_name' is one name, and the asset has 2 objects" in one for one in problems(project, job))

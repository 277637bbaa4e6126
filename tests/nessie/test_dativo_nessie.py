"""Jobs of several tenants at once on a real Nessie: each on its own branch, the worst code, a table of it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dativo_ingest.stack import LocalStack
from examples.nycflights13.on_nessie import attach
from target_dativo_iceberg.nessie import NessieClient
from tests.dativo.project import Project
from tests.nessie.lake import catalog_of
from tests.readback import connect

pytestmark = [pytest.mark.nessie, pytest.mark.timeout(600)]
TARGET = {
    "connection": {
        "nessie": {"uri": "${NESSIE_URI}"},
        "s3": {
            "endpoint": "${S3_ENDPOINT}",
            "access_key_id": "${AWS_ACCESS_KEY_ID}",
            "secret_access_key": "${AWS_SECRET_ACCESS_KEY}",
            "region": "${AWS_REGION}",
        },
    }
}


@pytest.fixture
def project(stack: LocalStack, tmp_path: Path) -> Project:
    catalog_of(stack, "main").create_namespace_if_not_exists("shop")
    made = Project(tmp_path)
    made.asset()
    made.environment |= {
        "NESSIE_URI": stack.nessie_uri,
        "S3_ENDPOINT": stack.s3_endpoint,
        "AWS_ACCESS_KEY_ID": stack.s3_access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.s3_secret_access_key,
        "AWS_REGION": stack.s3_region,
    }
    return made


@pytest.fixture
def lake(stack: LocalStack) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as con:
        con.execute("LOAD httpfs")
        attach(con, stack)
        yield con


def ids(lake: duckdb.DuckDBPyConnection, tenant: str) -> list[int]:
    return [row[0] for row in lake.execute(f'SELECT id FROM lake.shop."orders@{tenant}" ORDER BY id').fetchall()]


def source(path: str) -> dict[str, object]:
    files = [{"path": path, "object": "orders", "keys": ["id"]}]
    return {"files": files, "incremental": {"strategy": "file_modified_time"}}


def test_a_folder_of_jobs_of_two_tenants(
    project: Project, nessie: NessieClient, lake: duckdb.DuckDBPyConnection
) -> None:
    before = nessie.reference("main")
    project.csv(1, 2, name="acme/a.csv")
    project.csv(7, 8, 9, name="globex/a.csv")
    bad = project.csv(10, 11, name="globex-more.csv")
    bad.write_text(bad.read_text().replace("10,ada", "10,"))
    project.job("orders", "acme", source=source("data/acme"), target=TARGET)
    project.job("orders", "globex", source=source("data/globex"), target=TARGET)
    more = {"source": source("data/globex-more.csv"), "schema_validation_mode": "quarantine"}
    project.job("more", "globex", target=TARGET, **more)
    ended = project.dativo("run", "--job-dir", project.folder / "jobs", "--parallel", "2")
    assert ended.code == 1, ended.err
    head, *rows = (line.split() for line in ended.out.splitlines())
    assert head == ["tenant", "job", "status", "read", "good", "quarantined", "seconds", "error"]
    assert [row[:6] for row in rows] == [
        ["acme", "orders", "success", "2", "2", "0"],
        ["globex", "more", "partial", "2", "1", "1"],
        ["globex", "orders", "success", "3", "3", "0"],
    ]
    assert ids(lake, "acme") == [1, 2]
    assert ids(lake, "globex") == [7, 8, 9, 11]
    assert nessie.reference("main") == before

    project.csv(3, name="acme/b.csv")
    project.write("jobs/acme/broken.yaml", "tenant_id: [\n")
    again = project.dativo("run", "--job-dir", project.folder / "jobs", "--parallel", "2", "--json")
    assert again.code == 2
    read = {(j["tenant"], j["job"]): j["target"].get("totals", {}).get("records") for j in again.json["jobs"]}
    assert read == {
        ("acme", "orders"): 1,
        (None, "broken"): None,
        ("globex", "more"): 0,
        ("globex", "orders"): 0,
    }
    assert ids(lake, "acme") == [1, 2, 3]
    assert ids(lake, "globex") == [7, 8, 9, 11]
    commits = nessie.log("acme")
    jobs = {value for c in commits for value in c.commit_meta.all_properties.get("dativo-job-id", ())}
    assert jobs == {"acme.orders"}


def test_a_warehouse_that_nessie_does_not_have_is_said_before_any_run(project: Project) -> None:
    project.csv(1)
    job = project.job("lost", "lost", target=TARGET | {"warehouse": "s3://elsewhere/"})
    ended = project.dativo("check", "--config", job, "--json")
    assert ended.code == 2
    (problem,) = ended.json["jobs"][0]["problems"]
    assert problem.startswith("target: settings: the Nessie server does not know the warehouse")

"""Snippets that need a server are run against a real one: Nessie and S3, PostgreSQL, MariaDB."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyiceberg.catalog import load_catalog

from target_dativo_iceberg.nessie import NessieClient
from tests.dativo.project import ASSET, Project
from tests.docs.pages import DOCS, Block, sections
from tests.docs.test_snippets import blocks, run
from tests.nessie.conftest import _shared_downloads  # noqa: F401 - a fixture
from tests.readback import connect
from tests.sources import mariadb, postgresql
from tests.sources.venvs import tap_venv
from tests.target.running import Target, record, schema

pytestmark = [
    pytest.mark.nessie,
    pytest.mark.network,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("_shared_downloads"),
]
SERVER = "https://nessie.example.com"


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The settings that the commands of the page leave in target.json, with the stack up."""
    _install, commands = blocks("local-stack.md", "bash")
    try:
        said = run(commands, tmp_path)
        assert "nessie_uri" in said
        yield json.loads((tmp_path / "target.json").read_text())
    finally:
        run(Block("sh", (), "dativo stack down", 0), tmp_path)


def test_the_stack_of_the_page_takes_the_load_and_the_queries_of_the_page_of_nessie(
    printed: dict[str, Any], target: Target
) -> None:
    (section,) = [one for one in sections("local-stack.md") if one.heading == "Commands"]
    text = (DOCS / "local-stack.md").read_text().partition("## What it prints")[2].partition(":")[0]
    assert set(re.findall(r"`(\w+)`", text)) == printed.keys(), section
    (shown,) = blocks("nessie.md", "yaml")
    settings = printed | yaml.safe_load(shown.text.replace(SERVER, _server(printed)))
    _catalog("main", printed).create_namespace("ns")
    child = target.start(**settings | {"namespace": "ns", "s3_region": printed["s3_region"]})
    child.feed(schema("orders"), record(1, "orders"), record(2, "orders"))
    ended = child.wait()
    assert ended.code == 0, ended.log
    assert _catalog("acme", printed).load_table("ns.orders").scan().to_arrow()["id"].to_pylist() == [1, 2]
    with NessieClient(printed["nessie_uri"]) as nessie:
        assert _counts(printed, nessie.reference("acme").hash) == [(2,), (2,)]


def _server(printed: dict[str, Any]) -> str:
    return re.sub(r"(http://[^/]+).*", r"\1", str(printed["nessie_uri"]))


def _catalog(branch: str, printed: dict[str, Any]) -> Any:
    """What the page says of PyIceberg, on a branch."""
    (call,) = re.findall(r"^\| PyIceberg \| `(load_catalog\(.*?\))` \|$", (DOCS / "nessie.md").read_text(), re.M)
    keys = {"s3.access-key-id": "s3_access_key_id", "s3.secret-access-key": "s3_secret_access_key"}
    store = {name: printed[setting] for name, setting in (keys | {"s3.endpoint": "s3_endpoint"}).items()}
    call = call.replace(SERVER, _server(printed)).replace("/acme", f"/{branch}").replace("…", "**store")
    return eval(call, {"load_catalog": load_catalog, "store": store})


def _counts(printed: dict[str, Any], head: str) -> list[Any]:
    """What the queries of the page give, the options for a store of one's own taken from its comment."""
    (block,) = blocks("nessie.md", "sql")
    (own,) = re.findall(r"own store: (.*)$", block.text, re.MULTILINE)
    own = own.replace("host:port", printed["s3_endpoint"].removeprefix("http://"))
    text = block.text.replace("REGION 'eu-central-1'", f"REGION '{printed['s3_region']}', {own}")
    text = text.replace("KEY_ID '…'", f"KEY_ID '{printed['s3_access_key_id']}'")
    text = text.replace("SECRET '…'", f"SECRET '{printed['s3_secret_access_key']}'")
    text = text.replace(SERVER, _server(printed)).replace("<hash>", head)
    with connect() as reader:
        reader.execute("LOAD httpfs")
        statements = [one for one in re.sub(r"--.*", "", text).split(";") if one.strip()]
        return [row for one in statements for row in reader.execute(one).fetchall() if "count(*)" in one]


def test_the_stack_in_tests(tmp_path: Path) -> None:
    (block,) = blocks("local-stack.md", "python")
    names: dict[str, Any] = {"tmp_path": tmp_path, "os": os, "signal": signal}
    exec(compile(block.text + "    log = stack.nessie_pid\n", "local-stack.md", "exec"), names)
    assert names["settings"]["branch"] == "main"
    assert not Path(f"/proc/{names['log']}").exists()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    for name in ("orders", "people"):
        columns = [{"name": "id", "type": "bigint"}, {"name": "who", "type": "string"}]
        columns.append({"name": "updated_at" if name == "orders" else "seen_at", "type": "timestamp"})
        made.write(f"assets/{name}.yaml", ASSET | {"id": name, "name": name, "object": name, "schema": columns})
    return made


def _load(project: Project, page: str, tap: str, connection: dict[str, Any]) -> None:
    """Run the job of a page by its recipe, at another port, with a tap that is installed already."""
    recipe, job = (block.text for block in blocks(f"sources/{page}.md", "yaml")[:2])
    path = f"connectors/sources/{page}.yaml"
    assert path in recipe
    project.write(path, recipe)
    source = yaml.safe_load(job)["source"] | {"connection": connection}
    source["engine"] = {"options": {"meltano": {"executable": str(tap_venv(page) / "bin" / tap)}}}
    ended = project.run(project.job(source_connector_path=path, asset_path="assets", source=source))
    assert ended.code == 0, ended.err[-4000:]


def test_the_recipe_and_the_job_of_postgres(project: Project) -> None:
    with postgresql.postgresql() as server:
        server.sql(
            "CREATE SCHEMA sales",
            "CREATE TABLE sales.orders (id bigint PRIMARY KEY, who text, updated_at timestamptz NOT NULL)",
            "INSERT INTO sales.orders VALUES (1, 'ada', '2024-01-01'), (2, 'bea', '2024-01-02')",
            "CREATE TABLE people (id bigint PRIMARY KEY, who text, seen_at timestamp)",
            "INSERT INTO people VALUES (7, 'cy', '2024-01-01')",
        )
        project.environment |= {"PGHOST": "127.0.0.1", "PGPASSWORD": postgresql.PASSWORD}
        where = {name: server.connection[name] for name in ("port", "database", "user")}
        _load(project, "postgres", "tap-postgres", where)
    assert project.ids() == [1, 2]
    assert [row["who"] for row in project.tables().rows("shop.people")] == ["cy"]


def test_the_recipe_and_the_job_of_mysql(project: Project) -> None:
    with mariadb.mariadb() as server:
        server.sql(
            "CREATE TABLE orders (id bigint PRIMARY KEY, who varchar(80), updated_at datetime NOT NULL)",
            "INSERT INTO orders VALUES (1, 'ada', '2024-01-01'), (2, 'bea', '2024-01-02')",
        )
        project.environment |= {"MYSQL_HOST": "127.0.0.1", "MYSQL_PASSWORD": mariadb.PASSWORD}
        _load(project, "mysql", "tap-mysql", {"port": server.port})
    assert project.ids() == [1, 2]

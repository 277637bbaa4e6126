"""A folder of twelve jobs of three tenants over eight sources, on a real Nessie: the worst code, a table of what
happened, each tenant's rows on its own branch, and a second run that reads only what is new.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dativo_ingest.stack import LocalStack
from examples.nycflights13.on_nessie import attach
from target_dativo_iceberg.nessie import NessieClient
from tests.dativo.project import Ended, Project
from tests.nessie import folder as folders
from tests.nessie.folder import COLUMNS, NAMESPACE, Folder, Row
from tests.nessie.jobs import variables
from tests.nessie.lake import catalog_of
from tests.readback import connect

pytestmark = [
    pytest.mark.nessie,
    pytest.mark.network,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("warm_commands"),
]
TENANTS = ("acme", "globex", "initech")
AGAIN = ("acme/accounts", "globex/more", "initech/invoices", "initech/notes", "initech/orders")
"""The jobs that are run a second time: with a new row, with a bad one, with nothing new, and both that failed."""
STATES = {
    "acme": {
        "accounts": {"object_accounts"},
        "customers": {"object_customers"},
        "notes": {"file_data/acme/first.mdkv"},
        "orders": {"file_data/acme/a.csv"},
    },
    "globex": {
        "contacts": {"object_contacts"},
        "more": {"file_data/globex/more.csv"},
        "orders": {"file_data/globex/a.csv"},
        "shipments": {"object_shipments"},
    },
    "initech": {"budget": {"file_book"}, "invoices": {"file_inv1"}},
}
"""Cursors of each job after the first run; those that failed have none."""


@pytest.fixture
def folder(stack: LocalStack, tmp_path: Path) -> Iterator[Folder]:
    catalog_of(stack, "main").create_namespace_if_not_exists(NAMESPACE)
    with folders.folder(Project(tmp_path, variables(stack))) as made:
        yield made


@pytest.fixture
def lake(stack: LocalStack) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as con:
        con.execute("LOAD httpfs")
        attach(con, stack)
        yield con


def test_twelve_jobs_of_three_tenants_over_eight_sources(
    folder: Folder, nessie: NessieClient, lake: duckdb.DuckDBPyConnection
) -> None:
    before = nessie.reference("main")
    first = _run(folder, code=2)
    assert _table(first) == [
        ["acme", "accounts", "success", "3", "3", "0"],
        ["acme", "customers", "success", "5", "5", "0"],
        ["acme", "notes", "success", "1", "1", "0"],
        ["acme", "orders", "success", "2", "2", "0"],
        ["globex", "contacts", "success", "4", "4", "0"],
        ["globex", "more", "partial", "2", "1", "1"],
        ["globex", "orders", "success", "3", "3", "0"],
        ["globex", "shipments", "success", "2", "2", "0"],
        ["initech", "budget", "success", "2", "2", "0"],
        ["initech", "invoices", "success", "2", "2", "0"],
        ["-", "notes", "failure", "0", "0", "0"],
        ["initech", "orders", "failure", "2", "0", "0"],
    ]
    assert f"{folder.jobs}/initech/notes.yaml:" in first.out
    assert "key 'retry_confg' is unknown: did you mean 'retry_config'?" in first.out
    assert "the record breaks its contract: $.who is required" in first.out
    expected = folder.held()
    del expected["initech"]["notes"], expected["initech"]["orders"]
    assert _rows(lake, nessie) == expected
    assert _states(folder) == STATES

    for path in folder.jobs.glob("*/*.yaml"):
        if f"{path.parent.name}/{path.stem}" not in AGAIN:
            path.unlink()
    _mend(folder)
    again = _run(folder, code=1)
    assert _table(again) == [
        ["acme", "accounts", "success", "2", "2", "0"],
        ["globex", "more", "partial", "2", "1", "1"],
        ["initech", "invoices", "success", "0", "0", "0"],
        ["initech", "notes", "success", "1", "1", "0"],
        ["initech", "orders", "success", "2", "2", "0"],
    ]
    assert _rows(lake, nessie) == folder.held()
    found = _states(folder)
    assert found["globex"]["more"] == {"file_data/globex/more.csv", "file_data/globex/more2.csv"}
    assert found["initech"] == STATES["initech"] | {
        "notes": {"file_data/initech/first.mdkv"},
        "orders": {"file_data/initech/a.csv"},
    }
    assert nessie.reference("main") == before
    _assert_apart(folder, nessie)
    said = first.out + first.err + again.out + again.err
    assert not [secret for secrets in folder.canaries().values() for secret in secrets if secret in said]


def _mend(folder: Folder) -> None:
    """Let something new come, and mend the job that could not be read and the row that broke its contract."""
    folder.postgres.sql("INSERT INTO accounts VALUES (4, 'new', '2024-06-01')")
    folder.csv("globex/more2.csv", (12, "new"), (13, ""))
    folder.csv("initech/a.csv", (20, "ada"), (21, "lin"))
    notes = folder.jobs / "initech" / "notes.yaml"
    notes.write_text(notes.read_text().replace("retry_confg", "retry_config"))


def _assert_apart(folder: Folder, nessie: NessieClient) -> None:
    """What a tenant's runs leave is the owner's alone and names no other tenant; no table is at two places."""
    places: list[str] = []
    for tenant, secrets in folder.canaries().items():
        others = [one for one in TENANTS if one != tenant]
        for path in (folder.project.state / tenant).rglob("*"):
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path
            text = path.read_bytes().decode(errors="replace") if path.is_file() else ""
            assert not [word for word in (*others, *secrets) if word in text], path
        jobs = {value for c in nessie.log(tenant) for value in c.commit_meta.all_properties.get("dativo-job-id", ())}
        assert {job.split(".")[0] for job in jobs} == {tenant}
        tables = [entry.content for entry in nessie.entries(tenant, with_content=True)]
        places += [one.metadata_location for one in tables if one is not None and one.metadata_location]
    assert len(places) == len(set(places)) > 11


def _states(folder: Folder) -> dict[str, dict[str, set[str]]]:
    """The cursors in every state.json, by tenant and job."""
    found: dict[str, dict[str, set[str]]] = {}
    for path in sorted(folder.project.state.glob("*/*/state.json")):
        tenant, job = path.parts[-3:-1]
        found.setdefault(tenant, {})[job] = json.loads(path.read_text()).keys() - {"singer"}
    return found


def _run(folder: Folder, *words: str, code: int) -> Ended:
    words = ("--job-dir", str(folder.jobs), "--parallel", "2", "--secrets-dir", str(folder.secrets), *words)
    ended = folder.project.dativo("run", *words)
    assert ended.code == code, ended.out + ended.err
    return ended


def _table(ended: Ended) -> list[list[str]]:
    """The lines of the table up to the counts; those that are failures say why, the others nothing."""
    head, *lines = (line.split() for line in ended.out.splitlines())
    assert head == ["tenant", "job", "status", "read", "good", "quarantined", "seconds", "error"]
    return [line[:6] for line in lines]


def _rows(lake: duckdb.DuckDBPyConnection, nessie: NessieClient) -> dict[str, dict[str, list[Row]]]:
    """The rows of every table of every tenant's branch; only globex has some in quarantine."""
    found: dict[str, dict[str, list[Row]]] = {}
    for tenant in TENANTS:
        names = {entry.path[-1] for entry in nessie.entries(tenant) if entry.type == "ICEBERG_TABLE"}
        assert names - COLUMNS.keys() == ({"orders__quarantine"} if tenant == "globex" else set())
        found[tenant] = {}
        for name in sorted(names & COLUMNS.keys()):
            query = f'SELECT {", ".join(COLUMNS[name])} FROM lake.{NAMESPACE}."{name}@{tenant}" ORDER BY ALL'
            found[tenant][name] = lake.execute(query).fetchall()
    return found

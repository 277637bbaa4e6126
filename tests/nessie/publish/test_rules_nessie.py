"""The authorization rules of the page, on a Nessie that asks every caller who they are: enough, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import pytest
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import ServerError

from dativo_ingest.stack import LocalStack, servers
from target_dativo_iceberg.maintain import main as maintain
from target_dativo_iceberg.nessie import BearerToken, NessieClient, NessieUnauthorized, Reference
from tests.docs.test_snippets import blocks
from tests.faults.proxy import Request, proxying
from tests.nessie.identity import Identities, identities
from tests.nessie.publish.between import ended_with_one_line
from tests.nessie.publish.landing import NAMESPACE, Landing
from tests.readback import connect
from tests.target.running import Ended, Server, record, schema, state

pytestmark = pytest.mark.nessie

ROLE = "loader-acme"
CANARY = "c4n4ry-v4lue"
JOB = "acme.orders"
OF_JOB = "dativo-run.acme.orders"
OF_OTHERS = "dativo-run.globex.orders-00000000.x"
ADMIN = {"nessie.server.authorization.rules.admin": "'admin' in roles"}


@dataclass
class Guarded:
    """The stack that asks who calls, who may, and its `main`."""

    stack: LocalStack
    people: Identities
    main: Reference

    def client(self, role: str) -> NessieClient:
        return NessieClient(self.stack.nessie_uri, credentials=BearerToken(self.people.token(role)))

    def catalog(self, branch: str, role: str) -> Catalog:
        return _catalog(self.stack, branch, self.people.token(role))

    def sign_in(self, how: str) -> dict[str, str]:
        """Settings of the loader."""
        if how == "token":
            return {"nessie_token": self.people.token(ROLE)}
        return {
            "nessie_oauth_client_id": ROLE,
            "nessie_oauth_client_secret": CANARY,
            "nessie_oauth_token_uri": self.people.token_uri,
        }


def _catalog(stack: LocalStack, branch: str, token: str) -> Catalog:
    properties = {"type": "rest", "uri": stack.iceberg_uri(branch), "warehouse": stack.nessie_warehouse}
    return load_catalog("stack", **properties, token=token)


def _rules() -> dict[str, str]:
    (shown,) = blocks("nessie.md", "properties")
    lines = (line.partition("=") for line in shown.text.splitlines())
    return {name: rule for name, _, rule in lines}


def _access(people: Identities) -> dict[str, str]:
    return {
        "nessie.server.authentication.enabled": "true",
        "nessie.server.authorization.enabled": "true",
        "quarkus.oidc.auth-server-url": people.uri,
    }


@pytest.fixture(scope="module")
def guarded(_shared_downloads: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    usual = servers._nessie_settings
    with identities(loader_acme=CANARY) as people, pytest.MonkeyPatch.context() as patch:
        more = _access(people) | ADMIN | _rules()
        patch.setattr(servers, "_nessie_settings", lambda state, ports: usual(state, ports) | more)
        with LocalStack.start(tmp_path_factory.mktemp("guarded") / "stack") as stack:
            _catalog(stack, "main", people.token("admin")).create_namespace(NAMESPACE)
            with NessieClient(stack.nessie_uri, credentials=BearerToken(people.token("admin"))) as admin:
                main = admin.reference("main")
                for name in ("globex", OF_OTHERS):
                    admin.create_branch(name, main)
            yield Guarded(stack, people, main)


@pytest.fixture
def landing(guarded: Guarded, warm: Server, tmp_path: Path) -> Iterator[Landing]:
    """Runs on branch `acme`, which is not there yet, and what an administrator sees of it."""
    with guarded.client("admin") as admin, connect() as reader:
        for reference in list(admin.references()):
            if reference.name not in ("main", "globex", OF_OTHERS):
                admin.delete(reference)
        _attach(reader, guarded)
        yield Landing(warm, guarded.stack, admin, reader, tmp_path, "acme")


def _attach(reader: duckdb.DuckDBPyConnection, guarded: Guarded) -> None:
    stack = guarded.stack
    reader.execute("LOAD httpfs")
    reader.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{stack.s3_access_key_id}', SECRET '{stack.s3_secret_access_key}', "
        f"ENDPOINT '{stack.s3_endpoint.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false, "
        f"REGION '{stack.s3_region}')"
    )
    reader.execute(
        f"ATTACH '{stack.nessie_warehouse}' AS lake (TYPE iceberg, ENDPOINT '{stack.iceberg_uri('').rstrip('/')}', "
        f"TOKEN '{guarded.people.token('admin')}', ACCESS_DELEGATION_MODE 'none')"
    )


def _load(landing: Landing, guarded: Guarded, *ids: int, how: str = "oauth", **settings: Any) -> Ended:
    lines = [schema(), *(record(n) for n in ids), state({"id": ids[-1]})]
    return landing.run(lines, **{"job_id": JOB, **guarded.sign_in(how), **settings})


@pytest.mark.parametrize(("made", "how"), [("before", "token"), ("by the loader", "oauth")])
def test_the_loader_makes_its_branch_if_missing_and_changes_tables_on_it(
    landing: Landing, guarded: Guarded, made: str, how: str
) -> None:
    if made == "before":
        landing.nessie.create_branch("acme", guarded.main)
    for ids in ([1], [2, 3]):
        ended = _load(landing, guarded, *ids, how=how)
        assert ended.code == 0, ended.log
    assert landing.ids("a") == [1, 2, 3]
    assert landing.head("main") == guarded.main.hash


def test_the_loader_makes_a_namespace_that_is_missing(landing: Landing, guarded: Guarded) -> None:
    ended = _load(landing, guarded, 1, namespace="own")
    assert ended.code == 0, ended.log
    assert ["own", "a"] in [list(entry.path) for entry in landing.nessie.entries("acme")]


def test_epochs_go_through_branches_of_the_job_which_are_gone_after(landing: Landing, guarded: Guarded) -> None:
    for number in (1, 2):
        ended = _load(landing, guarded, number, publish="branch")
        assert ended.code == 0, ended.log
    assert landing.ids("a") == [1, 2]
    assert len(landing.commits(guarded.main.hash)) == 2
    assert landing.branches("dativo-") == [OF_OTHERS]
    assert " warning " not in ended.log.lower()


def test_a_rival_at_the_merge_is_followed_by_a_branch_of_the_same_job(
    landing: Landing, guarded: Guarded, warm: Server, tmp_path: Path
) -> None:
    (tmp_path / "rival").mkdir()
    rival = Landing(warm, guarded.stack, landing.nessie, landing.reader, tmp_path / "rival", "acme")
    assert _load(landing, guarded, 1).code == 0
    at_merge, go_on = Event(), Event()

    def rule(request: Request) -> None:
        if "/history/merge" in request.path:
            at_merge.set()
            assert go_on.wait(60)

    before = landing.head()
    with proxying(guarded.stack.nessie_uri, rule) as proxy:
        child = landing.start(job_id=JOB, **guarded.sign_in("oauth"), publish="branch", nessie_uri=proxy.uri)
        child.feed(schema(), record(3), state({"id": 3}))
        child.close()
        child.until(at_merge.is_set, "the merge")
        assert _load(rival, guarded, 2, job_id="acme.rival").code == 0
        go_on.set()
        ended = child.wait()
    assert ended.code == 0, ended.log
    assert len([r for r in proxy.requests if "/history/merge" in r.path]) == 2
    assert (landing.ids("a"), len(landing.commits(before))) == ([1, 2, 3], 2)
    assert landing.branches("dativo-") == [OF_OTHERS]


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_tables_are_maintained_by_the_loader(
    landing: Landing, guarded: Guarded, tmp_path: Path, capsys: pytest.CaptureFixture[str], publish: str
) -> None:
    for number in (1, 2, 3):
        assert _load(landing, guarded, number).code == 0
    before = landing.head()
    config = tmp_path / "care.json"
    config.write_text(json.dumps(landing.settings(**guarded.sign_in("oauth"), job_id=JOB, publish=publish)))
    capsys.readouterr()
    assert maintain(["--config", str(config), "--json", "--table", "a", "--min-files", "2"]) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert {step["step"]: step["state"] for step in table["steps"]}["compact"] == "done"
    assert (landing.ids("a"), len(landing.commits(before))) == ([1, 2, 3], 1)
    assert landing.branches("dativo-") == [OF_OTHERS]


def test_a_failed_audit_is_kept_on_a_branch_of_the_job(landing: Landing, guarded: Guarded) -> None:
    of_table = {"customProperties": [{"property": "dativo.scope", "value": "table"}]}
    check = {"id": "few", "metric": "rowCount", "mustBeLessThan": 3, **of_table}
    contract = landing.contract("1.0.0", {"name": "id", "logicalType": "integer"}, quality=[check])
    assert _load(landing, guarded, 1, 2, publish="branch", contract_path=contract).code == 0
    ended = _load(landing, guarded, 3, publish="branch", contract_path=contract)
    assert "the audit failed" in ended.errors[0]
    assert [name.startswith("dativo-failed-audit.acme.orders-") for name in landing.branches("dativo-failed")] == [True]
    assert landing.branches(OF_JOB) == []
    assert landing.ids("a") == [1, 2]


@pytest.mark.parametrize("publish", ["commit", "branch"])
@pytest.mark.parametrize(
    ("branch", "how", "named"),
    [("globex", "oauth", "nessie_oauth_"), ("main", "oauth", "credentials"), ("new", "token", "nessie_token")],
)
def test_a_run_on_another_branch_is_refused_and_changes_nothing(
    landing: Landing, guarded: Guarded, branch: str, how: str, named: str, publish: str
) -> None:
    before = list(landing.nessie.references())
    ended = _load(landing, guarded, 1, how=how, branch=branch, publish=publish)
    ended_with_one_line(ended)
    assert named in ended.errors[0]
    assert ended.errors[0].endswith("(retryable: no)")
    assert ended.out == b""
    for value in (CANARY, *guarded.sign_in("token").values()):
        assert value not in ended.log
    assert list(landing.nessie.references()) == before


def test_what_the_loader_does_not_need_is_not_allowed(landing: Landing, guarded: Guarded) -> None:
    assert _load(landing, guarded, 1).code == 0
    with pytest.raises(ServerError, match="'DELETE_ENTITY' is not allowed"):
        guarded.catalog("acme", ROLE).drop_table((NAMESPACE, "a"))
    with pytest.raises(ServerError, match="'READ_ENTITY_VALUE' is not allowed"):
        guarded.catalog("main", ROLE).load_namespace_properties(NAMESPACE)
    with guarded.client(ROLE) as loader:
        with pytest.raises(NessieUnauthorized, match="'DELETE_REFERENCE' is not allowed"):
            loader.delete(landing.nessie.reference("acme"))
        for name in ("globex", OF_OTHERS):
            with pytest.raises(NessieUnauthorized, match="'VIEW_REFERENCE' is not allowed"):
                loader.reference(name)
            with pytest.raises(NessieUnauthorized, match="is not allowed"):
                loader.delete(landing.nessie.reference(name))
        assert [reference.name for reference in loader.references()] == ["acme", "main"]
    assert landing.ids("a") == [1]

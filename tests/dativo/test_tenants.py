"""Tenants side by side, and secrets: each run sees its own and nothing else, and nobody is shown any."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dativo_ingest.documents import read
from dativo_ingest.meltano import environment_of
from dativo_ingest.redaction import HIDDEN, Redactor
from dativo_ingest.secrets import load_secrets
from dativo_ingest.variables import JOB_FIELDS, Variables, expanded
from target_dativo_iceberg.contract.reading.document import plain
from tests.dativo import kills
from tests.dativo.project import TAP, Project

pytestmark = pytest.mark.timeout(300)
SPY = """#!/bin/sh
case "$*" in *--discover*) ;; *) env > {out};; esac
exec {tap} "$@"
"""


def spying(project: Project, tenant: str, path: str) -> Path:
    """A job whose tap notes its environment."""
    tap = project.folder / f"spy-{tenant}"
    tap.write_text(SPY.format(out=project.folder / f"env-{tenant}", tap=TAP))
    tap.chmod(0o755)
    files = [{"path": path, "object": "orders", "keys": ["id"]}]
    source = {"files": files, "engine": {"options": {"executable": str(tap)}}}
    settings = {"privacy_key": "${PRIVACY_KEY}"}
    return project.job(tenant=tenant, source=source, target={"settings": settings}, logging={"level": "DEBUG"})


def key(of: str) -> str:
    """A privacy key that is as random as one must look."""
    return hashlib.sha256(of.encode()).hexdigest()


@pytest.mark.usefixtures("warm_commands")
def test_two_tenants_at_once_share_nothing(project: Project) -> None:
    project.csv(1, 2, name="a.csv")
    project.csv(7, name="g.csv")
    for tenant, path, letter in (("acme", "data/a.csv", "a"), ("globex", "data/g.csv", "b")):
        spying(project, tenant, path)
        project.write(f"secrets/{tenant}/keys.env", f"PRIVACY_KEY={key(letter)}\n")
    project.environment["DATIVO_SECRET__GLOBEX__OTHER"] = "only-for-globex"
    project.environment |= {"UNRELATED": "of-the-operator", "RAY_AUTH_TOKEN": "of-the-cluster"}
    words = ["--job-dir", project.folder / "jobs", "--parallel", "2", "--json"]
    ended = project.dativo("run", *words, "--secrets-dir", project.folder / "secrets")
    assert ended.code == 0, ended.err
    assert [(j["tenant"], j["target"]["totals"]["records"]) for j in ended.json["jobs"]] == [("acme", 2), ("globex", 1)]
    assert (project.ids("acme"), project.ids("globex")) == ([1, 2], [7])
    assert list(project.state_of(tenant="acme")) == ["file_data/a.csv", "singer"]
    assert list(project.state_of(tenant="globex")) == ["file_data/g.csv", "singer"]
    for tenant, other in (("acme", "globex"), ("globex", "acme")):
        seen = (project.folder / f"env-{tenant}").read_text()
        assert other not in seen
        assert "PRIVACY_KEY" not in seen  # the target's
        assert "only-for-globex" not in seen
        assert "of-the-operator" not in seen
        assert "of-the-cluster" not in seen
    assert key("a") not in ended.err + ended.out
    assert key("b") not in ended.err + ended.out


def test_the_target_is_told_of_the_cluster_that_loads_are_spread_over() -> None:
    run: Any = SimpleNamespace(folder=SimpleNamespace(project=Path("project")))
    extractor: Any = SimpleNamespace(name="tap-csv", config={})
    cluster = {"RAY_ADDRESS": "10.0.0.5:6379", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "/run/token"}
    found = environment_of(run, extractor, {}, cluster | {"RAY_OTHER": "x"})
    assert {k: v for k, v in found.items() if k.startswith("RAY_")} == cluster


def test_secrets_and_records_are_shown_nowhere(project: Project) -> None:
    secret, value = key("canary"), "canary-of-a-record"
    path = project.csv(1, 2, 3, who=value)
    path.write_text(path.read_text().replace(f"2,{value}", "2,"))
    spying(project, "acme", "data/a.csv")
    project.write("secrets/acme/privacy_key.txt", secret + "\n")
    job = project.folder / "jobs/acme/orders.yaml"
    job.write_text(job.read_text() + "schema_validation_mode: quarantine\n")
    seen: set[str] = set()
    done = threading.Event()
    watching = threading.Thread(target=_watch, args=(seen, done))
    watching.start()
    ended = project.run(job, "--secrets-dir", project.folder / "secrets")
    done.set()
    watching.join()
    assert ended.code == 1, ended.err
    assert any("target_dativo_iceberg" in words for words in seen)
    texts: dict[str, str] = {"stderr": ended.err, "stdout": ended.out, "processes": "\n".join(seen)}
    for file in project.state.rglob("*"):
        if file.is_file():
            texts[str(file)] = file.read_bytes().decode(errors="replace")
    for place, text in texts.items():
        assert secret not in text, place
        assert value not in text, place


def _watch(seen: set[str], done: threading.Event) -> None:
    while not done.wait(0.05):
        seen.update(process.words for process in kills.processes())


@pytest.fixture
def secrets_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "gsheets.json").write_text('{"client_email": "${WHO:-a@b.c}", "private_key": "${PART}-key"}')
    (folder / "iceberg.env").write_text("# keys\nexport A=1\nB='two words'\nC=\"3\"  \nD=x # note\n")
    (folder / "api_key.txt").write_text(" sk_live \n")
    (folder / ".hidden").write_text("x")
    (folder / "broken.json").write_text("{")
    return tmp_path


def test_the_folder_of_secrets_of_the_handoff(secrets_folder: Path) -> None:
    found = load_secrets("acme", {"PART": "secret"}, secrets_folder, "filesystem")
    assert found.values == {
        "gsheets": {"client_email": "a@b.c", "private_key": "secret-key"},
        "iceberg": {"A": "1", "B": "two words", "C": "3", "D": "x"},
        "api_key": "sk_live",
    }
    assert found.warnings == ("secret file 'broken.json' cannot be read (not what its ending says); it is left out",)
    assert found.variables["B"] == "two words"
    assert found.variables["API_KEY"] == "sk_live"
    assert "sk_live" not in repr(found)
    missing = load_secrets("globex", {}, secrets_folder, "filesystem")
    assert (dict(missing.values), missing.warnings) == ({}, ("there is no folder of secrets of tenant 'globex'",))


ENVIRONMENT: dict[str, Any] = {
    "DATIVO_SECRET__GLOBAL__REGION": "eu",
    "DATIVO_SECRET__ALL__API__KEY": "shared",
    "DATIVO_SECRET__ACME__API__KEY": "own",
    "DATIVO_SECRET__ACME__DB__json": '{"user": "u"}',
    "DATIVO_SECRET__ACME__LIST__raw": '["x"] ',
    "DATIVO_SECRET__ACME__VARS": "A=1\nB=2",
    "DATIVO_SECRET__ACME__BAD__json": "{",
    "DATIVO_SECRET__ACME_TWO__X": "other",
}


def test_secrets_of_the_environment() -> None:
    found = load_secrets("acme", ENVIRONMENT, None, "env")
    assert found.values == {
        "region": "eu",
        "api_key": "own",
        "db": {"user": "u"},
        "list": '["x"] ',
        "vars": {"A": "1", "B": "2"},
    }
    assert found.warnings == ("secret in variable DATIVO_SECRET__ACME__BAD__json is not json; it is left out",)
    assert load_secrets("acme-two", ENVIRONMENT, None, None).values["x"] == "other"


@pytest.mark.usefixtures("warm_commands")
def test_a_secret_that_nobody_gives_is_a_failure_before_anything_is_started(project: Project) -> None:
    job = project.job(source_connector_path="connectors/sources/stripe.yaml", source={"objects": ["customers"]})
    ended = project.run(job)
    assert ended.code == 2
    (problem,) = ended.json["jobs"][0]["problems"]
    assert problem.endswith("connector 'stripe' needs a secret (api_key) that is not there: set STRIPE_API_KEY")
    project.environment["DATIVO_SECRET_MANAGER"] = "asw"
    ended = project.run(job)
    assert (ended.code, ended.said("job_error")) == (
        2,
        ["secret manager 'asw' is not known: use env, filesystem, vault, aws, gcp"],
    )


def forms(secret: str) -> Iterator[str]:
    yield secret
    yield json.dumps({"k": secret})
    yield f"http://u:{secret.replace('/', '%2F').replace('+', '%2B')}@h"
    yield f"x{secret}y"


@pytest.mark.parametrize("secret", ["hunter2/+x", 'quo"ta\\d', "line one\nline two"])
def test_known_secrets_are_hidden_in_every_form(secret: str) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    for text in forms(secret):
        shown = redactor.clean(text)
        assert HIDDEN in shown, text
        assert secret.splitlines()[0] not in shown
    assert redactor.clean("/a/path/of/twenty-characters") == "/a/path/of/twenty-characters"


def test_a_secret_that_is_written_into_a_job_is_hidden_too(tmp_path: Path) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(
        "source:\n  credentials: {api_key: sk_live, from_env: NAME}\n  connection: {password: p4ss, host: h}\n"
    )
    document, told = read(job, "job file"), list[str]()
    expanded(plain(document.block), document, Variables({}, {}, told=told.append), JOB_FIELDS)
    assert told == ["sk_live", "p4ss"]

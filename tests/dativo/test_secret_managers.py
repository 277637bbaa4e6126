"""Secret managers that are servers: a tenant's own is read; what is wrong is one message without a value."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dativo_ingest.errors import OrchestratorError
from dativo_ingest.secrets import SIGNED_IN_WITH, Secrets, load_secrets
from dativo_ingest.variables import Variables
from tests.dativo.project import Project
from tests.dativo.secrets_manager import KEY, REGION, SECRET, TOKEN, SecretsManager
from tests.dativo.vault import ROLE, ROOT, SECRET_ID, Vault
from tests.docs.test_snippets import blocks
from tests.google.fixtures import google
from tests.google.server import Google

__all__ = ["google"]
APPROLE = {"method": "approle", "role_id": ROLE, "secret_id": "${THE_ID}"}


@pytest.fixture
def vault() -> Iterator[Vault]:
    server = Vault()
    yield server
    server.stop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SecretsManager]:
    """The server, and an environment that signs in to it and to nothing else."""
    server = SecretsManager()
    for name, value in signed_in(tmp_path).items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


def signed_in(folder: Path) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }


def read(manager: str, config: Any, tenant: str = "acme", told: list[str] | None = None, **environment: str) -> Secrets:
    text = config if isinstance(config, str) else json.dumps(config)
    return load_secrets(tenant, environment, None, manager, text, (told if told is not None else []).append)


def refusal(manager: str, config: Any, **environment: str) -> str:
    with pytest.raises(OrchestratorError) as caught:
        read(manager, config, **environment)
    assert "canary" not in str(caught.value)
    return str(caught.value)


def test_a_tenant_reads_its_own_path_of_vault(vault: Vault, tmp_path: Path) -> None:
    account = {"client_email": "a@b.c", "private_key": "k"}
    vault.second["acme"] = {"api_key": "sk_live", "gsheets": json.dumps(account), "number": 7, "db": "A=1\nB='2'"}
    vault.second["globex"] = {"api_key": "of-globex"}
    found = read("vault", {"address": vault.url}, VAULT_TOKEN=ROOT)
    assert found.values == {"api_key": "sk_live", "gsheets": account, "number": 7, "db": {"A": "1", "B": "2"}}
    assert (found.warnings, found.variables["API_KEY"]) == ((), "sk_live")
    file = tmp_path / "vault.yaml"
    file.write_text(f"address: {vault.url}/\nauth: {{token: '${{TOKEN}}'}}\n")
    assert read("vault", str(file), "globex", TOKEN=ROOT).values == {"api_key": "of-globex"}


def test_paths_below_the_tenants_and_a_sign_in_by_approle(vault: Vault) -> None:
    vault.namespace = "team"
    vault.first |= {"acme/db/main": {"password": "p1", "port": "5432"}, "acme/stripe": {"api_key": "sk"}}
    config = {
        "address": vault.url,
        "mount_point": "kv",
        "kv_version": 1,
        "paths": ["db/main", "stripe", "none"],
        "namespace": "team",
        "auth": APPROLE,
    }
    told: list[str] = []
    found = read("vault", config, told=told, THE_ID=SECRET_ID)
    assert found.values == {"db_main": {"password": "p1", "port": "5432"}, "stripe": {"api_key": "sk"}}
    assert found.warnings == ("vault has no secret at 'acme/none' (mount 'kv', KV 1)",)
    assert told == [ROLE, SECRET_ID, "hvs.of-the-role"]
    with pytest.raises(OrchestratorError, match=r"refuses 'globex/db/main' \(status 403\)"):  # the role is acme's
        read("vault", config, "globex", THE_ID=SECRET_ID)


def test_a_secret_that_was_deleted_or_never_there_is_a_warning(vault: Vault) -> None:
    vault.second["acme/old"] = None
    found = read("vault", {"address": vault.url, "paths": ["old", "new"]}, VAULT_TOKEN=ROOT)
    assert (dict(found.values), len(found.warnings)) == ({}, 2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"auth": {"token": "hvs.other-canary"}}, "refuses 'acme' (status 403): check settings 'auth'"),
        ({"auth": {"method": "approle", "role_id": ROLE, "secret_id": "canary"}}, "refuses the sign-in (status 400)"),
        ({"auth": {"token": "line\nbreak"}}, "its token cannot be used: check setting 'auth.token'"),
        ({"mount_point": "other"}, "has nothing mounted there (status 404): check setting 'mount_point'"),
        ({"kv_version": 1}, "has another KV engine there: check setting 'kv_version'"),
        ({"mount_point": "kv"}, "answers no KV secret at 'acme': check setting 'kv_version'"),
        (
            {"address": "http://127.0.0.1:1"},
            "does not answer (ConnectionError): check settings 'address' and 'ca_cert'",
        ),
        ({"address": "vault.example"}, "does not answer (MissingSchema): check settings 'address' and 'ca_cert'"),
    ],
)
def test_what_vault_refuses(vault: Vault, changes: dict[str, Any], says: str) -> None:
    vault.second["acme"] = {"x": "canary"}
    vault.first["data/acme"] = {"x": "canary"}
    config = {"address": vault.url, "auth": {"token": ROOT}} | changes
    assert says in refusal("vault", config)


def test_vault_is_asked_again_for_what_may_pass_and_never_elsewhere(vault: Vault) -> None:
    vault.second["acme"] = {"x": "y"}
    config = {"address": vault.url, "auth": {"token": ROOT}}
    vault.statuses = [503, 429]
    assert read("vault", config).values == {"x": "y"}
    vault.statuses = [503] * 3
    assert "fails (status 503)" in refusal("vault", config)
    vault.statuses = [307]
    assert "sends elsewhere (status 307)" in refusal("vault", config)
    assert "/v1/elsewhere" not in vault.requests
    assert "has no address: check setting 'address', or set VAULT_ADDR" in refusal("vault", "{}")
    assert "its token is not there" in refusal("vault", "{}", VAULT_ADDR=vault.url)


def gcp(server: Google, folder: Path, **changes: Any) -> dict[str, Any]:
    file = folder / "account.json"
    file.write_text(server.account())
    return {"project_id": "the-project", "credentials_file": str(file), "endpoint": server.url} | changes


def test_a_tenant_reads_its_own_secrets_of_google(
    google: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.secrets = {
        "acme--stripe": [b"sk_old", b"sk_new\n"],
        "acme--db": [b"USER=u\n"],
        "acme--broken": [b"{canary"],
        "acme--all": [b'{"stripe": "of the bundle", "other": "o"}'],
        "globex--stripe": [b"of-globex"],
    }
    secrets = [
        {"name": "stripe"},
        {"name": "old", "id": "{tenant}--stripe", "version": 1, "format": "raw"},
        {"name": "db", "format": "env"},
        {"name": "broken", "format": "json"},
        {"name": "none"},
    ]
    config = gcp(google, tmp_path, secrets=secrets, bundle_secret_id_template="{tenant}--all")
    told: list[str] = []
    found = read("gcp", config, told=told)
    assert found.values == {"stripe": "sk_new", "other": "o", "old": "sk_old", "db": {"USER": "u"}}
    assert found.warnings == (
        "secret 'acme--broken' of gcp is not json; it is left out",
        "gcp has no secret 'acme--none' in version 'latest'",
    )
    assert told == ["token-1"]
    assert read("gcp", config | {"secrets": secrets[:1]}, "globex").values == {"stripe": "of-globex"}
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", config["credentials_file"])
    default = config | {"secrets": secrets[:1], "credentials_file": "", "project_id": ""}
    assert read("gcp", default, GOOGLE_CLOUD_PROJECT="the-project").values["stripe"] == "sk_new"


def test_what_google_refuses(google: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    google.secrets = {"acme--x": [None]}
    config = gcp(google, tmp_path, secrets=[{"name": "x"}])
    assert "refuses 'acme--x' (status 403): check settings 'project_id'" in refusal("gcp", config)
    assert "has no project" in refusal("gcp", config | {"project_id": ""})
    assert "is asked for nothing: check settings 'secrets'" in refusal("gcp", config | {"secrets": []})
    assert "does not answer (ConnectionError): check setting 'endpoint'" in refusal(
        "gcp", config | {"endpoint": "http://127.0.0.1:1"}
    )
    mixed = config | {"bundle_secret_id_template": "a-{tenant}"}
    assert "two tenants could share a place" in refusal("gcp", mixed)
    (tmp_path / "account.json").write_text(google.account(client_email="canary@other"))
    assert "cannot be signed in to (RefreshError): check setting 'credentials_file'" in refusal("gcp", config)
    assert "cannot be signed in to" in refusal("gcp", config | {"credentials_file": str(tmp_path / "none.json")})
    monkeypatch.setitem(sys.modules, "google.auth", None)
    assert refusal("gcp", config).endswith("needs the package google-auth: pip install 'target-dativo-iceberg[google]'")


def of_aws(server: SecretsManager, *secrets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"region_name": REGION, "endpoint_url": server.url, "secrets": list(secrets)} | changes


def test_a_tenant_reads_its_own_secrets_of_aws(
    aws: SecretsManager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    aws.token = TOKEN
    aws.secrets = {
        "acme/stripe": {"AWSCURRENT": "sk_new_canary\n", "AWSPREVIOUS": "sk_old_canary", "v" * 32: "sk_first_canary"},
        "acme/db": b"USER=canary\n",
        "acme/broken": "{canary",
        "acme/old": None,
        "acme/all": '{"stripe": "of the bundle", "other": "canary"}',
        "globex/stripe": "of-globex",
    }
    secrets: list[dict[str, Any]] = [
        {"name": "stripe"},
        {"name": "before", "id": "{tenant}/stripe", "version_stage": "AWSPREVIOUS", "format": "raw"},
        {"name": "first", "id": "{tenant}/stripe", "version_id": "v" * 32},
        {"name": "pending", "id": "{tenant}/stripe", "version_stage": "AWSPENDING"},
        {"name": "db", "format": "env"},
        {"name": "broken", "format": "json"},
        {"name": "old"},
        {"name": "none"},
    ]
    config = of_aws(aws, *secrets, bundle_secret_id_template="{tenant}/all")
    told: list[str] = []
    found = read("aws", config, told=told)
    assert found.values == {
        "stripe": "sk_new_canary",
        "other": "canary",
        "before": "sk_old_canary",
        "first": "sk_first_canary",
        "db": {"USER": "canary"},
    }
    assert found.warnings == (
        "aws has no secret 'acme/stripe' in VersionStage 'AWSPENDING'",
        "secret 'acme/broken' of aws is not json; it is left out",
        "secret 'acme/old' of aws cannot be read in its present state, as one that is to be deleted",
        "aws has no secret 'acme/none'",
    )
    assert told == [KEY, SECRET, TOKEN]
    assert read("aws", of_aws(aws, secrets[0], region_name=""), "globex", AWS_REGION=REGION).values == {
        "stripe": "of-globex"
    }
    # The key's name is no secret, and stands in each request.
    assert not [text for text in caplog.messages if "canary" in text]


def test_what_aws_refuses(aws: SecretsManager, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.secrets = {"acme/x": "canary"}
    config = of_aws(aws, {"name": "x"})
    assert "has no region: set its region, or AWS_REGION" in refusal("aws", config | {"region_name": ""})
    assert "is asked for nothing: check settings 'secrets'" in refusal("aws", of_aws(aws))
    mixed = config | {"bundle_secret_id_template": "a/{tenant}"}
    assert "two tenants could share a place" in refusal("aws", mixed)
    aws.refused = {"acme/x"}
    assert "refuses 'acme/x' (AccessDeniedException): check the policy of the sign-in" in refusal("aws", config)
    aws.token = "another"
    assert "cannot be signed in to (ExpiredTokenException): check the credentials" in refusal("aws", config)
    aws.token = ""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-canary")
    assert "cannot be signed in to (InvalidSignatureException)" in refusal("aws", config)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "cannot be signed in to (PartialCredentialsError)" in refusal("aws", config)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "cannot be signed in to (NoCredentialsError)" in refusal("aws", config)
    monkeypatch.setenv("AWS_PROFILE", "canary")
    assert "cannot be signed in to (ProfileNotFound)" in refusal("aws", config)
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    assert refusal("aws", config).endswith("needs the package botocore: pip install 'target-dativo-iceberg[aws]'")


def test_aws_is_asked_again_for_what_may_pass_and_not_for_ever(
    aws: SecretsManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dativo_ingest.aws.SECONDS", (1.0, 0.2))
    aws.secrets = {"acme/x": "y"}
    config = of_aws(aws, {"name": "x"})
    aws.answers = [(400, "ThrottlingException")]
    assert read("aws", config).values == {"x": "y"}
    aws.answers = [(0, "slow"), (503, "InternalServiceError"), (400, "ThrottlingException")]
    assert "fails (ThrottlingException): check the service" in refusal("aws", config)
    aws.answers = [(0, "slow")] * 3
    assert "does not answer (ReadTimeoutError): check settings 'region_name'" in refusal("aws", config)
    assert (len(aws.asked), aws.answers) == (8, [])
    assert "does not answer (ValueError)" in refusal("aws", config | {"endpoint_url": "canary"})
    aws.answers = [(307, "canary of/the service")]
    assert "refuses 'acme/x' (status 307)" in refusal("aws", config)


@pytest.mark.parametrize(
    ("manager", "config", "says"),
    [
        ("vault", {"addresses": "canary"}, "key 'addresses' is unknown: did you mean 'address'?"),
        ("vault", {"auth": {"rol_id": "canary"}}, "key 'auth.rol_id' is unknown: did you mean 'role_id'?"),
        ("vault", {"path_template": "canary"}, "'path_template' is not right: it must have {tenant} once"),
        ("vault", {"path_template": "{tenant}/../canary"}, "none of which begins with a dot"),
        ("vault", {"path_template": "{tenant}/{name}"}, "it is one place, which has no {name}"),
        ("vault", {"path_template": "{tenant}-canary"}, "write / or -- behind {tenant}"),
        ("vault", {"paths": ["../canary"]}, "'paths[0]' is not right"),
        ("vault", {"address": "${NOWHERE}"}, "variable NOWHERE is not set (at address)"),
        ("vault", {"auth": {"token": "${VAULT_TOKEN}"}}, "not set (at auth.token): set VAULT_TOKEN"),
        ("vault", '{"auth": "canary" "canary"}', "what begins with { is not a JSON object"),
        ("vault", "/no/such/file.yaml", "/no/such/file.yaml: the settings of the secret manager cannot be read"),
        ("gcp", {"secret_id_template": "{tenant}-{name}"}, "write / or -- behind {tenant}"),
        ("gcp", {"secret_id_template": "{name}--{tenant}"}, "{tenant} must stand before {name}"),
        ("gcp", {"secret_id_template": "{tenant}/{name}"}, "names in Secret Manager have no /"),
        ("gcp", {"secret_id_template": "{tenant}"}, "it must have {name}"),
        (
            "gcp",
            {"secrets": [{"name": "a", "id": "globex--canary"}]},
            "'secrets[0].id' is not right: it must have {tenant}",
        ),
        ("aws", {"secret_id_template": "{tenant}-{name}"}, "write / or -- behind {tenant}"),
        ("aws", {"secret_id_template": "{tenant}/all"}, "it must have {name}"),
        ("aws", {"bundle_secret_id_template": "{tenant}/{name}"}, "it is one place, which has no {name}"),
        (
            "aws",
            {"secrets": [{"name": "a", "id": "globex/canary"}]},
            "'secrets[0].id' is not right: it must have {tenant}",
        ),
        ("aws", {"secrets": [{"name": "../canary"}]}, "'secrets[0].name' is not right"),
        ("aws", {"secrets": [{"name": "a", "version": "canary"}]}, "key 'secrets[0].version' is unknown"),
        ("aws", {"region_name": "eu/canary"}, "'region_name' is not right"),
        ("env", {"address": "canary"}, "secret manager 'env' has no settings: leave out --secret-manager-config"),
    ],
)
def test_settings_that_are_wrong_name_their_key(manager: str, config: Any, says: str) -> None:
    assert says in refusal(manager, config)


def test_no_job_can_name_what_managers_are_signed_in_with() -> None:
    environment = {name: "x" for name in ("VAULT_TOKEN", "VAULT_SECRET_ID", "DATIVO_SECRET_MANAGER_CONFIG", "PGUSER")}
    seen = Variables({}, environment, ["*"])
    assert {name for name in environment if seen.find(name)} == {"PGUSER"}


def test_no_job_can_name_the_key_that_aws_is_signed_in_with_unless_it_is_allowed() -> None:
    environment = {"AWS_SECRET_ACCESS_KEY": "of-the-operator", "AWS_REGION": "eu"}
    hidden = SIGNED_IN_WITH["aws"]
    assert Variables({}, environment, hidden=hidden).find("AWS_SECRET_ACCESS_KEY") is None
    assert Variables({}, environment, hidden=hidden).find("AWS_REGION") == "eu"
    assert (
        Variables({}, environment, ["AWS_SECRET_*"], hidden=hidden).find("AWS_SECRET_ACCESS_KEY") == "of-the-operator"
    )
    assert (
        Variables({"AWS_SECRET_ACCESS_KEY": "own"}, environment, hidden=hidden).find("AWS_SECRET_ACCESS_KEY") == "own"
    )


@pytest.mark.timeout(300)
def shown(manager: str, folder: Path, **others: str) -> str:
    """The settings of a manager as docs/orchestrator.md shows them, with others of the page's texts, as a file."""
    (text,) = (block.text for block in blocks("orchestrator.md", "yaml") if block.text.startswith(f"# {manager}"))
    for there, here in others.items():
        assert there in text
        text = text.replace(there, here)
    file = folder / "manager.yaml"
    file.write_text(text)
    return str(file)


def test_the_settings_of_the_page_for_vault(vault: Vault, tmp_path: Path) -> None:
    vault.second["acme"] = {"api_key": "sk_live"}
    config = shown("vault", tmp_path, **{"https://vault.example.com:8200": vault.url})
    assert read("vault", config, VAULT_TOKEN=ROOT).values == {"api_key": "sk_live"}


def test_the_settings_of_the_page_for_aws(aws: SecretsManager, tmp_path: Path) -> None:
    aws.secrets = {
        "acme/stripe_api_key": "sk_live",
        "acme/sheets": {"AWSCURRENT": "{}", "AWSPREVIOUS": '{"a": 1}'},
        "acme/all": '{"other": "o"}',
    }
    config = shown("aws", tmp_path, **{"eu-west-1": REGION, 'endpoint_url: ""': f"endpoint_url: {aws.url}"})
    assert read("aws", config).values == {"stripe_api_key": "sk_live", "gsheets": {"a": 1}, "other": "o"}


def test_the_settings_of_the_page_for_google(google: Google, tmp_path: Path) -> None:
    google.secrets = {
        "acme--stripe_api_key": [b"sk_old", b"sk_live"],
        "acme--sheets": [b"{}", b"{}", b'{"a": 1}', b"{}"],
        "acme--all": [b'{"other": "o"}'],
    }
    own = gcp(google, tmp_path)
    file = f"credentials_file: {own['credentials_file']}\nendpoint: {google.url}"
    config = shown("gcp", tmp_path, **{"my-project": own["project_id"], 'credentials_file: ""': file})
    assert read("gcp", config).values == {"stripe_api_key": "sk_live", "gsheets": {"a": 1}, "other": "o"}


@pytest.mark.usefixtures("warm_commands")
def test_a_run_with_a_key_of_aws(project: Project, aws: SecretsManager, tmp_path: Path) -> None:
    key = hashlib.sha256(b"canary").hexdigest()
    aws.secrets = {"acme/PRIVACY_KEY": key, "globex/PRIVACY_KEY": hashlib.sha256(b"other").hexdigest()}
    project.csv(1, 2)
    settings = {"privacy_key": "${PRIVACY_KEY}"}
    job = project.job(target={"settings": settings}, logging={"level": "DEBUG"})
    project.environment |= signed_in(tmp_path) | {
        "DATIVO_SECRET_MANAGER": "aws",
        "DATIVO_SECRET_MANAGER_CONFIG": json.dumps(of_aws(aws, {"name": "PRIVACY_KEY"})),
    }
    ended = project.run(job)
    assert (ended.code, project.ids()) == (0, [1, 2]), ended.err
    assert [one["SecretId"] for one in aws.asked] == ["acme/PRIVACY_KEY"]
    files = [file.read_bytes().decode(errors="replace") for file in project.state.rglob("*") if file.is_file()]
    for text in (ended.err, ended.out, *files):
        assert not any(secret in text for secret in (key, KEY, SECRET))
    job = project.job(target={"settings": settings | {"s3_secret_access_key": "${AWS_SECRET_ACCESS_KEY}"}})
    ended = project.run(job)
    assert ended.code == 2
    assert "AWS_SECRET_ACCESS_KEY is not set (at target.settings.s3_secret_access_key): put" in ended.err


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("warm_commands")
def test_a_run_with_a_key_of_vault(project: Project, vault: Vault) -> None:
    key = hashlib.sha256(b"canary").hexdigest()
    vault.second["acme"] = {"PRIVACY_KEY": key}
    project.csv(1, 2)
    job = project.job(target={"settings": {"privacy_key": "${PRIVACY_KEY}"}}, logging={"level": "DEBUG"})
    project.environment |= {
        "DATIVO_SECRET_MANAGER": "vault",
        "DATIVO_SECRET_MANAGER_CONFIG": json.dumps({"address": vault.url, "auth": APPROLE}),
        "THE_ID": SECRET_ID,
    }
    ended = project.run(job)
    assert (ended.code, project.ids()) == (0, [1, 2]), ended.err
    files = [file.read_bytes().decode(errors="replace") for file in project.state.rglob("*") if file.is_file()]
    for text in (ended.err, ended.out, *files):
        assert not any(secret in text for secret in (key, SECRET_ID, ROLE, "hvs.of-the-role"))
    project.environment["THE_ID"] = "another-canary"
    ended = project.run(job)
    (message,) = ended.said("job_error")
    assert ended.code == 2
    assert message.startswith("secret manager 'vault' refuses the sign-in (status 400): check settings 'auth.role_id'")
    assert "canary" not in ended.err + ended.out

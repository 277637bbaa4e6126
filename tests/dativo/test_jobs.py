"""What job files may say: shipped ones load, older spellings too, and what is wrong is said with file and line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dativo_ingest.errors import ConfigError
from dativo_ingest.jobs import JobFile, Unusable, from_yaml, load_jobs_from_directory
from dativo_ingest.places import Places
from dativo_ingest.ready import Context, Ready, make_ready
from dativo_ingest.recipes import given, read_recipe, read_registry
from dativo_ingest.secrets import Secrets
from dativo_ingest.variables import Variables
from tests.dativo.project import ROOT, Project

KEY = {"type": "service_account", "client_email": "a@b.c", "private_key": "k", "token_uri": "http://127.0.0.1/t"}
EVERYTHING = {
    "NESSIE_URI": "http://127.0.0.1:1",
    "S3_ENDPOINT": "http://127.0.0.1:2",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "key",
    "AWS_REGION": "us-east-1",
    "STRIPE_API_KEY": "sk",
    "HUBSPOT_API_KEY": "hk",
    "BUDGET_SHEET": "s1",
    "INVOICES_FILE": "f1",
    "MYSQL_PASSWORD": "pw",
    "MINIO_ACCESS_KEY": "id",
    "MINIO_SECRET_KEY": "key",
}


def context(
    root: Path, environment: Mapping[str, str] | None = None, secrets: Mapping[str, Any] | None = None, **changes: Any
) -> Context:
    places = Places(root, root / "state")
    known = Secrets(secrets or {})
    variables = Variables(known.variables, environment or {}, changes.pop("allowed", None))
    return Context(places, read_registry(places), known, variables, **changes)


def ready(project: Project, job: Path, environment: Mapping[str, str] | None = None, **changes: Any) -> Ready:
    return make_ready(from_yaml(job), context(project.folder, environment, **changes))


def problems(project: Project, job: Path, environment: Mapping[str, str] | None = None, **changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as error:
        ready(project, job, environment, **changes)
    return [str(p).replace(f"{project.folder}/", "") for p in error.value.problems]


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_job_is_ready_with_its_recipes_and_asset(path: Path) -> None:
    file = from_yaml(path)
    assert file.notes == ()
    made = make_ready(file, context(ROOT, EVERYTHING, {"gsheets": KEY, "gdrive": KEY}))
    assert made.warnings == ()
    assert made.file.tenant == path.parent.name
    assert made.contracts.contracts[0].name in set(made.extractor.streams.values())


def test_shipped_recipes_are_those_of_the_registry() -> None:
    known = context(ROOT, EVERYTHING)
    types = set()
    for path in sorted((ROOT / "connectors").rglob("*.yaml")):
        found = read_recipe(str(path.relative_to(ROOT)), known.places, known.registry, known.variables)
        assert found.notes == ()
        assert found.recipe.type == path.stem
        assert found.recipe.roles == found.connector.roles
        types.add(found.recipe.type)
    assert types == set(known.registry.connectors)


def test_the_job_of_the_handoff_loads_as_it_stands(project: Project) -> None:
    text = """
tenant_id: acme
source_connector_path: connectors/sources/stripe.yaml
target_connector_path: connectors/targets/iceberg.yaml
asset_path: assets/stripe/v1.0/customers.yaml

source:
  objects: [customers]
  incremental:
    strategy: created
    cursor_field: created
    lookback_days: 1

target:
  branch: acme
  warehouse: s3://lake/acme/
  connection:
    nessie:
      uri: "${NESSIE_URI}"
    s3:
      endpoint: "${S3_ENDPOINT}"
      bucket: acme-bucket
      access_key_id: "${AWS_ACCESS_KEY_ID}"
      secret_access_key: "${AWS_SECRET_ACCESS_KEY}"
      region: "${AWS_REGION}"
"""
    job = project.write("jobs/acme/stripe_customers_hourly.yaml", text)
    (project.folder / "assets" / "stripe").symlink_to(ROOT / "assets" / "stripe")
    made = ready(project, job, EVERYTHING)
    assert made.source.incremental is not None
    assert (made.source.incremental.strategy, made.source.incremental.lookback_days) == ("created", 1)
    assert made.settings == {
        "tenant_id": "acme",
        "contract_path": str(ROOT / "assets/stripe/v1.0/customers.yaml"),
        "require_contract": True,
        "on_violation": "strict",
        "partition_by": ["ingest_date"],
        "compression": "zstd",
        "s3_endpoint": "http://127.0.0.1:2",
        "s3_region": "us-east-1",
        "s3_access_key_id": "id",
        "s3_secret_access_key": "key",
        "nessie_uri": "http://127.0.0.1:1",
        "nessie_warehouse": "s3://lake/acme/",
        "branch": "acme",
    }
    assert made.warnings == ("connection.s3.bucket is not the warehouse's bucket ('lake'), which decides",)
    assert dict(made.extractor.config)["client_secret"] == "sk"


OLD = {
    "files": ({"source": {"files": [{"file": "data/a.csv"}]}}, ["source", "files", 0, "path"], "data/a.csv"),
    "file_path": ({"source": {"files": [{"file_path": "x"}]}}, ["source", "files", 0, "path"], "x"),
    "file_id": ({"source": {"files": [{"file_id": "x"}]}}, ["source", "files", 0, "id"], "x"),
    "spreadsheets": ({"source": {"spreadsheets": [{"spreadsheet_id": "x"}]}}, ["source", "sheets", 0, "id"], "x"),
    "sheets": ({"source": {"sheets": [{"spreadsheet_id": "x"}]}}, ["source", "sheets", 0, "id"], "x"),
    "one": ({"source": {"spreadsheet_id": "x", "range": "A1:B2"}}, ["source", "sheets", 0, "range"], "A1:B2"),
    "cursor": (
        {"source": {"incremental": {"cursor_field_default": "c"}}},
        ["source", "incremental", "cursor_field"],
        "c",
    ),
    "lookback": (
        {"source": {"incremental": {"lookback_days_default": 2}}},
        ["source", "incremental", "lookback_days"],
        2,
    ),
    "attempts": ({"retry_config": {"max_attempts": 4}}, ["retry_config", "max_retries"], 3),
    "delay": ({"retry_config": {"retry_delay_seconds": 9}}, ["retry_config", "initial_delay_seconds"], 9),
    "errors": ({"retry_config": {"retryable_errors": ["x"]}}, ["retry_config", "retryable_error_patterns"], ["x"]),
    "flat": ({"target": {"connection": {"bucket": "b"}}}, ["target", "connection", "s3", "bucket"], "b"),
    "minio": ({"target": {"connection": {"minio": {"bucket": "b"}}}}, ["target", "connection", "s3", "bucket"], "b"),
    "range": ({"target": {"range": "A1", "branch": "b"}}, ["target", "branch"], "b"),
}


@pytest.mark.parametrize("name", OLD)
def test_older_spellings_load_with_a_note_that_names_file_and_line(project: Project, name: str) -> None:
    changes, way, value = OLD[name]
    file = from_yaml(project.job(**changes))
    found: Any = given(file.job)
    for step in way:
        found = found[step]
    assert found == value
    assert file.notes
    assert str(file.notes[0]).startswith(f"{project.folder}/jobs/acme/orders.yaml:")


@pytest.mark.parametrize("value", [None, {}])
def test_incremental_of_nothing_is_off(project: Project, value: Any) -> None:
    job = project.job(source={"files": [{"path": "data", "object": "orders"}], "incremental": value})
    assert ready(project, job).source.incremental is None


def test_nessie_may_be_a_text_and_end_in_any_of_its_apis(project: Project) -> None:
    job = project.job(target={"connection": {"nessie": "http://n:1/api/v1"}})
    assert ready(project, job).settings["nessie_uri"] == "http://n:1"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tenantid": 1}, "jobs/acme/orders.yaml:13: key 'tenantid' is unknown: did you mean 'tenant_id'?"),
        (
            {"source": {"incremental": {"strategi": "created"}}},
            "jobs/acme/orders.yaml:7: key 'source.incremental.strategi' is unknown: did you mean 'strategy'?",
        ),
        (
            {"source": {"incremental": {"strategy": "weekly"}}},
            "jobs/acme/orders.yaml:7: 'source.incremental.strategy' is not right: input should be 'updated_after', "
            "'updated_at', 'created', 'file_modified_time', 'spreadsheet_modified_time' or 'cdc'",
        ),
        ({"asset_path": None}, "jobs/acme/orders.yaml:1: key 'asset_path' is missing: add it"),
        (
            {"tenant_id": "a/b"},
            "jobs/acme/orders.yaml:1: the tenant's name is not allowed: use 1 to 63 of a-z, 0-9, and single _ or - "
            "between them",
        ),
        (
            {"timeout_seconds": "10"},
            "jobs/acme/orders.yaml:13: 'timeout_seconds' is not right: input should be a valid integer",
        ),
    ],
)
def test_what_is_wrong_in_a_job_file(project: Project, changes: dict[str, Any], problem: str) -> None:
    job = project.job(**changes)
    with pytest.raises(ConfigError) as error:
        from_yaml(job)
    assert str(error.value).replace(f"{project.folder}/", "") == problem


def test_a_job_file_that_is_no_yaml_and_one_that_is_not_there(project: Project) -> None:
    with pytest.raises(ConfigError, match=r"x\.yaml:3: not YAML: .*: mend the job"):
        from_yaml(project.write("x.yaml", "a: 1\nb: [\n"))
    with pytest.raises(ConfigError, match=r"none\.yaml: the job cannot be read \(No such file or directory\)"):
        from_yaml(project.folder / "none.yaml")


@pytest.mark.parametrize("name", ["../up", "Acme", "a__b", "-a", "a.b", "ä", "x" * 64, ""])
def test_names_that_would_be_odd_paths_are_refused(project: Project, name: str) -> None:
    (project.folder / "ok.yaml").write_text(project.job().read_text())
    with pytest.raises(ConfigError):
        from_yaml(project.job(tenant_id=name))
    with pytest.raises(ConfigError):
        from_yaml(project.write("j.yaml", (project.folder / "ok.yaml").read_text() + f"name: '{name}'\n"))


def test_a_folder_says_which_jobs_are_unusable_and_keeps_the_others(project: Project) -> None:
    project.job("a")
    project.job("b", tenant_id=1)
    project.write("jobs/elsewhere/a.yaml", (project.folder / "jobs/acme/a.yaml").read_text())
    project.job("c", tenant="a-b")
    project.job("d", tenant="a_b")
    found = load_jobs_from_directory(project.folder / "jobs")
    good = [one.id for one in found if isinstance(one, JobFile)]
    bad = [str(one.error).replace(f"{project.folder}/", "") for one in found if isinstance(one, Unusable)]
    assert good == ["a-b.c", "acme.a"]
    assert bad == [
        "jobs/a_b/d.yaml:1: tenants 'a-b' and 'a_b' would share the variables of their secrets: rename one",
        "jobs/acme/b.yaml:1: 'tenant_id' is not right: input should be a valid string",
        "jobs/elsewhere/a.yaml:1: job 'a' of the tenant is in jobs/acme/a.yaml too: rename one",
    ]


def test_variables_are_replaced_once_and_only_where_they_may_stand(project: Project) -> None:
    files = [{"path": "${DIR}/${DAY:-today}.csv", "object": "orders"}]
    job = project.job(source={"files": files}, environment="${DIR}")
    made = ready(project, job, {"DIR": "${OTHER}", "DAY": "", "OTHER": "x"})
    assert made.source.files[0]["path"] == "${OTHER}/today.csv"
    assert made.job.environment == "${DIR}"
    assert problems(project, job) == [
        "jobs/acme/orders.yaml:7: variable DIR is not set (at source.files[0].path): set DIR, or write ${DIR:-default}"
    ]


def test_paths_take_the_older_form_of_variables(project: Project) -> None:
    job = project.job(asset_path="$WHERE/orders.yaml")
    assert ready(project, job, {"WHERE": "assets"}).contracts.contracts[0].name == "orders"
    assert problems(project, job)[0].startswith("jobs/acme/orders.yaml:4: variable WHERE is not set")


def test_other_tenants_secrets_cannot_be_named(project: Project) -> None:
    job = project.job(target={"warehouse": "${DATIVO_SECRET__OTHER__X}"})
    (problem,) = problems(project, job, {"DATIVO_SECRET__OTHER__X": "hunter2"})
    assert "put DATIVO_SECRET__OTHER__X into the tenant's secrets" in problem
    assert "hunter2" not in problem


def test_cloud_mode_sees_the_allowed_part_of_the_environment_and_refuses_databases(project: Project) -> None:
    job = project.job(target={"warehouse": "${PLACE}/acme"})
    assert "PLACE" in problems(project, job, {"PLACE": "/x"}, allowed=[], mode="cloud")[0]
    assert ready(project, job, {"PLACE": "/x"}, allowed=["PL*"], mode="cloud").settings["warehouse"] == "/x/acme"
    job = project.job(source_connector_path="connectors/sources/postgres.yaml")
    message = "jobs/acme/orders.yaml:2: connector 'postgres' is not allowed in cloud mode: run it self-hosted"
    assert problems(project, job, mode="cloud") == [message]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"source_connector_path": "nowhere.yaml"}, "nowhere.yaml: the connector recipe cannot be read (No such file"),
        ({"asset_path": "nowhere.yaml"}, "jobs/acme/orders.yaml:4: there is no asset at 'nowhere.yaml'"),
        (
            {"source_connector_path": "connectors/targets/iceberg.yaml"},
            "jobs/acme/orders.yaml:2: recipe 'iceberg' is no source: its roles: target",
        ),
        (
            {"source": {"engine": {"type": "spark"}, "files": [{"path": "x"}]}},
            "jobs/acme/orders.yaml:7: engine 'spark' is not run here: use engine native",
        ),
        (
            {"source": {"engine": {"type": "airbyte"}, "files": [{"path": "x"}]}},
            "jobs/acme/orders.yaml:7: connector 'csv' has no engine 'airbyte': use one of native, singer, meltano",
        ),
        (
            {"source": {"incremental": {"strategy": "created"}, "files": [{"path": "x"}]}},
            "jobs/acme/orders.yaml:7: connector 'csv' has no strategy 'created': use one of file_modified_time",
        ),
        ({"source": {}}, "jobs/acme/orders.yaml:5: a csv source needs files (at source.files): list at least one"),
        ({"source": {"custom_reader": "x.py:R"}}, "jobs/acme/orders.yaml:6: custom readers are not run"),
        ({"target": {"custom_writer": "x.py:R"}}, "custom writers are not run"),
        ({"target": {"file_format": "delta"}}, "file_format 'delta' is not written: use parquet or iceberg"),
        ({"target": {"branch": "b"}}, "a branch needs Nessie"),
        ({"target": {"catalog": "nessie"}}, "catalog 'nessie' has no server: set connection.nessie.uri"),
        ({"target": {"settings": {"epoch_mx_mb": 1}}}, "did you mean 'epoch_max_mb'?"),
        ({"target": {"settings": {"job_id": "x"}}}, "setting 'job_id' is set for each run: leave it out"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is_started(
    project: Project, changes: dict[str, Any], problem: str
) -> None:
    assert problem in problems(project, project.job(**changes))[0]


def test_an_asset_that_cannot_be_enforced_is_named_by_its_own_line(project: Project) -> None:
    project.asset(schema=[{"name": "id", "type": "rope"}])
    assert problems(project, project.job())[0].startswith("assets/orders.yaml:11: type 'rope' is not known")


def test_tenants_keep_to_their_own_warehouse(project: Project) -> None:
    settings = ready(project, project.job()).settings
    assert settings["warehouse"] == str(project.folder / "warehouse" / "acme")
    job = project.job(target={"warehouse": "lake/acme/raw"})
    assert ready(project, job).settings["warehouse"] == str(project.folder / "lake/acme/raw")
    job = project.job(target={"warehouse": "s3://lake/shared", "catalog": {"type": "rest", "uri": "http://c"}})
    assert ready(project, job).settings["warehouse"] == "s3://lake/shared/acme"


def test_a_bucket_without_a_catalog_gets_one_of_the_tenants_own(project: Project) -> None:
    job = project.job(target_connector_path="connectors/targets/minio.yaml")
    made = ready(project, job, EVERYTHING)
    assert made.settings["warehouse"] == "s3://lake/acme"
    catalog = {"type": "sql", "uri": f"sqlite:///{project.folder}/state/acme/catalog.db?timeout=60"}
    assert made.settings["catalog"] == catalog
    assert made.settings["s3_endpoint"] == "http://localhost:9000"
    assert made.warnings[0].startswith("no catalog is named")


def test_streams_are_held_to_the_objects_that_the_job_names(project: Project) -> None:
    source = {
        "connection": {"host": "h", "database": "d", "user": "u"},
        "tables": [{"name": "public.purchases", "object": "orders", "cursor_field": "at"}],
    }
    job = project.job(source_connector_path="connectors/sources/postgres.yaml", source=source)
    made = ready(project, job)
    assert made.settings["contract_map"] == {"public-purchases": "orders"}
    assert made.settings["require_contract"] is True


def test_an_asset_sees_of_the_environment_what_the_target_will_see(project: Project) -> None:
    project.asset(description={"purpose": "${OPERATORS_KEY}"})
    assert "variable OPERATORS_KEY is not set" in problems(project, project.job(), {"OPERATORS_KEY": "k"})[0]

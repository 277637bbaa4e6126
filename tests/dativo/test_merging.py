"""What a job, its recipes, the registry and its asset become together: source, tap and settings of the target."""

from __future__ import annotations

from typing import Any

import pytest

from tap_adapters.source import Incremental
from tests.dativo.project import ASSET, Project
from tests.dativo.test_jobs import EVERYTHING, KEY, problems, ready

FILES = {"files": [{"path": "data", "object": "orders"}]}


def _source(kind: str, incremental: dict[str, Any]) -> dict[str, Any]:
    """A job's source of each kind, as short as it may be."""
    entry = {
        "csv": FILES,
        "gdrive_csv": {"files": [{"id": "f1", "object": "orders"}]},
        "google_sheets": {"sheets": [{"id": "s1", "object": "orders"}]},
        "hubspot": {"objects": ["contacts"]},
        "mysql": {"tables": [{"name": "shop.orders"}], "connection": {"database": "shop"}},
        "postgres": {"tables": [{"name": "public.orders"}]},
        "stripe": {"objects": ["customers"]},
    }[kind]
    return {
        "source_connector_path": f"connectors/sources/{kind}.yaml",
        "source": entry | {"incremental": incremental},
    }


@pytest.mark.parametrize(
    ("kind", "asked", "becomes", "method", "key"),
    [
        ("stripe", {"strategy": "created"}, Incremental("created", "created"), "INCREMENTAL", "created"),
        ("postgres", {"strategy": "updated_at"}, Incremental("updated_at", "updated_at"), "INCREMENTAL", "updated_at"),
        ("hubspot", {"strategy": "updated_after"}, Incremental("updated_after"), "INCREMENTAL", "lastmodifieddate"),
        ("csv", {"strategy": "file_modified_time"}, Incremental("file_modified_time"), "INCREMENTAL", None),
        ("gdrive_csv", {"strategy": "file_modified_time"}, Incremental("file_modified_time"), "INCREMENTAL", None),
        (
            "google_sheets",
            {"strategy": "spreadsheet_modified_time"},
            Incremental("spreadsheet_modified_time"),
            "INCREMENTAL",
            None,
        ),
        ("mysql", {"strategy": "cdc"}, Incremental("cdc", "updated_at"), "LOG_BASED", None),
        ("postgres", {"strategy": "full_refresh"}, None, "FULL_TABLE", None),
        ("postgres", {"strategy": "incremental"}, Incremental("updated_at", "updated_at"), "INCREMENTAL", "updated_at"),
        # what a job does not say is the recipe's, then the registry's
        ("postgres", {"lookback_days": 1}, Incremental("updated_at", "updated_at", 1), "INCREMENTAL", "updated_at"),
        (
            "stripe",
            {"lookback_days": 2, "cursor_field": None},
            Incremental("created", "created", 2),
            "INCREMENTAL",
            "created",
        ),
        ("mysql", {"cursor_field": "seen"}, Incremental("updated_at", "seen"), "INCREMENTAL", "seen"),
    ],
)
def test_strategies_become_replication(
    project: Project, kind: str, asked: dict[str, Any], becomes: Incremental | None, method: str, key: str | None
) -> None:
    job = project.job(**_source(kind, asked))
    made = ready(project, job, EVERYTHING, secrets={"gsheets": KEY, "gdrive": KEY})
    assert made.source.incremental == becomes
    (metadata,) = made.extractor.metadata.values()
    assert (metadata["replication-method"], metadata.get("replication-key")) == (method, key)
    assert ("state" in made.extractor.capabilities) == (becomes is not None)


def test_the_columns_of_the_contract_are_what_the_tap_reads(project: Project) -> None:
    made = ready(project, project.job())
    assert set(made.extractor.select) == {"orders.id", "orders.who", "orders.at"}
    project.asset(schema=ASSET["schema"][:2])
    assert set(ready(project, project.job()).extractor.select) == {"orders.id", "orders.who"}


def test_a_job_goes_over_its_recipe_one_level_deep(project: Project) -> None:
    own = {
        "name": "minio",
        "type": "minio",
        "roles": ["target"],
        "default_engine": {"type": "native", "options": {"native": {"compression": "zstd"}}},
        "connection_template": {"s3": {"endpoint": "http://recipe:1", "bucket": "recipe", "region": "r"}},
        "partitioning_default": ["ingest_date"],
    }
    project.write("connectors/own.yaml", own)
    plain = ready(project, project.job(target_connector_path="connectors/own.yaml")).settings
    assert (plain["s3_endpoint"], plain["warehouse"]) == ("http://recipe:1", "s3://recipe/acme")
    assert (plain["partition_by"], plain["compression"]) == (["ingest_date"], "zstd")
    target = {
        "connection": {"s3": {"endpoint": "http://job:1", "bucket": "job"}},
        "partitioning": ["who"],
        "parquet_target_size_mb": 150,
        "engine": {"options": {"native": {"compression": "snappy"}}},
    }
    job = project.job(target_connector_path="connectors/own.yaml", target=target)
    made = ready(project, job).settings
    assert (made["s3_endpoint"], made["warehouse"]) == ("http://job:1", "s3://job/acme")
    assert "s3_region" not in made
    assert (made["partition_by"], made["compression"], made["target_file_size_mb"]) == (["who"], "snappy", 150)


@pytest.mark.parametrize("form", ["csv", "json", "delta", "orc"])
def test_file_formats_that_are_not_written_are_refused(project: Project, form: str) -> None:
    (problem,) = problems(project, project.job(target={"file_format": form}))
    assert problem.endswith(
        f"file_format '{form}' is not written: use parquet or iceberg: both mean Iceberg tables of Parquet files"
    )


@pytest.mark.parametrize("form", ["parquet", "iceberg"])
def test_file_formats_that_mean_iceberg_tables(project: Project, form: str) -> None:
    assert ready(project, project.job(target={"file_format": form})).target.file_format == form


@pytest.mark.parametrize(("kind", "engine"), [("postgres", "jdbc"), ("csv", "spark")])
def test_engines_that_are_not_run_here_are_refused_with_a_hint(project: Project, kind: str, engine: str) -> None:
    source = _source(kind, {})
    source["source"] |= {"engine": {"type": engine}}
    (problem,) = problems(project, project.job(**source), EVERYTHING)
    assert f"engine '{engine}' is not run here: use engine native" in problem


@pytest.mark.parametrize("engine", ["native", "singer", "meltano"])
def test_engines_with_a_tap_of_ours_run_the_same_tap(project: Project, engine: str) -> None:
    assert ready(project, project.job(source=FILES | {"engine": {"type": engine}})).extractor.name == "tap-csv"


def test_the_airbyte_engine_is_the_bridge(project: Project) -> None:
    source = _source("stripe", {"strategy": "created"})
    source["source"] |= {"engine": {"type": "airbyte"}}
    made = ready(project, project.job(**source), EVERYTHING).extractor
    assert made.name == "tap-airbyte"
    assert made.companion is not None
    assert made.companion.package.startswith("airbyte-source-stripe==")


def test_tags_of_a_job_are_properties_of_its_tables(project: Project) -> None:
    tags = {
        "classification_overrides": {"default": "PII", "who": "Secret"},
        "finops": {"cost_center": "CC-1", "business_tags": ["a", "b"]},
        "governance_overrides": {"owner": "", "retention_days": 0},
    }
    assert ready(project, project.job(**tags)).settings["table_properties"] == {
        "classification.default": "pii",
        "classification.fields.who": "secret",
        "finops.cost_center": "CC-1",
        "finops.business_tags": "a,b",
        "governance.retention_days": "0",
    }


def test_nothing_is_loaded_without_a_contract_and_strict_is_the_default(project: Project) -> None:
    settings = ready(project, project.job()).settings
    assert (settings["require_contract"], settings["on_violation"]) == (True, "strict")
    assert settings["contract_path"] == str(project.folder / "assets" / "orders.yaml")


def test_the_flat_and_the_wrapped_form_of_an_asset_are_the_same(project: Project) -> None:
    flat = ready(project, project.job()).contracts.contracts[0]
    inner = {key: ASSET[key] for key in ("name", "source_type", "object", "version", "schema", "domain")}
    project.write("assets/orders.yaml", {"asset": inner | {"governance": {"owner": "data@example.com"}}})
    wrapped = ready(project, project.job()).contracts.contracts[0]
    assert wrapped.fields == flat.fields
    assert wrapped.name == flat.name


@pytest.mark.parametrize(
    ("credentials", "key"),
    [
        ({}, "sk"),
        ({"api_key": "own"}, "own"),
        ({"type": "api_key", "from_env": "OTHER_KEY"}, "other"),
        ({"file_template": "/secrets/{tenant}/stripe_key.txt"}, "of-the-tenant"),
    ],
)
def test_a_job_may_say_where_its_secret_is_or_give_it(project: Project, credentials: dict[str, str], key: str) -> None:
    job = project.job(**_with(_source("stripe", {}), credentials=credentials))
    environment = EVERYTHING | {"OTHER_KEY": "other"}
    made = ready(project, job, environment, secrets={"stripe_key": "of-the-tenant"})
    assert made.extractor.config["client_secret"] == key


def test_a_secret_that_the_job_names_and_nobody_gives_is_not_replaced_by_the_recipes(project: Project) -> None:
    needs = "connector 'stripe' needs a secret (api_key) that is not there"
    for credentials, hint in (
        ({"from_env": "OTHER_KEY"}, "set OTHER_KEY"),
        ({"file_template": "/secrets/{tenant}/none.txt"}, "put none.txt into the tenant's folder of secrets"),
    ):
        job = project.job(**_with(_source("stripe", {}), credentials=credentials))
        (problem,) = problems(project, job, EVERYTHING)
        assert problem.endswith(f"{needs}: {hint}")
    job = project.job(**_with(_source("stripe", {}), credentials={"from_env": "OTHER_KEY", "fil_template": "x"}))
    (problem,) = problems(project, job, EVERYTHING)
    assert problem.endswith("'source.credentials.fil_template' is not right: did you mean 'file_template'?")


def _with(job: dict[str, Any], **more: Any) -> dict[str, Any]:
    return job | {"source": job["source"] | more}

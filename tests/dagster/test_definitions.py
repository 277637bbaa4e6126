"""What Dagster is told of a folder of jobs before any is run."""

from __future__ import annotations

import json
from collections import Counter

import dagster as dg
import pytest

from dativo_ingest.dagster.location import VARIABLE, Location, from_environment
from dativo_ingest.errors import ConfigError
from tests.dagster.conftest import JOBS, TENANTS, Defs
from tests.dativo.project import Project


def test_twelve_jobs_of_three_tenants(twelve: Project, defs: Defs) -> None:
    made = defs()
    specs = {spec.key.to_user_string(): spec for spec in made.resolve_all_asset_specs()}
    tables = [("invoices", "invoices"), *((job, "orders") for job in JOBS[1:])]
    assert specs.keys() == {f"{tenant}/{job}/{table}" for tenant in TENANTS for job, table in tables}
    assert Counter(spec.group_name for spec in specs.values()) == {"acme": 4, "globex__eu": 4, "initech": 4}
    jobs = {job.name: job for job in made.resolve_all_job_defs() if not job.name.startswith("__")}
    assert jobs.keys() == {f"{t}___{j}" for t in ("acme", "globex__eu", "initech") for j in _NAMES}
    for name, job in jobs.items():
        (node,) = job.nodes
        assert node.definition.pool == f"tenant_{name.partition('___')[0]}"
    assert jobs["globex__eu___orders__old"].tags == {"dativo/tenant": "globex-eu", "dativo/job": "orders__old"}


_NAMES = [job.replace("-", "__") for job in JOBS]


def test_an_asset_says_what_its_contract_does(twelve: Project, defs: Defs) -> None:
    made = defs()
    key = dg.AssetKey(["acme", "invoices", "invoices"])
    (spec,) = [one for one in made.resolve_all_asset_specs() if one.key == key]
    assert spec.description == "Invoices that were sent"
    assert spec.metadata["dativo/contract"].value == "invoices 2.1.0"
    assert spec.metadata["dativo/config"].value == str(twelve.folder / "jobs/acme/invoices.yaml")
    columns = spec.metadata["dagster/column_schema"].value.columns
    assert [(c.name, c.type, c.constraints.nullable, c.description) for c in columns] == [
        ("id", "integer", False, "its number"),
        ("amount", "double", True, None),
    ]
    checks = {check.name for check in made.resolve_asset_graph().asset_check_keys if check.asset_key == key}
    assert checks == {"contract", "adds_up", "quality_some__rows"}


def test_a_file_that_is_no_job_costs_the_others_nothing_and_is_seen(twelve: Project, defs: Defs) -> None:
    twelve.write("jobs/initech/new.yaml", {"tenant_id": "initech"})
    twelve.job("lost", "acme", asset_path="assets/none.yaml")
    made = defs()
    bad = {spec.key.to_user_string(): spec for spec in made.resolve_all_asset_specs() if spec.group_name == "unusable"}
    assert bad.keys() == {"unusable/jobs/initech/new", "unusable/jobs/acme/lost"}
    assert "no contract at" in str(bad["unusable/jobs/acme/lost"].description)
    assert len(list(made.resolve_all_asset_specs())) == 14
    (name,) = [job.name for job in made.resolve_all_job_defs() if "initech___new" in job.name]
    with dg.DagsterInstance.ephemeral() as instance:
        ended = made.resolve_job_def(name).execute_in_process(instance=instance, raise_on_error=False)
    (failure,) = [e.step_failure_data for e in ended.all_events if e.is_step_failure]
    said = failure.user_failure_data.description
    assert f"{twelve.folder}/jobs/initech/new.yaml:1: key 'source_connector_path' is missing" in said
    assert said.endswith("mend the file, then reload the code location")


def test_a_runner_file_alone_gives_the_jobs_that_it_names(twelve: Project, defs: Defs) -> None:
    named = [{"name": "a", "config": "jobs/acme/orders.yaml", "cron": "@daily"}] * 2
    named[1] = named[1] | {"name": "b", "config": "jobs/acme/gone.yaml"}
    made = defs({"runner": {"orchestrator": {"schedules": named}}}, jobs=None)
    keys = {spec.key.to_user_string() for spec in made.resolve_all_asset_specs()}
    assert keys == {"acme/orders/orders", "unusable/jobs/acme/gone"}


def test_the_contracts_that_a_job_reads_are_its_tables(project: Project, defs: Defs) -> None:
    project.write("all/invoices.yaml", json.dumps({"name": "invoices", **_FLAT}))
    project.write("all/orders.yaml", json.dumps({"name": "orders", **_FLAT}))
    project.job("one", asset_path="${FOLDER:-all}")
    project.job("both", asset_path="all", source={"files": [{"path": "data"}]})
    keys = sorted(spec.key.to_user_string() for spec in defs().resolve_all_asset_specs())
    assert keys == ["acme/both/invoices", "acme/both/orders", "acme/one/orders"]


_FLAT = {"version": "1.0", "schema": [{"name": "id", "type": "integer"}], "team": {"owner": "a@example.com"}}


def test_a_location_in_a_variable() -> None:
    given = Location("jobs", root="/srv", max_retries=5)
    assert from_environment(given.to_environment()) == given
    assert from_environment({VARIABLE: '{"runner_config": "r.yaml"}'}) == Location(runner_config="r.yaml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it holds no JSON object: set it to"),
        ("[]", "it holds no JSON object"),
        ('{"job": ""}', "'job' is unknown: known are jobs"),
    ],
)
def test_a_variable_that_says_no_location(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        from_environment({VARIABLE: text})


def test_no_jobs_at_all_are_an_error(defs: Defs) -> None:
    with pytest.raises(ConfigError, match="neither jobs_folder nor runner_config is given"):
        defs(jobs=None)
    with pytest.raises(ConfigError, match="there is no such folder"):
        defs()

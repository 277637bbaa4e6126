"""What docs/dagster.md shows is run, or, where the program is not at hand, checked for its form."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from dativo_ingest.dagster.location import Location, from_environment
from tests.dagster.conftest import Defs
from tests.dagster.started import Span
from tests.dativo.project import ROOT, Project

pytestmark = pytest.mark.timeout(300)


def blocks(page: str, role: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text()
    found: list[str] = re.findall(rf"```{role}\n(.*?)```", text, re.DOTALL)
    assert found
    return found


@pytest.fixture
def shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with the jobs that the pages name."""
    project.job("orders", "acme", schema_validation_mode="quarantine")
    project.job("orders", "globex")
    (runner,) = blocks("dagster.md", "yaml runner")
    project.write("runner.yaml", runner)
    monkeypatch.chdir(project.folder)
    return project


def test_the_runner_file(shown: Project, defs: Defs) -> None:
    made = defs((shown.folder / "runner.yaml").read_text(), jobs=None)
    schedule, sensor = made.resolve_schedule_def("acme_orders"), made.resolve_sensor_def("globex_orders")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 2 * * 1-5", "Europe/Berlin")
    assert (sensor.minimum_interval_seconds, sensor.default_status) == (5400, dg.DefaultSensorStatus.STOPPED)


def test_the_settings_of_an_instance_are_ones_that_dagster_knows(tmp_path: Path) -> None:
    for text in blocks("dagster.md", "yaml instance"):
        (tmp_path / "dagster.yaml").write_text(text)
        assert dagster_instance_config(str(tmp_path))[0].keys() == yaml.safe_load(text).keys()
    (tmp_path / "dagster.yaml").write_text(text.replace("run_launcher", "run_lancher"))
    with pytest.raises(dg.DagsterInvalidConfigError):
        dagster_instance_config(str(tmp_path))


def test_jobs_of_a_tenant_that_are_materialised_together_take_turns(project: Project) -> None:
    """The page's block alone is the instance. The run has two processes for its steps: others are at work at once."""
    for tenant, job in (("acme", "orders"), ("acme", "invoices"), ("globex", "orders")):
        project.job(job, tenant)
    (text, _) = blocks("dagster.md", "yaml instance")
    project.write("dagster.yaml", text)
    project.write("config.yaml", {"execution": {"config": {"multiprocess": {"max_concurrent": 2}}}})
    location = Location("jobs", None, root=str(project.folder), state_dir="state")
    words = ["job", "execute", "-m", "tests.dagster.together", "-j", "__ASSET_JOB", "-c", "config.yaml"]
    environment = os.environ | {"DAGSTER_HOME": str(project.folder)} | location.to_environment()
    done = subprocess.run(
        [Path(sys.executable).with_name("dagster"), *words],
        cwd=project.folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-6000:]
    first, second, other = (_span(project, name) for name in ("acme___orders", "acme___invoices", "globex___orders"))
    assert not first.overlaps(second)
    assert first.overlaps(other) or second.overlaps(other)


def _span(project: Project, name: str) -> Span:
    return Span(*(float((project.folder / f"{name}.{which}").read_text()) for which in ("began", "ended")))


def test_definitions_in_python(shown: Project) -> None:
    (code,) = blocks("dagster.md", "python definitions")
    made = runpy.run_path(str(shown.write("definitions.py", code)))["defs"]
    keys = {spec.key.to_user_string() for spec in made.resolve_all_asset_specs()}
    assert keys == {"acme/orders/orders", "globex/orders/orders"}


def test_the_component_and_the_variable_have_the_attributes_of_the_table() -> None:
    known = {one.name for one in fields(Location)}
    (text,) = blocks("dagster.md", "yaml component")
    component = yaml.safe_load(text)
    module, _, name = component["type"].rpartition(".")
    assert component["attributes"].keys() <= getattr(import_module(module), name).model_fields.keys() == known
    (command,) = blocks("dagster.md", "sh location")
    _, _, value = shlex.split(command.splitlines()[0])[-1].partition("=")
    (values,) = blocks("dagster.md", "yaml values")
    (deployment,) = yaml.safe_load(values)["dagster-user-deployments"]["deployments"]
    for given in (value, deployment["env"][0]["value"]):
        assert from_environment({"DATIVO_DAGSTER": given}).state_dir == "/var/lib/dativo"
    table = (ROOT / "docs/dagster.md").read_text().partition("| attribute | default |")[2].partition("## ")[0]
    assert {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)} == known

"""What is said of a job's place on a real Nessie before any run of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dativo_ingest.stack import LocalStack
from tests.dativo.project import Project
from tests.nessie.jobs import TARGET, variables

pytestmark = [pytest.mark.nessie, pytest.mark.timeout(300), pytest.mark.usefixtures("warm_commands")]


def test_a_warehouse_that_nessie_does_not_have_is_said_before_any_run(stack: LocalStack, tmp_path: Path) -> None:
    project = Project(tmp_path, variables(stack))
    project.asset()
    project.csv(1)
    job = project.job("lost", "lost", target=TARGET | {"warehouse": "s3://elsewhere/"})
    ended = project.dativo("check", "--config", job, "--json")
    assert ended.code == 2
    (problem,) = ended.json["jobs"][0]["problems"]
    assert problem.startswith("target: settings: the Nessie server does not know the warehouse")

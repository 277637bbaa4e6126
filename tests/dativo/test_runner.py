"""`dativo check --runner-config`: what is wrong in a runner file has file and line; every job it names is looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dativo_ingest.cli import main
from tests.dativo.project import Project

Check = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def check(project: Project, capsys: pytest.CaptureFixture[str]) -> Check:
    """Check a runner file without looking at sources; return code, output, and the errors that were said."""

    def run(content: Any, *words: str) -> tuple[int, str, list[str]]:
        file = project.write("runner.yaml", content)
        code = main(project.words("check", "--quick", "--runner-config", file, *words))
        said = capsys.readouterr()
        events = [json.loads(line) for line in said.err.splitlines()]
        return code, said.out, [e["message"].replace(f"{project.folder}/", "") for e in events]

    return run


def _runner(*schedules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"mode": "orchestrated", "orchestrator": {"type": "dagster", "schedules": list(schedules)} | more}


DAILY = {"name": "daily", "config": "jobs/acme/orders.yaml", "cron": "0 6 * * 1-5", "timezone": "Europe/Berlin"}
OFTEN = {
    "name": "often",
    "config": "jobs/globex/orders.yaml",
    "interval_seconds": 5400,
    "enabled": False,
    "tags": {"a": "b"},
}


@pytest.mark.parametrize("wrapped", [True, False])
def test_every_job_that_is_named_is_looked_at_once(project: Project, check: Check, wrapped: bool) -> None:
    project.csv(1)
    project.job()
    project.job(tenant="globex", asset_path="assets/none.yaml")
    runner = _runner(DAILY, OFTEN, DAILY | {"name": "again", "max_concurrent_runs": 2}, concurrency_per_tenant=3)
    code, out, _ = check({"runner": runner} if wrapped else runner, "--json")
    assert code == 2
    good, bad = json.loads(out)["jobs"]
    assert (good["tenant"], good["problems"]) == ("acme", [])
    assert "there is no asset at 'assets/none.yaml'" in bad["problems"][0]


def test_a_job_that_is_not_there_is_named_by_the_runners_line(project: Project, check: Check) -> None:
    project.csv(1)
    project.job()
    lost = DAILY | {"name": "lost", "config": "jobs/acme/lost.yaml"}
    code, out, said = check(_runner(lost, DAILY), "--json")
    assert code == 2
    good, bad = json.loads(out)["jobs"]
    assert good["problems"] == []
    problem = "runner.yaml:6: there is no job file at 'jobs/acme/lost.yaml': check the path"
    assert said == [problem]
    assert bad["problems"][0].endswith(problem)


def test_a_runner_file_without_schedules_is_good(check: Check) -> None:
    assert check(_runner()) == (0, "tenant  job  is  problem\n", [])
    assert check("mode: oneshot\n")[0] == 0


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (
            "runner:\n  mode: orchestrated\n  orchestrater: {}\n",
            ["runner.yaml:3: key 'orchestrater' is unknown: did you mean 'orchestrator'?"],
        ),
        (
            "orchestrator:\n  schedules:\n  - {name: a, config: j, cron: '@daily', max_concurent_runs: 1}\n",
            [
                "runner.yaml:3: key 'orchestrator.schedules[0].max_concurent_runs' is unknown: "
                "did you mean 'max_concurrent_runs'?"
            ],
        ),
        ("runner: {}\nmode: oneshot\n", ["runner.yaml:2: 'mode' stands beside 'runner': move it under 'runner'"]),
        ("mode: weekly\n", ["runner.yaml:1: 'mode' is not right: input should be 'orchestrated' or 'oneshot'"]),
        (
            _runner(DAILY | {"interval_seconds": 60}),
            ["runner.yaml:5: 'orchestrator.schedules[0]' is not right: a schedule has either cron or interval_seconds"],
        ),
        (
            _runner(DAILY | {"cron": "6 o'clock", "timezone": "Europe/Berln"}, DAILY),
            [
                "runner.yaml:7: cron '6 o'clock' is not right: write five fields, as '0 6 * * *'",
                "runner.yaml:8: timezone 'Europe/Berln' is not known: did you mean 'Europe/Berlin'?",
                "runner.yaml:9: schedule 'daily' is there twice: rename one",
            ],
        ),
        (
            _runner(DAILY | {"cron": "0 66 * * *"}),
            ["runner.yaml:7: cron '0 66 * * *' is not right: write five fields, as '0 6 * * *'"],
        ),
        ("a: [\n", ["runner.yaml:2: not YAML"]),
    ],
)
def test_what_is_wrong_in_a_runner_file(check: Check, content: Any, problems: list[str]) -> None:
    code, out, said = check(content)
    assert (code, out) == (2, "")
    assert len(said) == len(problems)
    for message, problem in zip(said, problems, strict=True):
        assert message.startswith(problem)


def test_one_way_to_name_jobs_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--runner-config", "r.yaml", "--job-dir", "jobs"])
    assert "not allowed with" in capsys.readouterr().err

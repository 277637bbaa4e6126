"""Alerts on their way to a real server, through apprise and without it."""

from __future__ import annotations

import json
import os
import shlex
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dativo_ingest import kept_reports
from dativo_ingest.alerts import channels
from dativo_ingest.alerts.messages import Told, kind_of, message_of
from dativo_ingest.alerts.wanted import Wanted
from dativo_ingest.cli import main
from dativo_ingest.models.notify import Notify
from dativo_ingest.places import JobFolder
from dativo_ingest.reports.model import JobRun, job_runs
from tests.alerts.conftest import Dativo, dying, runner
from tests.alerts.receiver import Receiver
from tests.dativo.project import ROOT, Project
from tests.reports import made

# A plugin of apprise's imports what Python 3.13 has no more.
pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")]
TOKEN = "c4n4ry-token"


def lines(err: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


def events(err: str, name: str) -> list[str]:
    return [line["message"] for line in lines(err) if line["event_type"] == name]


# ---- of runs ----


def test_a_job_that_fails_and_then_recovers_is_told_once_each(
    project: Project, dativo: Dativo, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, warm_commands: Path
) -> None:
    monkeypatch.setenv("DATIVO_MELTANO", str(dying(project.folder)))
    monkeypatch.setenv("DATIVO_SECRET__ACME__HOOK", f"{receiver.place}/{TOKEN}")
    file = runner(project, "json://${HOOK}", "${WEB:-" + receiver.url + "/web}")
    job = project.job(schema_validation_mode="quarantine")
    code, out, err = dativo("run", "--config", job, "--alerts", file)
    assert code == 2
    assert sorted(receiver.paths()) == [f"/{TOKEN}", "/web"]
    assert TOKEN not in out + err
    told = [f"alert to {name}: dativo: acme.orders failed" for name in ("json", "http webhook")]
    assert events(err, "alert_sent") == told
    (report,) = kept_reports.reports(JobFolder(project.of_job()))
    sent = dict(receiver.taken)
    apprise, web = sent[f"/{TOKEN}"], sent["/web"]
    assert (apprise["title"], apprise["type"]) == ("dativo: acme.orders failed", "failure")
    assert apprise["message"] == web["message"]
    assert "out of luck" in web["message"]
    assert f"dativo report {report['call_id']}" in web["message"]
    (told,) = web["jobs"]
    names = ("tenant", "job", "run_id", "status", "exit_code", "cause", "error", "retryable", "seconds")
    assert [told[name] for name in names] == [report[name] for name in names]
    assert json.loads(Path(told["report"]).read_text()) == report

    receiver.taken.clear()
    monkeypatch.setenv("DATIVO_MELTANO", str(warm_commands / "meltano"))
    path = project.csv(1, 2)
    path.write_text(path.read_text().replace("2,ada", f"2{TOKEN},"))
    code, _, err = dativo("run", "--config", job, "--alerts", file)
    assert code == 1, err
    assert sorted(receiver.paths()) == [f"/{TOKEN}", "/web"]
    assert dict(receiver.taken)[f"/{TOKEN}"]["type"] == "success"
    (told,) = dict(receiver.taken)["/web"]["jobs"]
    assert [told[n] for n in ("kind", "records", "good", "quarantined", "dropped")] == ["recovered", 2, 1, 1, 0]
    assert TOKEN not in json.dumps(receiver.taken[0][1]) + json.dumps(receiver.taken[1][1])


def test_of_the_tries_of_a_scheduler_the_last_is_told(project: Project, dativo: Dativo, receiver: Receiver) -> None:
    file = runner(project, f"json://{receiver.place}/own")
    words = ("run", "--config", project.job(), "--alerts", file, "--tries", "2")
    assert dativo(*words, "--try", "1")[0] == 2
    assert receiver.taken == []
    assert dativo(*words, "--try", "2")[0] == 2
    assert receiver.paths() == ["/own"]
    words = ("run", "--config", project.job(asset_path="none.yaml"), *words[3:])
    assert dativo(*words, "--try", "1")[0] == 2  # what is wrong with the job stays so
    assert receiver.paths() == ["/own", "/own"]


def test_a_failure_that_nobody_was_told_of_is_not_told_as_mended(
    project: Project, dativo: Dativo, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, warm_commands: Path
) -> None:
    monkeypatch.setenv("DATIVO_MELTANO", str(dying(project.folder)))
    project.csv(1)
    file = runner(project, f"json://{receiver.place}/own")
    words = ("run", "--config", project.job(), "--alerts", file, "--tries", "2")
    assert dativo(*words, "--try", "1")[0] == 2
    monkeypatch.setenv("DATIVO_MELTANO", str(warm_commands / "meltano"))
    assert dativo(*words, "--try", "2")[0] == 0
    assert receiver.taken == []


def test_a_fault_of_ours_is_told_at_the_last_try_too(
    project: Project, dativo: Dativo, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dativo_ingest.commands.run.run_job", lambda *_: 1 / 0)
    file = runner(project, f"json://{receiver.place}/own")
    words = ("run", "--config", project.job(), "--alerts", file, "--tries", "2")
    for number, told in (("1", []), ("2", ["/own"])):
        assert dativo(*words, "--try", number)[0] == 2
        assert receiver.paths() == told


def test_the_line_of_the_crontab(project: Project, monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    """At times that Dagster's reader of them takes, what stands behind them as the shell would split it."""
    text = (ROOT / "docs/reports-and-alerts.md").read_text().partition("### Jobs that do not run")[2]
    times, _, command = text.partition("```\n")[2].partition("\n")[0].partition("  ")
    dg.ScheduleDefinition(job_name="watch", cron_schedule=times)
    runner(project, f"json://{receiver.place}/own", jobs=("acme/orders",), no_success_since="1s")
    monkeypatch.chdir(project.folder)
    program, *words = shlex.split(command)
    assert program == "dativo"
    assert main(words) == 0  # from this look on it counts
    time.sleep(1.1)
    assert main(words) == 1
    assert "has not succeeded for too long" in receiver.taken[0][1]["title"]


def test_a_call_of_several_jobs_is_one_message_and_tenants_see_their_own(
    project: Project, dativo: Dativo, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.job("more")
    project.job(tenant="globex")
    project.write("jobs/broken.yaml", "tenant_id: [")
    project.job("silent", notify={"urls": []})
    project.job("own", notify={"urls": [f"json://{receiver.place}/own"], "on": ["recovered"]})
    monkeypatch.setenv("DATIVO_SECRET__ACME__HOOK", f"{receiver.place}/acme")
    monkeypatch.setenv("HOOK", f"{receiver.place}/operators")
    file = runner(project, "json://${HOOK}")
    monkeypatch.setenv("DATIVO_RUNNER_CONFIG", str(file))
    code, _, err = dativo("run", "--job-dir", project.folder / "jobs")
    assert code == 2
    sent = dict(receiver.taken)
    assert sorted(receiver.paths()) == ["/acme", "/operators"]
    assert events(err, "alert_failed") == []
    assert sent["/acme"]["title"] == "dativo: of 2 jobs 2 failed"
    assert "acme.more failed" in sent["/acme"]["message"]
    assert "globex" not in sent["/acme"]["message"]
    assert sent["/operators"]["title"] == "dativo: of 2 jobs 2 failed"
    assert "broken failed: config:" in sent["/operators"]["message"]
    assert "acme" not in sent["/operators"]["message"].replace(str(project.folder), "")


@pytest.mark.parametrize(
    ("scheme", "status", "problem"),
    [("json", 500, "it was not taken"), ("http", 500, "status 500"), ("http", 307, "status 307")],
)
def test_an_alert_that_is_refused_is_a_warning(
    project: Project, dativo: Dativo, receiver: Receiver, scheme: str, status: int, problem: str
) -> None:
    receiver.status = status
    file = runner(project, f"{scheme}://{receiver.place}/{TOKEN}")
    code, out, err = dativo("run", "--config", project.job(), "--alerts", file)
    assert code == 2
    assert set(receiver.paths()) == {f"/{TOKEN}"}
    (failed,) = events(err, "alert_failed")
    assert failed.endswith(f"was not delivered: {problem}")
    assert TOKEN not in out + err


@pytest.mark.parametrize("scheme", ["json", "http"])
def test_an_alert_without_an_answer_is_given_up(
    project: Project, dativo: Dativo, receiver: Receiver, scheme: str
) -> None:
    receiver.go.clear()
    file = runner(project, f"{scheme}://{receiver.place}/{TOKEN}", timeout_seconds=0.5)
    code, out, err = dativo("run", "--config", project.job(), "--alerts", file)
    assert code == 2
    (failed,) = events(err, "alert_failed")
    assert "took longer than 0.5 s" in failed or "no answer (ReadTimeout)" in failed
    assert TOKEN not in out + err


def test_an_alert_to_a_server_that_is_away_is_a_warning(project: Project, dativo: Dativo) -> None:
    gone = Receiver()
    gone.stop()
    file = runner(project, f"json://{gone.place}/{TOKEN}", f"http://{gone.place}/{TOKEN}")
    code, out, err = dativo("run", "--config", project.job(), "--alerts", file)
    assert code == 2
    assert len(events(err, "alert_failed")) == 2
    assert TOKEN not in out + err


def test_a_good_run_tells_nobody(project: Project, receiver: Receiver) -> None:
    wanted = Wanted(frozenset({"failure", "partial", "recovered"}), {}, threshold_pct=10.0)
    good, partly = (of(made.run(made.stream("a", 10, away))) for away in (0, 1))
    failed, over = of(made.run(exit_code=2, status="failure")), of(made.run(made.stream("a", 10, 2)))
    assert [kind_of(run, good, wanted) for run in (good, partly, failed, over)] == [
        None,
        "partial",
        "failure",
        "threshold",
    ]
    assert [kind_of(run, failed, wanted) for run in (good, partly, failed)] == ["recovered", "recovered", "failure"]
    only = Wanted(frozenset({"recovered"}), {}, threshold_pct=0.0)
    assert [kind_of(run, None, only) for run in (good, partly, failed)] == [None, "threshold", None]
    assert receiver.taken == []


def test_what_a_failed_run_has_read_is_told() -> None:
    report = made.run(made.stream("a", 10, 2), exit_code=2, status="failure")
    report["target"]["unpublished"] = [{"stream": name, "records": 1000, "rejected": 1} for name in "ab"]
    (line,) = message_of([Told("failure", of(report))], 1).text.splitlines()[1:2]
    assert line.startswith("  2,010 records read, 8 good, 2 in quarantine (20.00 %), 2,000 not published, "), line


def of(report: dict[str, Any]) -> JobRun:
    (run,) = job_runs(report, "here")
    return run


# ---- of no run ----


def succeeded(folder: JobFolder, hours: float, number: int = 0) -> None:
    """Keep the report of a run that succeeded so many hours ago."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600 * hours))
    report = made.run(made.stream("a", 1), number=number, started_at=at)
    folder.path.mkdir(parents=True, exist_ok=True)
    kept_reports.keep(folder, report, json.dumps(report).encode())


def test_a_job_without_success_for_too_long_is_told_once(project: Project, dativo: Dativo, receiver: Receiver) -> None:
    for name in ("fresh", "off", "never"):
        project.job(name)
    names = ("acme/orders", "acme/fresh", "acme/off", "acme/never")
    file = runner(project, f"json://{receiver.place}/x", jobs=names, no_success_since="26h")
    file.write_text(file.read_text().replace("name: acme-off", "enabled: false\n      name: acme-off"))
    succeeded(JobFolder(project.of_job()), 30)
    succeeded(JobFolder(project.of_job("fresh")), 20)
    succeeded(JobFolder(project.of_job("off")), 30)
    code, out, err = dativo("alerts", "--runner-config", file, "--json")
    assert code == 1, err
    (told,) = json.loads(out)["jobs"]
    assert (told["tenant"], told["job"]) == ("acme", "orders")
    ((_, message),) = receiver.taken
    assert message["title"] == "dativo: acme.orders has not succeeded for too long"
    assert f"acme.orders: no success since {told['no_success_since']}" in message["message"]
    assert dativo("alerts", "--runner-config", file)[0] == 0
    assert len(receiver.taken) == 1

    watch = JobFolder(project.of_job("never")).watch
    watch.write_text(json.dumps(json.loads(watch.read_text()) | {"first_seen": time.time() - 27 * 3600}))
    code, out, _ = dativo("alerts", "--runner-config", file)
    assert code == 1
    assert "acme    never  the job was first looked at" in out
    succeeded(JobFolder(project.of_job("never")), 0, number=1)
    watch.write_text("{")
    assert dativo("alerts", "--runner-config", file)[0] == 0


def test_a_run_begins_with_a_look_at_the_last_success(project: Project, dativo: Dativo, receiver: Receiver) -> None:
    succeeded(JobFolder(project.of_job()), 30)
    file = runner(project, f"json://{receiver.place}/x", on=[], no_success_since="26h")
    assert dativo("run", "--config", project.job(), "--alerts", file)[0] == 2
    ((_, message),) = receiver.taken
    assert "no success since" in message["message"]


def test_urls_can_be_tried_out(project: Project, dativo: Dativo, receiver: Receiver) -> None:
    file = runner(project, f"json://{receiver.place}/a", f"{receiver.url}/b", jobs=("acme/orders",))
    code, out, _ = dativo("alerts", "--runner-config", file, "--test", "--json")
    assert (code, json.loads(out)) == (0, {"urls": 2, "delivered": 2})
    assert sorted(receiver.paths()) == ["/a", "/b"]
    receiver.status = 500
    code, out, err = dativo("alerts", "--runner-config", file, "--test", "--json")
    assert (code, json.loads(out)["delivered"]) == (2, 0)
    assert len(events(err, "alert_failed")) == 2


# ---- what cannot be used ----


@pytest.mark.parametrize(
    ("notify", "problem"),
    [
        ({"urls": [f"nonsense://{TOKEN}"]}, "'notify.urls[0]' cannot be used: apprise cannot use it"),
        ({"urls": [TOKEN]}, "it is no URL: write it as scheme://"),
        ({"urls": [f"{TOKEN}:x"]}, "it is no URL: write it as scheme://"),
        ({"urls": ["https:///x"]}, "it has no host"),
        ({"urls": ["${NOT_THERE}"]}, "variable NOT_THERE is not set"),
        ({"no_success_since": "26 hours"}, "'notify.no_success_since' is not right"),
        ({"on": ["failures"]}, "'notify.on[0]' is not right"),
        ({"threshold": 5}, "key 'notify.threshold' is unknown: did you mean 'threshold_pct'?"),
    ],
)
def test_wrong_alerts_are_named_before_anything_is_run(
    project: Project, dativo: Dativo, notify: dict[str, Any], problem: str
) -> None:
    file = runner(project, jobs=("acme/orders",), **notify)
    for words in (["check", "--quick", "--runner-config", file], ["run", "--config", project.job(), "--alerts", file]):
        code, out, err = dativo(*words)
        assert code == 2
        assert problem in out + err
        assert f"{file}:" in out + err
        assert TOKEN not in out + err
    assert not JobFolder(project.of_job()).report.exists()


def test_without_the_extra_only_webhooks_are_taken(
    project: Project, dativo: Dativo, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "find_spec", lambda _name: None)
    file = runner(project, f"slack://{TOKEN}/b/c", jobs=("acme/orders",))
    code, out, _ = dativo("check", "--quick", "--runner-config", file)
    assert code == 2
    assert "scheme 'slack' needs apprise: install target-dativo-iceberg[alerts]" in out
    assert TOKEN not in out
    file = runner(project, f"{receiver.url}/x", jobs=("acme/orders",))
    assert dativo("run", "--config", project.job(), "--alerts", file)[0] == 2
    ((_, message),) = receiver.taken
    assert message["jobs"][0]["kind"] == "failure"


def test_the_example_of_the_page_is_a_runner_file(tmp_path: Path) -> None:
    from dativo_ingest.runner import read_runner

    page = (ROOT / "docs" / "reports-and-alerts.md").read_text()
    (tmp_path / "runner.yaml").write_text(page.partition("```yaml\n")[2].partition("```")[0])
    notify = read_runner(tmp_path / "runner.yaml")[1].notify
    assert notify is not None
    assert (notify.on, notify.timeout_seconds) == (Notify().on, Notify().timeout_seconds)


def test_a_netrc_signs_nothing_in(project: Project, dativo: Dativo, receiver: Receiver) -> None:
    Path(os.environ["HOME"], ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    assert isinstance(channels.channel_of(f"{receiver.url}/x"), channels.Webhook)
    assert dativo("run", "--config", project.job(), "--alerts", runner(project, f"{receiver.url}/x"))[0] == 2
    assert receiver.paths() == ["/x"]

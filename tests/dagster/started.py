"""`dativo start` on a project: the real webserver, daemon and queue, what is asked of them, and what they keep."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg

from tests.dativo import kills
from tests.dativo.project import Project

_POLL_SECONDS = 1.0
_BEGIN = ("STEP_START", "STEP_RESTARTED")
_END = ("STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY")
_SCHEDULES = """{ repositoryOrError(repositorySelector:
  {repositoryName: "__repository__", repositoryLocationName: "dativo_ingest.dagster.code_location"})
  { ... on Repository { schedules { name scheduleState { id ticks { status } } } } } }"""
_STOP = "mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
_TERMINATE = "mutation ($run: String!) { terminateRun(runId: $run) { __typename } }"


class Span(NamedTuple):
    """When a try of a load began and ended, in seconds since 1970."""

    began: float
    ended: float

    def overlaps(self, other: Span) -> bool:
        return self.began < other.ended and other.began < self.ended


@dataclass(frozen=True)
class Kept:
    """Dagster's own storage: what it keeps of the only run of a job."""

    instance: dg.DagsterInstance

    def runs(self) -> dict[str, dg.DagsterRun]:
        """The run of each job that has one."""
        found = self.instance.get_runs()
        assert len({run.job_name for run in found}) == len(found)
        return {run.job_name: run for run in found}

    def statuses(self) -> dict[str, str]:
        return {job: run.status.value for job, run in self.runs().items()}

    def events(self, job: str, *kinds: str) -> list[tuple[dg.DagsterEvent, float]]:
        """Events of these types and their times; none when there is no run yet."""
        (run,) = self.instance.get_runs(dg.RunsFilter(job_name=job)) or (None,)
        wanted = {dg.DagsterEventType(kind) for kind in kinds}
        found = self.instance.all_logs(run.run_id, of_type=wanted) if run else []
        return [(entry.dagster_event, entry.timestamp) for entry in found if entry.dagster_event]

    def tries(self, job: str) -> list[Span]:
        """When its tries were at work, those that have ended."""
        began = [at for _, at in self.events(job, *_BEGIN)]
        ended = [at for _, at in self.events(job, *_END)]
        return [Span(*times) for times in zip(began, ended, strict=False)]

    def failure(self, job: str) -> Any:
        """What the failure of its only step says."""
        ((event, _),) = self.events(job, "STEP_FAILURE")
        return event.step_failure_data.user_failure_data

    def materialised(self, job: str) -> dict[str, Any]:
        """The metadata of its only materialisation."""
        ((event, _),) = self.events(job, "ASSET_MATERIALIZATION")
        found = event.step_materialization_data.materialization.metadata
        return {name: value.value for name, value in found.items()}

    def checks(self, job: str) -> dict[str, dg.AssetCheckEvaluation | Any]:
        events = self.events(job, "ASSET_CHECK_EVALUATION")
        found = [event.asset_check_evaluation_data for event, _ in events]
        return {one.check_name: one for one in found}


@dataclass(frozen=True)
class Started:
    """Dagster at work; `ticking` are the schedules that are not stopped yet."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    ticking: set[str]

    def until(self, what: Callable[[], object]) -> None:
        """Wait for something, as long as Dagster runs and the test has time."""
        while not what():
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            time.sleep(_POLL_SECONDS)

    def ask(self, text: str, **variables: str) -> Any:
        """Return what the webserver answers to GraphQL: the only member of the data."""
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        (data,) = found["data"].values()
        return data

    def stop_schedules_that_ticked(self) -> None:
        """Stop each schedule whose tick the daemon has taken for a run, as an operator would."""
        for one in self.ask(_SCHEDULES)["schedules"]:
            state = one["scheduleState"]
            if any(tick["status"] == "SUCCESS" for tick in state["ticks"]) and one["name"] in self.ticking:
                assert self.ask(_STOP, id=state["id"])["__typename"] == "ScheduleStateResult"
                self.ticking.remove(one["name"])

    def terminate(self, run: dg.DagsterRun) -> None:
        assert self.ask(_TERMINATE, run=run.run_id)["__typename"] == "TerminateRunSuccess"

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/server_info", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def started(project: Project, ticking: Iterable[str], *words: str | Path) -> Iterator[Started]:
    """Run `dativo start` until the block ends; then none of its processes may be left.

    Args:
        project: with its jobs.
        ticking: names of its schedules with a cron text.
        words: of the command line.

    """
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "dativo_ingest", *project.words("start", *words, "--port", str(port))]
    log = project.folder / "start.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=project._environment(), stdout=out, stderr=out, start_new_session=True)
    try:
        found = Started(process, f"http://127.0.0.1:{port}", log, set(ticking))
        found.until(found.answers)
        yield found
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM, log.read_text()[-4000:]
        assert not kills.of_project(project)
    finally:
        for left in kills.of_project(project):
            os.kill(left.pid, signal.SIGKILL)
        process.wait()

"""What is told of runs: which of them, and in which words. No record's value and no URL is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dativo_ingest.alerts.channels import Message
from dativo_ingest.alerts.wanted import Wanted
from dativo_ingest.reports.model import JobRun
from dativo_ingest.reports.words import counted, duration, share

_TITLES = {
    "failure": "failed",
    "threshold": "has more in quarantine than is allowed",
    "partial": "succeeded in part",
    "recovered": "has recovered",
    "no_success": "has not succeeded for too long",
}
_BAD = ("failure", "threshold", "partial", "no_success")
_MOST = 50


@dataclass(frozen=True)
class Told:
    """One thing to be told of a job.

    Attributes:
        kind: `failure`, `threshold`, `partial`, `recovered` or `no_success`.
        run: the job's run; of `no_success` its last success, as far as it is known.
        report: path of the run's report, empty when there is none.
        since: for `no_success`, when the last success was, for people.

    """

    kind: str
    run: JobRun
    report: str = ""
    since: str = ""


def kind_of(run: JobRun, before: JobRun | None, wanted: Wanted) -> str | None:
    """Return what is to be told of a run, None for nothing.

    Args:
        run: that has ended.
        before: the job's run before it, if it is known.
        wanted: of the job.

    """
    totals = run.target.totals
    if run.exit_code >= 2:
        return "failure" if "failure" in wanted.on else None
    limit = wanted.threshold_pct
    if limit is not None and totals.records and 100 * totals.quarantined > limit * totals.records:
        return "threshold"
    if "recovered" in wanted.on and before is not None and before.exit_code >= 2:
        return "recovered"
    return "partial" if run.exit_code == 1 and "partial" in wanted.on else None


def message_of(told: Sequence[Told], jobs: int, call_id: str = "") -> Message:
    """Return one message for all that is told.

    Args:
        told: at least one thing.
        jobs: how many were run.
        call_id: of `dativo run`, by which `dativo report` shows all of it.

    """
    worst = sorted(told, key=lambda one: (_BAD.index(one.kind) if one.kind in _BAD else len(_BAD), one.run.id))
    lines = [line for one in worst[:_MOST] for line in _lines(one)]
    if len(worst) > _MOST:
        lines.append(f"and {counted(len(worst) - _MOST, 'more job')}")
    if call_id:
        lines.append(f"All of it: dativo report {call_id}")
    title = _title(worst, jobs)
    data = {"title": title, "message": "\n".join(lines), "call_id": call_id or None, "jobs": [_data(o) for o in worst]}
    return Message(title, "\n".join(lines), any(one.kind in _BAD for one in told), data)


def _title(told: Sequence[Told], jobs: int) -> str:
    if len(told) == 1:
        return f"dativo: {told[0].run.id} {_TITLES[told[0].kind]}"
    kinds = [(kind, sum(one.kind == kind for one in told)) for kind in _TITLES]
    said = ", ".join(f"{number} {_TITLES[kind]}" for kind, number in kinds if number)
    return f"dativo: of {counted(jobs, 'job')} {said}"


def _lines(told: Told) -> list[str]:
    run = told.run
    if told.kind == "no_success":
        return [f"{run.id}: no success since {told.since}. See: dativo report {run.tenant}/{run.job}"]
    totals = run.target.totals
    lines = [f"{run.id} {_TITLES[told.kind]}" + (f": {run.cause}: {run.error}" if run.error else "")]
    lost = run.target.unpublished_records
    read = counted(totals.records + lost, "record")
    counts = f"{read} read, {totals.good:,} good, {totals.quarantined:,} in quarantine"
    away = f" ({share(totals.quarantined, totals.records)})" if totals.quarantined else ""
    rest = f", {lost:,} not published" if lost else ""
    lines.append(f"  {counts}{away}{rest}, {duration(run.seconds)}")
    if run.retryable is not None and run.exit_code >= 2:
        lines.append(f"  another try {'may succeed' if run.retryable else 'will end the same way'}")
    if told.report:
        lines.append(f"  report: {told.report}")
    return lines


def _data(told: Told) -> dict[str, Any]:
    run, totals = told.run, told.run.target.totals
    if told.kind == "no_success":
        return {"kind": told.kind, "tenant": run.tenant, "job": run.job, "since": told.since}
    return {
        "kind": told.kind,
        "tenant": run.tenant,
        "job": run.job,
        "run_id": run.run_id or None,
        "status": run.status,
        "exit_code": run.exit_code,
        "cause": run.cause,
        "error": run.error,
        "retryable": run.retryable,
        "started_at": run.started_at or None,
        "seconds": run.seconds,
        "records": totals.records,
        "good": totals.good,
        "quarantined": totals.quarantined,
        "dropped": totals.dropped,
        "report": told.report or None,
    }

"""After and before runs: what their jobs' people are told. Nothing that fails here changes how a run ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dativo_ingest import kept_reports
from dativo_ingest.alerts.messages import Told, kind_of
from dativo_ingest.alerts.sending import tell
from dativo_ingest.alerts.wanted import Wanted
from dativo_ingest.alerts.watch import overdue
from dativo_ingest.errors import StateError, unforeseen
from dativo_ingest.events import Events
from dativo_ingest.places import JobFolder
from dativo_ingest.reports.model import JobRun, job_runs
from dativo_ingest.startup import Prepared


def tell_of_runs(ended: Sequence[tuple[Prepared, Mapping[str, Any]]], call_id: str, events: Events) -> None:
    """Tell of runs that have ended, one message to each URL.

    Args:
        ended: each job with its report.
        call_id: of `dativo run`.
        events: are told what was sent and what was not.

    """
    with _harmless(events):
        told: list[tuple[Wanted, Told | None]] = []
        for one, report in ended:
            if one.wanted is not None:
                (run,) = job_runs(report, "the report")
                told.append((one.wanted, _of_run(one, run, one.wanted)))
        tell(told, events, call_id)


@contextmanager
def _harmless(events: Events) -> Iterator[None]:
    """Keep what goes wrong here from changing how a run ends."""
    try:
        yield
    except Exception as error:  # whatever fault of ours this is
        events.warn("alert_failed", str(unforeseen(error)))


def _of_run(one: Prepared, run: JobRun, wanted: Wanted) -> Told | None:
    folder = one.ready.folder if one.ready is not None else None
    kind = kind_of(run, _before(folder, run), wanted)
    if kind is None:
        return None
    path = kept_reports.path_of(folder, run.run_id) if folder is not None and run.run_id else None
    return Told(kind, run, str(path or ""))


def _before(folder: JobFolder | None, run: JobRun) -> JobRun | None:
    """Return the kept run before this one of which people may have been told: no try that a scheduler made again."""
    kept = list(kept_reports.reports(folder)) if folder is not None else []
    ids = [report.get("run_id") for report in kept]
    earlier = kept[: ids.index(run.run_id)] if run.run_id in ids else kept
    earlier = [report for report in earlier if not report.get("tried_again")]
    try:
        return job_runs(earlier[-1], "")[0] if earlier else None
    except StateError:
        return None


def tell_of_overdue(prepared: Sequence[Prepared], events: Events) -> list[Told]:
    """Tell of jobs that have not succeeded for longer than they may; return what was to be told."""
    told: list[tuple[Wanted, Told | None]] = []
    with _harmless(events):
        for one in prepared:
            wanted, file, ready = one.wanted, one.file, one.ready
            if wanted is None or file is None or ready is None or wanted.no_success_seconds is None:
                continue
            since = overdue(ready.folder, wanted.no_success_seconds)
            run = JobRun(file.name, "failure", 2, tenant=file.tenant, path=str(one.path))
            told.append((wanted, Told("no_success", run, since=since) if since is not None else None))
        tell(told, events)
    return [one for _, one in told if one is not None]

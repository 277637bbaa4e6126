"""The run of one job: lock, recover, start, watch, save the cursors, report; again where `retry_config` says so."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dativo_ingest import exit_codes, kept_reports, legacy_state, private_files, recovery, state, telemetry
from dativo_ingest.attempts import Attempt, run_once
from dativo_ingest.errors import LockedError, OrchestratorError, RunError, StateError
from dativo_ingest.events import Events
from dativo_ingest.mapping import mapper_of
from dativo_ingest.meltano import Run, clean, command, environment_of, find_meltano, program_environment, write_project
from dativo_ingest.metadata_catalogs.pushing import push
from dativo_ingest.places import Places
from dativo_ingest.plugin_logs import PluginLogs
from dativo_ingest.ready import Ready
from dativo_ingest.retry import delay_seconds, wants_another
from dativo_ingest.taps import ensure_tap, with_source

_LOCK_SECONDS = 1.0
_LOADER_SECONDS = 170.0


@dataclass(frozen=True)
class Surroundings:
    """What runs of all jobs share.

    Attributes:
        places: folders.
        environment: of this process.
        stop: ends the runs early.
        install: whether a tap that is missing is installed.
        number: which try of a scheduler this is, None without one.
        tries: that the scheduler makes of a job without `retry_config`.
        call_id: names their call of `dativo run` in reports.

    """

    places: Places
    environment: Mapping[str, str]
    stop: threading.Event
    install: bool = True
    number: int | None = None
    tries: int = 1
    call_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def run_job(ready: Ready, around: Surroundings, events: Events) -> dict[str, Any]:
    """Run a job and return its report, which is also kept in the job's folder. Foreseen failures are in the report."""
    started, began = state.now(), time.monotonic()
    around, span = telemetry.traced(around)
    events.say("job_started", f"job {ready.file.id} starts", source=ready.source.type, engine=ready.source.engine)
    run_id, tries = str(uuid.uuid4()), 0
    try:
        ready.folder.make()
        with private_files.locked(ready.folder.lock, _LOCK_SECONDS) as held:
            if not held:
                raise LockedError(f"job {ready.file.id} is being run by another process", "wait for its end")
            attempt, run_id, tries = _tried(ready, around, events)
    except OrchestratorError as error:
        attempt = Attempt(exit_codes.FAILURE, error.code, str(error), retryable=error.retryable)
    except OSError as error:
        problem = f"the job's folder cannot be used ({error.strerror}): check the state directory"
        attempt = Attempt(exit_codes.FAILURE, StateError.code, problem, retryable=StateError.retryable)
    about = {"call_id": around.call_id, "path": str(ready.file.document.path)}
    report = about | _report(ready, attempt, run_id, around.number or tries, started, time.monotonic() - began)
    report["retry_in_seconds"] = _next_try(ready, around, attempt)
    report["tried_again"] = comes_again(around, report, own=ready.job.retry_config is not None)
    _keep(report, ready, attempt, events)
    if attempt.code < exit_codes.FAILURE:
        push(ready, attempt.report, around.environment, around.stop, events)
    _say_end(report, events)
    telemetry.tell(report, around.environment, events, span)
    return report


def _tried(ready: Ready, around: Surroundings, events: Events) -> tuple[Attempt, str, int]:
    """Try until it is done or not worth another try; return the last try, its run id, and how many there were."""
    config, tries = ready.job.retry_config, 0
    while True:
        tries += 1
        run_id = str(uuid.uuid4())
        attempt = _once(ready, around, events, Run(ready.folder, run_id))
        scheduled = around.number is not None
        if around.stop.is_set() or scheduled or config is None or not wants_another(config, attempt, tries):
            return attempt, run_id, tries
        seconds = delay_seconds(config, tries)
        events.warn(
            "retry_attempt",
            f"try {tries} failed ({attempt.cause}); the next is in {seconds:g} s",
            attempt=tries,
            error=attempt.error,
        )
        around.stop.wait(seconds)
        if around.stop.is_set():
            return attempt, run_id, tries


def _once(ready: Ready, around: Surroundings, events: Events, run: Run) -> Attempt:
    folder = ready.folder
    meltano = find_meltano(around.environment)
    extractor = with_source(ready.extractor, around.places, around.environment, events, install=around.install)
    tap = ensure_tap(extractor, around.places, around.environment, events, install=around.install)
    with private_files.locked(folder.loader_lock, _LOADER_SECONDS) as free:
        if not free:
            raise RunError("a target of an earlier run still publishes", "wait for it, then run again")
    mapper = mapper_of(ready.target, around.places.root, around.environment)
    settings = {**_settings(ready, run), "completion_path": str(run.mapped if mapper else run.ended)}
    ask = recovery.ask_tables(program_environment({**ready.settings, "job_id": ready.file.id}, around.environment))
    _recovered(ready, ask, run, events)
    saved = state.read(folder.state) or _older(ready, around, events)
    given = state.for_tap(saved, extractor.cursors, ready.lookback_days) if ready.source.incremental else None
    write_project(run, extractor, tap, given, mapper)
    environment = environment_of(run, extractor, settings, around.environment)
    events.say("extraction_started", "tap and target start", run_id=run.run_id, resumes=given is not None)
    logs = PluginLogs(events, {"tap": run.tap_log, "target": run.loader_log})
    try:
        attempt = run_once(
            run, command(meltano, extractor, mapper), environment, logs, ready.job.timeout_seconds, around.stop
        )
        settled = recovery.settle(folder, extractor.cursors, ask, run.run_id)
        if settled:
            events.say("state_saved", f"the cursors are saved: their STATE was {settled}", how=settled)
        if attempt.code < exit_codes.FAILURE:
            recovery.close(folder)
        return attempt
    finally:
        clean(run)


def _recovered(ready: Ready, ask: recovery.Ask, run: Run, events: Events) -> None:
    """Bring state.json up to the tables after a run that could not do it itself."""
    settled = recovery.settle(ready.folder, ready.extractor.cursors, ask, run.run_id)
    if settled:
        events.warn(
            "state_repaired", f"an earlier run was cut off; its STATE was {settled} and is saved now", how=settled
        )


def _older(ready: Ready, around: Surroundings, events: Events) -> state.Saved | None:
    """Return the cursors of dativo-ingest for a job that has none of its own yet."""
    path = legacy_state.find(ready, around.places.state)
    if path is None:
        return None
    events.warn("state_imported", "the cursors of an older state file are taken over", path=str(path))
    return legacy_state.read(path)


def _settings(ready: Ready, run: Run) -> dict[str, object]:
    return {
        **ready.settings,
        "job_id": ready.file.id,
        "run_id": run.run_id,
        "report_path": str(run.report),
        "journal_path": str(ready.folder.journal),
        "log_format": "json",
    }


def _next_try(ready: Ready, around: Surroundings, attempt: Attempt) -> float | None:
    """Return in how many seconds a scheduler should try again, as the job's `retry_config` has it; None for not."""
    config, number = ready.job.retry_config, around.number
    if config is None or number is None or not wants_another(config, attempt, number):
        return None
    return delay_seconds(config, number)


def comes_again(around: Surroundings, report: Mapping[str, Any], *, own: bool) -> bool:
    """Whether a scheduler tries a run again.

    Args:
        around: says which try this was, and of how many.
        report: of the run.
        own: whether the job has a `retry_config`, which alone decides then.

    """
    if own:
        return report.get("retry_in_seconds") is not None
    more = around.number is not None and around.number < around.tries
    return more and report["exit_code"] >= exit_codes.FAILURE and exit_codes.may_pass(report)


def _report(ready: Ready, attempt: Attempt, run_id: str, tries: int, started: str, seconds: float) -> dict[str, Any]:
    return {
        "job": ready.file.name,
        "tenant": ready.file.tenant,
        "run_id": run_id,
        "exit_code": attempt.code,
        "status": exit_codes.WORDS[attempt.code],
        "cause": attempt.cause or None,
        "error": attempt.error or None,
        "retryable": attempt.retryable,
        "started_at": started,
        "seconds": round(seconds, 3),
        "attempts": tries,
        "source": ready.source.type,
        "tap_says": dict(attempt.tap_says),
        "target": dict(attempt.report),
    }


def _keep(report: Mapping[str, Any], ready: Ready, attempt: Attempt, events: Events) -> None:
    """Keep the report; a job that is being run keeps that of its run."""
    if attempt.cause == LockedError.code:
        return
    text = events.redactor.clean(json.dumps(report, indent=2)).encode() + b"\n"
    # Where nothing can be written the error says so already.
    with contextlib.suppress(OSError):
        kept_reports.keep(ready.folder, report, text)


def _say_end(report: Mapping[str, Any], events: Events) -> None:
    totals = (report["target"] or {}).get("totals", {})
    fields = {k: report[k] for k in ("exit_code", "cause", "error", "retryable", "seconds", "attempts")} | {
        "totals": totals
    }
    if report["exit_code"] == exit_codes.FAILURE:
        events.error("job_error", str(report["error"]), cause=report["cause"], retryable=report["retryable"])
    words = f"job {report['tenant']}.{report['job']} ended: {report['status']}"
    level = {exit_codes.SUCCESS: "INFO", exit_codes.PARTIAL: "WARNING"}.get(report["exit_code"], "ERROR")
    events.say("job_finished", words, level, **fields)

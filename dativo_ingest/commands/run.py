"""`dativo run`: start jobs, one or a folder of them, and say how they ended."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dativo_ingest import exit_codes, telemetry
from dativo_ingest.alerts.telling import tell_of_overdue, tell_of_runs
from dativo_ingest.commands.common import (
    add_alerts_option,
    add_job_options,
    options_of,
    print_json,
    print_table,
    private_umask,
    said,
)
from dativo_ingest.errors import ConfigError, unforeseen
from dativo_ingest.events import Events
from dativo_ingest.run import Surroundings, comes_again, run_job
from dativo_ingest.runner import read_runner
from dativo_ingest.startup import Options, Prepared, start

Report = Mapping[str, Any]
_HEAD = ("tenant", "job", "status", "read", "good", "quarantined", "seconds", "error")


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "run a job, or all jobs of a folder; exit code 0 success, 1 partial, 2 failure, of a folder the worst"
    parser = commands.add_parser("run", help=text, description=text)
    add_job_options(parser)
    parser.add_argument("--parallel", type=_at_least_one, default=1, metavar="N", help="jobs at once (default: 1)")
    add_alerts_option(parser)
    parser.add_argument("--no-install", action="store_true", help="fail when a tap is not installed yet")
    parser.add_argument(
        "--metrics-dir",
        metavar="DIR",
        help=f"folder for a Prometheus textfile of each job (default: ${telemetry.METRICS_DIR}, else the runner file's "
        "metrics_dir)",
    )
    parser.add_argument("--partial-ok", action="store_true", help="exit code 0 for partial, for what knows no warning")
    text = (
        "this is try N of a scheduler: no other is made here, the report's retry_in_seconds says when one is worth it"
    )
    parser.add_argument("--try", type=_at_least_one, dest="number", metavar="N", help=text)
    text = "with --try: the scheduler makes N tries of a job without retry_config, and alerts tell of the last"
    parser.add_argument("--tries", type=_at_least_one, default=1, metavar="N", help=text)
    parser.set_defaults(run=run)


def _at_least_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    events, stopped = Events(), Stopped()
    with private_umask(), stopped.handled():
        options = options_of(arguments)
        return said(events, lambda: _run(arguments, options, events, stopped))


def _run(arguments: argparse.Namespace, options: Options, events: Events, stopped: Stopped) -> int:
    telemetry.learn_secrets(options.environment, events)
    if directory := _metrics_dir(arguments, options):
        options = replace(options, environment={**options.environment, telemetry.METRICS_DIR: directory})
    prepared = start(options, events)
    tell_of_overdue(prepared, events)
    install, number = not arguments.no_install, arguments.number
    around = Surroundings(options.places, options.environment, stopped.event, install, number, arguments.tries)
    with ThreadPoolExecutor(arguments.parallel, "job") as pool:
        reports = list(pool.map(lambda one: _one(one, around), prepared))
    code = exit_codes.worst(report["exit_code"] for report in reports)
    # Who is told of failures is told of the last try.
    last = [(one, r) for one, r in zip(prepared, reports, strict=True) if not r["tried_again"]]
    tell_of_runs(last, around.call_id, events)
    if arguments.json:
        print_json({"exit_code": code, "call_id": around.call_id, "jobs": reports}, events)
    else:
        print_table(_HEAD, [_row(report) for report in reports], events)
    if stopped.signal is not None:
        return 128 + stopped.signal
    return exit_codes.SUCCESS if arguments.partial_ok and code == exit_codes.PARTIAL else code


def _metrics_dir(arguments: argparse.Namespace, options: Options) -> str | None:
    """Return the folder for textfiles: the option's, else the variable's, else the runner file's."""
    given: str | None = arguments.metrics_dir or options.environment.get(telemetry.METRICS_DIR)
    if given or not arguments.alerts:
        return str(Path(given).resolve()) if given else None
    _, runner = read_runner(Path(arguments.alerts))
    return str(options.places.root / runner.metrics_dir) if runner.metrics_dir else None


def _one(one: Prepared, around: Surroundings) -> Report:
    if one.ready is not None and not around.stop.is_set():
        try:
            return run_job(one.ready, around, one.events)
        except Exception as error:  # the other jobs go on, whatever fault of ours this is
            fault = unforeseen(error)
            one = replace(one, error=fault)
            one.events.error("job_error", str(fault), cause=fault.code, retryable=fault.retryable)
    report = _not_run(one)
    own = one.ready is not None and one.ready.job.retry_config is not None
    report["tried_again"] = comes_again(around, report, own=own)
    telemetry.tell(report, around.environment, one.events)
    return report


def _not_run(one: Prepared) -> dict[str, Any]:
    problems = one.error.problems if isinstance(one.error, ConfigError) else ()
    return {
        "job": one.file.name if one.file else one.path.stem,
        "tenant": one.file.tenant if one.file else None,
        "exit_code": exit_codes.FAILURE,
        "status": exit_codes.WORDS[exit_codes.FAILURE],
        "cause": one.error.code if one.error else "interrupted",
        "error": str(one.error) if one.error else "the run was stopped before the job was started",
        "retryable": one.error.retryable if one.error else None,
        "problems": [str(problem) for problem in problems],
        "target": {},
    }


def _row(report: Report) -> Sequence[object]:
    totals = report["target"].get("totals", {})
    error = (report.get("error") or "").splitlines()
    numbers = [totals.get(name, 0) for name in ("records", "good", "quarantined")]
    numbers[0] += sum(one["records"] for one in report["target"].get("unpublished", ()))
    return [
        report["tenant"] or "-",
        report["job"],
        report["status"],
        *numbers,
        report.get("seconds", "-"),
        error[0] if error else "",
    ]


class Stopped:
    """SIGTERM and SIGINT: the first stops all jobs in order, a second ends this process and, by the kernel, theirs."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signal: int | None = None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals."""
        before = {one: signal.signal(one, self._arrived) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _arrived(self, number: int, _frame: object) -> None:
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = number
        self.event.set()

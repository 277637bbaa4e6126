"""`dativo report`: what runs did, on the terminal, as JSON, or as one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dativo_ingest import exit_codes
from dativo_ingest.commands.common import add_job_options, options_of, print_json, private_umask, said
from dativo_ingest.events import Events
from dativo_ingest.reports.finding import Found, find
from dativo_ingest.reports.page import write_html
from dativo_ingest.reports.terminal import show
from dativo_ingest.reports.view import page_of

_WHAT = "id of a run or call, tenant/job, job file, report (JSON), or folder of reports, jobs or state"


def add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "show what runs did, and what to do next; exit code that of the runs, the worst"
    parser = commands.add_parser("report", help=text, description=text)
    parser.add_argument("what", nargs="?", metavar="RUN|JOB|DIR", help=_WHAT)
    add_job_options(parser, required=False)
    parser.add_argument("--html", metavar="FILE", help="write one page that needs nothing else, and print nothing")
    parser.set_defaults(run=_report, parser=parser)


def _report(arguments: argparse.Namespace) -> int:
    given = [what for what in (arguments.what, arguments.config, arguments.job_dir) if what]
    if len(given) != 1:
        arguments.parser.error("give one of RUN|JOB|DIR, --config, --job-dir")
    events = Events(level="WARNING")
    with private_umask():
        return said(events, lambda: _shown(arguments, given[0], events))


def _shown(arguments: argparse.Namespace, what: str, events: Events) -> int:
    found = find(what, options_of(arguments, probes=False).places, arguments.tenant_id)
    code = exit_codes.worst([*(run.exit_code for run in found.runs), *(exit_codes.FAILURE for _ in found.problems)])
    page = page_of(found.runs, found.history, found.problems)
    if arguments.html:
        write_html(page, Path(arguments.html))
    if arguments.json:
        print_json(_as_json(found, code), events)
    elif not arguments.html:
        show(page)
    return code


def _as_json(found: Found, code: int) -> dict[str, Any]:
    return {
        "exit_code": code,
        "jobs": found.documents,
        "problems": [str(problem) for problem in found.problems],
        "history": {
            job: [
                {
                    "run_id": run.run_id,
                    "started_at": run.started_at,
                    "status": run.status,
                    "seconds": run.seconds,
                    "records": run.target.totals.records,
                    "good": run.target.totals.good,
                    "quarantined": run.target.totals.quarantined,
                }
                for run in runs
            ]
            for job, runs in found.history.items()
        },
    }

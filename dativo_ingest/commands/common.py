"""Options that commands on jobs share, and how their results are printed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dativo_ingest.errors import OrchestratorError
from dativo_ingest.events import Events
from dativo_ingest.exit_codes import FAILURE
from dativo_ingest.places import Places
from dativo_ingest.secrets import MANAGERS
from dativo_ingest.startup import Options

_SECRETS = "/secrets"
_ALERTS = "DATIVO_RUNNER_CONFIG"


def add_job_options(parser: argparse.ArgumentParser, *, required: bool = True, runner: bool = False) -> None:
    """Add the options that say which jobs (`runner`: those of a runner file too), and where things are."""
    which = parser.add_mutually_exclusive_group(required=required)
    which.add_argument("--config", metavar="JOB", help="a job file")
    which.add_argument("--job-dir", metavar="DIR", help="a folder of job files (*.yaml, *.yml), read recursively")
    if runner:
        which.add_argument("--runner-config", metavar="FILE", help="a runner file, and every job that it names")
    parser.add_argument("--tenant-id", metavar="TENANT", help="take only this tenant's jobs; any other is refused")
    parser.add_argument("--mode", choices=("self_hosted", "cloud"), default="self_hosted", help="default: self_hosted")
    parser.add_argument("--state-dir", metavar="DIR", help="default: $STATE_DIR, else .local/state")
    parser.add_argument("--root", metavar="DIR", default=".", help="where relative paths of jobs start (default: .)")
    parser.add_argument(
        "--secrets-dir", metavar="DIR", help=f"a folder for each tenant (default: {_SECRETS}, if there)"
    )
    parser.add_argument(
        "--secret-manager", choices=MANAGERS, help="default: $DATIVO_SECRET_MANAGER, else env and folder"
    )
    parser.add_argument(
        "--secret-manager-config",
        metavar="FILE|JSON",
        help="settings of vault, aws or gcp (default: $DATIVO_SECRET_MANAGER_CONFIG)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_alerts_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the runner file which says who is told of runs."""
    parser.add_argument(
        "--alerts",
        metavar="FILE",
        default=os.environ.get(_ALERTS),
        help=f"runner file whose notify says who is told (default: ${_ALERTS})",
    )


def options_of(arguments: argparse.Namespace, *, probes: bool = True) -> Options:
    """Return the options of a command line."""
    environment = dict(os.environ)
    root = Path(arguments.root).resolve()
    state = Path(arguments.state_dir or environment.get("STATE_DIR") or root / ".local" / "state").resolve()
    secrets = Path(arguments.secrets_dir or _SECRETS)
    runner = Path(given) if (given := getattr(arguments, "runner_config", None)) else None
    return Options(
        Places(root, state),
        environment,
        config=Path(arguments.config) if arguments.config else None,
        job_dir=Path(arguments.job_dir) if arguments.job_dir else None,
        runner_config=runner,
        alerts=Path(told) if (told := getattr(arguments, "alerts", None)) else runner,
        tenant=arguments.tenant_id,
        mode=arguments.mode,
        secrets_dir=secrets if arguments.secrets_dir or secrets.is_dir() else None,
        secret_manager=arguments.secret_manager or environment.get("DATIVO_SECRET_MANAGER"),
        secret_manager_config=arguments.secret_manager_config or environment.get("DATIVO_SECRET_MANAGER_CONFIG"),
        probes=probes,
    )


def said(events: Events, work: Callable[[], int]) -> int:
    """Do a command's work; a foreseen failure is an event and exit code 2."""
    try:
        return work()
    except OrchestratorError as error:
        for line in str(error).splitlines():
            events.error("job_error", line, cause=error.code, retryable=error.retryable)
        return FAILURE


def print_json(value: Any, events: Events) -> None:
    """Print one JSON object, known secrets hidden."""
    sys.stdout.write(events.redactor.clean(json.dumps(value, indent=2, ensure_ascii=False, default=str)) + "\n")


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]], events: Events) -> None:
    """Print a table with columns as wide as they need to be."""
    lines = [list(head), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(line[number]) for line in lines) for number in range(len(head))]
    for line in lines:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        sys.stdout.write(events.redactor.clean(text) + "\n")


@contextmanager
def private_umask() -> Iterator[None]:
    """Make every file of this process and its children for their owner only."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)

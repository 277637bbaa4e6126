"""`dativo start`: open the jobs of a runner file in Dagster, on this machine."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dativo_ingest.commands.common import said
from dativo_ingest.dagster.instance import write_instance
from dativo_ingest.dagster.location import Location
from dativo_ingest.dagster.plan import Plan, read_plan
from dativo_ingest.errors import ConfigError, OrchestratorError, Problem
from dativo_ingest.events import Events
from dativo_ingest.runner import read_runner

_PACKAGES = ("dagster", "dagster_webserver")
_CODE = "dativo_ingest.dagster.code_location"
# Loads that are to end may finish a publish first.
_GRACE_SECONDS = 200.0
_POLL_SECONDS = 0.2


def add_start(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "open the jobs of a runner file in Dagster: schedules, queue and pages (extra [dagster])"
    parser = commands.add_parser("start", help=text, description=text)
    parser.add_argument("how", nargs="?", choices=("orchestrated",), help="as dativo-ingest has it; changes nothing")
    parser.add_argument("--runner-config", metavar="FILE", required=True, help="a runner file")
    parser.add_argument("--job-dir", metavar="DIR", help="a folder of jobs that are shown too (default: none)")
    parser.add_argument("--root", metavar="DIR", default=".", help="where relative paths of jobs start (default: .)")
    parser.add_argument("--state-dir", metavar="DIR", help="default: $STATE_DIR, else .local/state")
    parser.add_argument("--secrets-dir", metavar="DIR", help="a folder for each tenant (default: /secrets, if there)")
    parser.add_argument("--mode", choices=("self_hosted", "cloud"), default="self_hosted", help="default: self_hosted")
    parser.add_argument("--host", default="127.0.0.1", help="address of the pages, which ask for no password")
    parser.add_argument("--port", type=int, default=3000, help="default: 3000")
    text = "a run that put rows in quarantine is a failed one"
    parser.add_argument("--partial-fails", action="store_true", help=text)
    parser.set_defaults(run=start)


def start(arguments: argparse.Namespace) -> int:
    """Run the command until it is stopped, and return its exit code."""
    events = Events(level="WARNING")
    return said(events, lambda: _start(arguments, events))


def _start(arguments: argparse.Namespace, events: Events) -> int:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        hint = "pip install 'target-dativo-iceberg[dagster]'"
        raise OrchestratorError(f"{' and '.join(missing).replace('_', '-')} is not installed", hint)
    location = _location(arguments)
    _checked(Path(arguments.runner_config))
    plan = read_plan(location)
    _say(plan, events)
    state = Path(location.state_dir or ".")
    home = Path(os.environ.get("DAGSTER_HOME") or state / "dagster").resolve()
    write_instance(home, plan.concurrency_per_tenant)
    where = ["-h", arguments.host, "-p", str(arguments.port)]
    words = [sys.executable, "-m", "dagster", "dev", "-m", _CODE, *where]
    environment = os.environ | location.to_environment() | {"DAGSTER_HOME": str(home)}
    sys.stderr.write(f"{len(plan.loads)} jobs, {len(plan.times)} schedules; pages at http://{_at(arguments)}\n")
    return _until_stopped(words, environment)


def _at(arguments: argparse.Namespace) -> str:
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    return f"{host}:{arguments.port}"


def _location(arguments: argparse.Namespace) -> Location:
    root = Path(arguments.root).resolve()
    state = arguments.state_dir or os.environ.get("STATE_DIR") or root / ".local" / "state"
    return Location(
        jobs_folder=str(Path(arguments.job_dir).resolve()) if arguments.job_dir else None,
        runner_config=str(Path(arguments.runner_config).resolve()),
        root=str(root),
        state_dir=str(Path(state).resolve()),
        secrets_dir=str(Path(arguments.secrets_dir).resolve()) if arguments.secrets_dir else None,
        mode=arguments.mode,
        partial_ok=not arguments.partial_fails,
    )


def _checked(path: Path) -> None:
    """Refuse a runner file that is not for Dagster.

    Raises:
        ConfigError: it is for another scheduler, or for none.

    """
    document, runner = read_runner(path)
    wrong: list[Problem] = []
    if runner.mode != "orchestrated":
        hint = "write 'orchestrated', or use dativo run"
        wrong.append(document.problem(("mode",), f"mode '{runner.mode}' starts no scheduler", hint))
    if runner.orchestrator.type != "dagster":
        message = f"orchestrator '{runner.orchestrator.type}' is not started from here"
        wrong.append(document.problem(("orchestrator", "type"), message, "write 'dagster', or leave it out"))
    if wrong:
        raise ConfigError(wrong)


def _say(plan: Plan, events: Events) -> None:
    """Warn of jobs that cannot be used; Dagster shows them too, and runs of them fail.

    Raises:
        OrchestratorError: none can be used.

    """
    bad = [load for load in plan.loads if load.problem]
    for load in bad:
        for line in load.problem.splitlines():
            events.warn("job_error", line, path=str(load.path))
    if len(bad) == len(plan.loads):
        raise OrchestratorError("there is no job that can be run", "name jobs in the runner file, or give --job-dir")


def _until_stopped(words: list[str], environment: dict[str, str]) -> int:
    """Run Dagster until it ends or this process is told to; leave none of its processes behind."""
    with subprocess.Popen(words, env=environment, start_new_session=True) as process:  # noqa: S603 - ours
        with _signals() as arrived:
            while process.poll() is None and not arrived:
                time.sleep(_POLL_SECONDS)
        _end_group(process)
        return 128 + arrived[0] if arrived else process.wait()


@contextmanager
def _signals() -> Iterator[list[int]]:
    arrived: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {one: signal.signal(one, lambda number, _frame: arrived.append(number)) for one in numbers}
    try:
        yield arrived
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask Dagster's processes to end, which ask their loads; kill those that are left after the grace time."""
    deadline = time.monotonic() + _GRACE_SECONDS
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(_POLL_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)

"""One load as a process of its own, which does not outlive what started it, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import dativo_ingest
from dativo_ingest.dagster.loads import Load
from dativo_ingest.dagster.location import Location

Event = Mapping[str, Any]
_KILLED_SECONDS = 10.0
_TIED = Path(dativo_ingest.__file__).parent / "wrappers" / "tied.py"


@dataclass(frozen=True)
class Ended:
    """A load that has ended.

    Attributes:
        code: exit code, negative for a signal.
        report: of the run, empty when there is none.
        error: the last event that was an error, empty when there was none.

    """

    code: int
    report: Mapping[str, Any] = field(default_factory=dict)
    error: Event = field(default_factory=dict)


def command(load: Load, location: Location, number: int) -> list[str]:
    """Return the command line of a load; `number` counts its tries from 1."""
    words = [sys.executable, "-P", "-m", "dativo_ingest", "run", "--config", str(load.path), "--json"]
    words += ["--try", str(number), "--tries", str(location.max_retries + 1), "--mode", location.mode]
    words += ["--root", str(location.path(".")), "--state-dir", str(location.state)]
    for name, value in {"--secrets-dir": location.secrets_dir, "--alerts": location.runner_config}.items():
        words += [name, str(location.path(value))] if value else []
    return words


def run(words: Sequence[str], said: Callable[[Event, bytes], None], grace_seconds: float) -> Ended:
    """Run a load to its end. Whatever ends the waiting ends the load too, with all its processes.

    Args:
        words: the command line.
        said: takes each event, and the line that it came in.
        grace_seconds: how long a load that is to end may finish a publish before it is killed.

    """
    tied = [sys.executable, "-I", "-S", str(_TIED), "SIGTERM"]
    # What the instance of Dagster signs in with is no tenant's business.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")}
    error: Event = {}
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(  # noqa: S603 - the command is ours
            [*tied, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stderr is not None
        try:
            for line in child.stderr:
                event = _event(line)
                error = event if event.get("level") == "ERROR" else error
                said(event, line)
            child.wait()
        finally:
            end(child, grace_seconds)
        return Ended(child.returncode, _report(out), error)


def end(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """Ask a load to end, wait for a publish under way, and kill all of its processes that are left then."""
    try:
        if child.poll() is None:
            _signal([-child.pid], signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=grace_seconds)
    finally:
        if child.poll() is None:
            # Meltano and the plugins are in groups of their own; they are to be found as long as their parents live.
            left = descendants(child.pid)
            _signal([-child.pid, *left], signal.SIGKILL)
            child.wait()
            _wait_for_end(left)
        if child.stderr is not None:
            child.stderr.close()


def descendants(process: int) -> list[int]:
    """Return the ids of the children of a process, and theirs; none where there is no `/proc`."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found = list(children.get(process, ()))
    for one in found:
        found += children.get(one, ())
    return found


def _wait_for_end(processes: Sequence[int]) -> None:
    """Wait until killed processes are gone: the kernel takes a moment."""
    until = time.monotonic() + _KILLED_SECONDS
    while time.monotonic() < until and any(Path(f"/proc/{one}/exe").exists() for one in processes):
        time.sleep(0.01)


def _signal(processes: Sequence[int], number: signal.Signals) -> None:
    for one in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one, number)


def _event(line: bytes) -> Event:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _report(out: IO[bytes]) -> dict[str, Any]:
    out.seek(0)
    try:
        (found,) = json.loads(out.read())["jobs"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}

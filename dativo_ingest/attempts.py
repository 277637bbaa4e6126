"""One try of a job: Meltano with tap and target as one process group, watched to its end, and how that end reads."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dativo_ingest import exit_codes, private_files, recovery
from dativo_ingest.endings import retryable
from dativo_ingest.errors import RunError
from dativo_ingest.meltano import Run
from dativo_ingest.plugin_logs import PluginLogs

_POLL_SECONDS = 0.1
# A target that publishes when it is told to stop finishes that first.
_GRACE_SECONDS = 160


@dataclass(frozen=True)
class Attempt:
    """How a try ended.

    Attributes:
        code: exit code.
        cause: empty for success, else the code of an ending (`endings`) or of an error, the target's or ours.
        error: one sentence for people; never a record's value.
        report: the target's run report, empty when there is none.
        tap_exit: exit code of the tap, None when it did not come to an end.
        errors: last error lines, for the patterns of a retry.
        retryable: whether the same run, started again, may end well; None for success and when it cannot be known.

    """

    code: int
    cause: str = ""
    error: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    tap_exit: int | None = None
    errors: Sequence[str] = ()
    retryable: bool | None = None

    @property
    def lasting(self) -> bool:
        """Whether another try would end the same way, or is not wanted."""
        return self.retryable is False or self.cause == "interrupted"


def run_once(
    run: Run,
    command: Sequence[str],
    environment: Mapping[str, str],
    logs: PluginLogs,
    seconds: float | None,
    stop: threading.Event,
) -> Attempt:
    """Run Meltano, and read from report, exit files and printed STATE how it went. Meltano's own code tells nothing.

    Args:
        run: files of the run.
        command: Meltano's command line.
        environment: of the run, whole.
        logs: takes what is said.
        seconds: longest time, None for no limit.
        stop: ends the run early.

    Raises:
        RunError: Meltano cannot be started, or a target is left that does not end.

    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is ours
            command,
            env=dict(environment),
            cwd=run.folder.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            umask=0o077,
        )
    except OSError as error:
        raise RunError(f"Meltano cannot be started ({error.strerror})", "check DATIVO_MELTANO") from None
    assert process.stderr is not None
    reader = threading.Thread(target=logs.take_meltano, args=(process.stderr,), daemon=True)
    reader.start()
    try:
        why = _watch(process, seconds, stop, logs)
    finally:
        _end(process, run.folder.loader_lock)
        reader.join(5)
        process.stderr.close()
        logs.take_plugins()
    return _read(run, logs, why, process.returncode)


def _watch(process: subprocess.Popen[bytes], seconds: float | None, stop: threading.Event, logs: PluginLogs) -> str:
    """Wait for the end; return why it was ended early, else nothing."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while process.poll() is None:
        if stop.is_set():
            return _asked(process, "interrupted")
        if deadline is not None and time.monotonic() > deadline:
            return _asked(process, "timeout")
        logs.take_plugins()
        stop.wait(_POLL_SECONDS)
    return ""


def _asked(process: subprocess.Popen[bytes], why: str) -> str:
    """Ask Meltano to end; it asks tap and target, and waits for a publish under way."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    return why


def _end(process: subprocess.Popen[bytes], loader_lock: Path) -> None:
    """Leave no process of the run behind: the target may end its publish, then all are killed."""
    if process.poll() is None:
        process.kill()
        process.wait()
    with private_files.locked(loader_lock, _GRACE_SECONDS), contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _read(run: Run, logs: PluginLogs, why: str, meltano_code: int) -> Attempt:
    # A mapper that fails reads as a tap that does: it is on the source's side of the target.
    report, tap_exit, loader_exit = (
        _report(run),
        _number(run.mapper_exit) or _number(run.tap_exit),
        _number(run.loader_exit),
    )
    ended = partial(Attempt, report=report, tap_exit=tap_exit, errors=logs.errors())

    def failed(cause: str, error: str) -> Attempt:
        known = retryable(cause, error, report.get("error") or {})
        return ended(exit_codes.FAILURE, cause, error, retryable=known)

    if why:
        words = {"timeout": "the run took longer than timeout_seconds", "interrupted": "the run was stopped"}
        return failed(why, words[why])
    finished = report.get("status") in ("success", "partial") and loader_exit == 0
    if finished and tap_exit == 0:
        printed = recovery.count_lines(run.folder.emitted)
        if printed != report["states"]:
            error = f"the target printed {report['states']} STATE lines and {printed} were kept"
            return failed("state", error)
        code = exit_codes.of_report(report)
        if code == exit_codes.FAILURE:
            return failed("no_good_rows", "rows were read and none was good: all are in quarantine")
        return ended(code)
    return failed(*_cause(report, tap_exit, logs, meltano_code))


def _cause(report: Mapping[str, Any], tap_exit: int | None, logs: PluginLogs, meltano_code: int) -> tuple[str, str]:
    failed = report.get("error") or {}
    target_began_it = failed and failed["code"] not in ("input", "interrupted")
    if tap_exit not in (None, 0) and not target_began_it:
        said = logs.last_error("tap")
        return "source", f"the tap ended with exit code {tap_exit}" + (f": {said}" if said else "")
    if failed:
        cause = "source" if failed["code"] == "input" and tap_exit is None else failed["code"]
        return str(cause), str(failed["message"])
    if tap_exit is None and not report and (said := logs.last_error("tap")):
        return "source", f"the tap failed before it read anything: {said}"
    said = logs.last_error("target") or logs.last_error("meltano")
    return "meltano", f"Meltano ended with exit code {meltano_code} before tap and target did" + (
        f": {said}" if said else ""
    )


def _report(run: Run) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(run.report.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if found.get("run_id") == run.run_id else {}


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None

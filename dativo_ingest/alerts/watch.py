"""Jobs that have not succeeded for too long: when each last did, and when somebody was last told that it did not."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime
from typing import Any

from dativo_ingest import kept_reports, private_files
from dativo_ingest.places import JobFolder
from dativo_ingest.reports.words import moment


def overdue(folder: JobFolder, seconds: int, now: float | None = None) -> str | None:
    """Return since when a job has not succeeded, for people, if that is too long and nobody was told of late.

    A job without any success counts from the first time it was looked at. It is told once for each such span.

    Args:
        folder: of the job.
        seconds: how long ago the last success may be.
        now: seconds since 1970, of this moment if not given.

    """
    now = time.time() if now is None else now
    seen = _seen(folder)
    success = max(_number(seen, "last_success"), _last_success(folder)) or None
    since = success or _number(seen, "first_seen") or now
    told = _number(seen, "told_at")
    due = now - since > seconds and now - max(told, since) > seconds
    _remember(folder, {"first_seen": _number(seen, "first_seen") or now, "last_success": success}, told, now, due=due)
    if not due:
        return None
    at = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return moment(at) if success else f"the job was first looked at, {moment(at)}"


def _remember(folder: JobFolder, seen: dict[str, Any], told: float, now: float, *, due: bool) -> None:
    text = json.dumps(seen | {"told_at": now if due else told}).encode() + b"\n"
    # Where it cannot be written somebody is told again, which is better than never.
    with contextlib.suppress(OSError):
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_files.write(folder.watch, text)


def _seen(folder: JobFolder) -> dict[str, Any]:
    try:
        found = json.loads(folder.watch.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(seen: dict[str, Any], name: str) -> float:
    found = seen.get(name)
    return float(found) if isinstance(found, (int, float)) else 0.0


def _last_success(folder: JobFolder) -> float:
    """Return when the last kept run that succeeded, in part too, ended; 0 when there is none."""
    ended = 0.0
    for report in kept_reports.reports(folder):
        code, seconds = report.get("exit_code"), report.get("seconds")
        if code not in (0, 1) or not isinstance(seconds, (int, float)):
            continue
        with contextlib.suppress(ValueError):
            started = datetime.fromisoformat(str(report.get("started_at")))
            ended = max(ended, started.timestamp() + seconds)
    return ended

"""Which runs a word of the command line means: ids of runs and calls, jobs, their files, folders, reports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dativo_ingest import kept_reports, names
from dativo_ingest.errors import ConfigError, Problem, StateError
from dativo_ingest.jobs import JobFile, Unusable, from_yaml, load_jobs_from_directory, of_tenant
from dativo_ingest.places import JobFolder, Places
from dativo_ingest.reports.model import JobRun, job_runs

_YAML = (".yaml", ".yml")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{5,63}")
_NAME = re.compile(r"(?P<tenant>[a-z0-9_-]+)[./](?P<job>[a-z0-9_-]+)")


@dataclass(frozen=True)
class Found:
    """Runs to be shown, and by job the runs before and with them, the oldest first.

    Attributes:
        documents: the reports as they were written, one for each run.
        runs: the same, typed.
        history: by job's id, its kept runs up to the shown one.
        problems: jobs that have no report, and why.

    """

    documents: list[dict[str, Any]] = field(default_factory=list)
    runs: list[JobRun] = field(default_factory=list)
    history: dict[str, list[JobRun]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def find(what: str, places: Places, tenant: str | None = None) -> Found:
    """Return the runs that a word means.

    Args:
        what: a path to a report, a job file, a folder of reports, jobs or state; `tenant/job`; the id of a run or call.
        places: folders of this call.
        tenant: refuse other tenants' jobs.

    Raises:
        StateError: there is nothing of that name, or a report cannot be read.
        ConfigError: a job file cannot be read.

    """
    path = Path(what)
    if path.is_dir():
        found = _of_folder(path, places, tenant)
    elif path.suffix in _YAML and path.exists():
        found = _of_jobs([from_yaml(path)], places, tenant)
    elif path.is_file():
        found = _of_files([path], places)
    else:
        found = _of_name(what, places)
    if tenant is not None and any(run.tenant not in (tenant, None) for run in found.runs):
        raise StateError(f"'{what}' is not of tenant '{tenant}' alone", "leave --tenant-id out, or name what is")
    return found


def _of_folder(folder: Path, places: Places, tenant: str | None) -> Found:
    kept = [path for deep in ("", "*/", "*/*/") for path in sorted(folder.glob(f"{deep}report.json"))]
    if kept:
        return _of_files(kept, places)
    if any(path.suffix in _YAML for path in folder.rglob("*")):
        return _of_jobs(load_jobs_from_directory(folder), places, tenant)
    reports = sorted(folder.glob("*.json"))
    if not reports:
        raise StateError(f"folder '{folder}' holds neither reports nor jobs", "name one that does, or a run's id")
    return _of_files(reports, places)


def _of_jobs(files: Iterable[JobFile | Unusable], places: Places, tenant: str | None) -> Found:
    found = Found()
    for one in of_tenant(files, tenant):
        if isinstance(one, Unusable):
            found.problems.extend(one.error.problems)
            continue
        folder = places.of_job(one.tenant, one.name)
        if folder.report.exists():
            _take(found, folder.report, places)
        else:
            hint = "run it first, or check --state-dir"
            found.problems.append(Problem(str(one.document.path), f"job {one.id} has no report", hint))
    if found.problems and not found.runs:
        raise ConfigError(found.problems)
    return found


def _of_files(paths: Iterable[Path], places: Places) -> Found:
    found = Found()
    for path in paths:
        _take(found, path, places)
    return found


def _of_name(what: str, places: Places) -> Found:
    name = _NAME.fullmatch(what)
    if name and names.is_plain(name["tenant"]) and names.is_plain(name["job"]):
        folder = places.of_job(name["tenant"], name["job"])
        if folder.report.exists():
            return _of_files([folder.report], places)
    if _ID.fullmatch(what):
        run = next((path for one in _folders(places) if (path := kept_reports.path_of(one, what))), None)
        if run is not None:
            return _of_files([run], places)
        called = list(_of_call(what, places))
        if called:
            return _of_files(called, places)
    hint = f"give the id of a run, tenant/job, a job file, or a folder; runs are looked for in {places.state}"
    raise StateError(f"there is no run, job, report or folder '{what}'", hint)


def _folders(places: Places) -> list[JobFolder]:
    return [JobFolder(path.parent) for path in sorted(places.state.glob("*/*/runs"))]


def _of_call(call_id: str, places: Places) -> Iterator[Path]:
    """Yield the reports of the runs that one call of `dativo run` made."""
    for folder in _folders(places):
        for path in kept_reports.paths(folder):
            # Most are of other calls, and are not parsed.
            if f'"{call_id}"'.encode() in path.read_bytes() and _read(path).get("call_id") == call_id:
                yield path


def _take(found: Found, path: Path, places: Places) -> None:
    document = _read(path)
    runs = job_runs(document, str(path))
    several = document.get("jobs")
    found.documents.extend(several if isinstance(several, list) else [document])
    found.runs.extend(runs)
    for run in runs:
        found.history[run.id] = _history(_folder(path, run, places), run) or [run]


def _folder(path: Path, run: JobRun, places: Places) -> JobFolder | None:
    """Return the folder of a run's job: that in which its report lies, else the one in the state directory."""
    beside = JobFolder(path.parent.parent if path.parent.name == "runs" else path.parent)
    if beside.runs.is_dir():
        return beside
    if run.tenant is not None and names.is_plain(run.tenant) and names.is_plain(run.job):
        return places.of_job(run.tenant, run.job)
    return None


def _history(folder: JobFolder | None, run: JobRun) -> list[JobRun]:
    """Return a job's kept runs up to the given one; what cannot be read is passed over."""
    runs: list[JobRun] = []
    for value in kept_reports.reports(folder) if folder is not None else ():
        with suppress(StateError):
            runs += job_runs(value, "")
    ids = [one.run_id for one in runs]
    return runs[: ids.index(run.run_id) + 1] if run.run_id in ids else []


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged: no whole JSON"
        raise StateError(f"report {path} cannot be read ({reason})", "run the job again, or name another run") from None
    if not isinstance(found, dict):
        raise StateError(f"report {path} is no JSON object", "name a report that dativo wrote")
    return found

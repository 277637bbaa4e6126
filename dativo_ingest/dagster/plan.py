"""A folder of jobs and a runner file → all loads of a code location, and when they are run.

Dagster reads a code location anew in every run, so only YAML is read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dativo_ingest.dagster.loads import Load, load_of
from dativo_ingest.dagster.location import Location
from dativo_ingest.documents import Document
from dativo_ingest.errors import ConfigError, Problem
from dativo_ingest.jobs import JobFile, Unusable, load_jobs_from_directory, without_clashes
from dativo_ingest.models import Runner
from dativo_ingest.models.timing import Timing
from dativo_ingest.places import Places
from dativo_ingest.runner import load_scheduled_jobs, read_runner


@dataclass(frozen=True)
class Times:
    """When a load is to be run. `document` and `way` are where that is said."""

    name: str
    load: Load
    timing: Timing
    document: Document
    way: tuple[str | int, ...]


@dataclass(frozen=True)
class Plan:
    """All loads of a code location, their times, and how many of one tenant may run at once."""

    loads: Sequence[Load]
    times: Sequence[Times] = ()
    concurrency_per_tenant: int = 1


def read_plan(location: Location) -> Plan:
    """Read jobs and runner file. A job that cannot be used is a load with a problem; the others are not touched by it.

    The times of a job are those of the runner file; its own `schedule` counts where that has none for it.

    Raises:
        ConfigError: the runner file is wrong, the folder is not there or holds no file, or neither is named.

    """
    if location.jobs_folder is None and location.runner_config is None:
        raise ConfigError([Problem("dagster", "neither jobs_folder nor runner_config is given", "give one of them")])
    places = Places(location.path("."), location.path("."))
    found: list[JobFile | Unusable] = []
    if location.jobs_folder is not None:
        found += load_jobs_from_directory(location.path(location.jobs_folder))
    document, runner = None, Runner()
    if location.runner_config is not None:
        document, runner = read_runner(location.path(location.runner_config))
        found += load_scheduled_jobs(location.path(location.runner_config), places.root)
    files = {_path(one): one for one in reversed(found)}
    loads = {_path(one): load_of(one, places) for one in without_clashes(list(reversed(files.values())))}
    times = list(_of_runner(document, runner, loads, places)) if document else []
    times += _of_jobs(files, loads, {one.load.path for one in times})
    return Plan(list(loads.values()), times, runner.orchestrator.concurrency_per_tenant)


def _path(one: JobFile | Unusable) -> Path:
    return (one.path if isinstance(one, Unusable) else one.document.path).resolve()


def _of_runner(document: Document, runner: Runner, loads: Mapping[Path, Load], places: Places) -> Iterator[Times]:
    if runner.mode != "orchestrated":
        return
    for number, schedule in enumerate(runner.orchestrator.schedules):
        load = loads[(places.root / schedule.config).resolve()]
        yield Times(schedule.name, load, schedule, document, ("orchestrator", "schedules", number))


def _of_jobs(files: Mapping[Path, JobFile | Unusable], loads: Mapping[Path, Load], timed: set[Path]) -> Iterator[Times]:
    for path, file in files.items():
        load = loads[path]
        if isinstance(file, JobFile) and file.job.schedule and path not in timed and not load.problem:
            yield Times(load.name, load, file.job.schedule, file.document, ("schedule",))

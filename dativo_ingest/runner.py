"""Runner files: which jobs an existing scheduler is to run, and when. Read and checked here; nothing is scheduled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dativo_ingest import times
from dativo_ingest.documents import Document, checked, read
from dativo_ingest.errors import ConfigError, Problem
from dativo_ingest.jobs import JobFile, Unusable, load_jobs
from dativo_ingest.legacy import modernise_runner
from dativo_ingest.models import Runner


def read_runner(path: Path) -> tuple[Document, Runner]:
    """Read a runner file, with or without `runner:` around its content.

    Raises:
        ConfigError: all that is wrong with it.

    """
    document = read(path, "runner file")
    inner, _ = modernise_runner(document)
    if inner is not document:
        beside = [str(key) for key in document.block if key != "runner"]
        wrong = [
            document.problem((key,), f"'{key}' stands beside 'runner'", "move it under 'runner'") for key in beside
        ]
        if wrong:
            raise ConfigError(wrong)
    runner = checked(Runner, inner)
    problems = list(_problems(inner, runner))
    if problems:
        raise ConfigError(problems)
    return inner, runner


def load_scheduled_jobs(path: Path, root: Path) -> list[JobFile | Unusable]:
    """Read every job that a runner file names, those of schedules that are not enabled too; each once.

    Args:
        path: of the runner file.
        root: where the relative paths of jobs start.

    Raises:
        ConfigError: the runner file is wrong.

    """
    document, runner = read_runner(path)
    jobs: dict[Path, Problem] = {}
    for number, schedule in enumerate(runner.orchestrator.schedules):
        job = root / schedule.config
        way = ("orchestrator", "schedules", number, "config")
        jobs.setdefault(job, document.problem(way, f"there is no job file at '{schedule.config}'", "check the path"))
    missing = [Unusable(job, ConfigError([problem])) for job, problem in jobs.items() if not job.is_file()]
    return [*load_jobs(job for job in jobs if job.is_file()), *missing]


def _problems(document: Document, runner: Runner) -> Iterator[Problem]:
    """Yield what the model cannot see: names that are used twice, times and zones that do not exist."""
    names = set[str]()
    for number, schedule in enumerate(runner.orchestrator.schedules):
        way = ("orchestrator", "schedules", number)
        if schedule.name in names:
            message = f"schedule '{schedule.name}' is there twice"
            yield document.problem((*way, "name"), message, "rename one")
        names.add(schedule.name)
        yield from times.problems(document, way, schedule)

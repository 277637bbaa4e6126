"""Job files → jobs: read, older spellings replaced, held against the model, named. Nothing is resolved here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dativo_ingest import names, times
from dativo_ingest.documents import Document, checked, read
from dativo_ingest.errors import ConfigError, Problem
from dativo_ingest.legacy import modernise_job
from dativo_ingest.models import Job

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class JobFile:
    """A job as its file has it. `notes` are the older spellings that were read."""

    document: Document
    job: Job
    notes: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        """The job's name."""
        return self.job.name or self.document.path.stem

    @property
    def tenant(self) -> str:
        """The tenant's name."""
        return self.job.tenant_id

    @property
    def id(self) -> str:
        """The job's name among all tenants."""
        return names.job_id(self.tenant, self.name)


@dataclass(frozen=True)
class Unusable:
    """A job file that cannot be read as a job."""

    path: Path
    error: ConfigError


def from_yaml(path: Path) -> JobFile:
    """Read one job file.

    Raises:
        ConfigError: all that is wrong with it.

    """
    document = read(path, "job")
    notes = modernise_job(document)
    file = JobFile(document, checked(Job, document), tuple(notes))
    for what, name, way in (("tenant", file.tenant, ("tenant_id",)), ("job", file.name, ("name",))):
        if not names.is_plain(name):
            hint = names.RULE + (", or rename the file" if what == "job" and file.job.name is None else "")
            raise document.error(way, f"the {what}'s name is not allowed", hint)
    wrong = list(times.problems(document, ("schedule",), file.job.schedule)) if file.job.schedule else []
    if wrong:
        raise ConfigError(wrong)
    return file


def load_jobs_from_directory(folder: Path) -> list[JobFile | Unusable]:
    """Read all job files of a folder and below, in the order of their paths.

    Raises:
        ConfigError: there is no such folder, or no job file in it.

    """
    if not folder.is_dir():
        raise ConfigError([Problem(str(folder), "there is no such folder", "check --job-dir")])
    paths = sorted(p for p in folder.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
    paths = [p for p in paths if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    if not paths:
        raise ConfigError([Problem(str(folder), "the folder holds no .yaml or .yml file", "put jobs there")])
    return load_jobs(paths)


def load_jobs(paths: Iterable[Path]) -> list[JobFile | Unusable]:
    """Read job files in the order given; of two that would share a folder or secrets the second is unusable."""
    found: list[JobFile | Unusable] = []
    for path in paths:
        try:
            found.append(from_yaml(path))
        except ConfigError as error:
            found.append(Unusable(path, error))
    return without_clashes(found)


def without_clashes(found: Sequence[JobFile | Unusable]) -> list[JobFile | Unusable]:
    """Make unusable what would share a state folder or the variables of its secrets with a job before it."""
    jobs: dict[str, Path] = {}
    tenants: dict[str, str] = {}
    checked_jobs: list[JobFile | Unusable] = []
    for one in found:
        if isinstance(one, JobFile):
            path = one.document.path
            other = jobs.setdefault(one.id, path)
            same = tenants.setdefault(one.tenant.replace("-", "_"), one.tenant)
            if other != path:
                clash = one.document.error(("name",), f"job '{one.name}' of the tenant is in {other} too", "rename one")
                checked_jobs.append(Unusable(path, clash))
                continue
            if same != one.tenant:
                message = f"tenants '{same}' and '{one.tenant}' would share the variables of their secrets"
                checked_jobs.append(Unusable(path, one.document.error(("tenant_id",), message, "rename one")))
                continue
        checked_jobs.append(one)
    return checked_jobs


def of_tenant(files: Iterable[JobFile | Unusable], tenant: str | None) -> list[JobFile | Unusable]:
    """Make jobs of other tenants unusable where one tenant is asked for."""
    if tenant is None:
        return list(files)
    found: list[JobFile | Unusable] = []
    for one in files:
        if isinstance(one, JobFile) and one.tenant != tenant:
            message = f"the job is of tenant '{one.tenant}', not of '{tenant}'"
            hint = "leave --tenant-id out, or give only that tenant's jobs"
            found.append(Unusable(one.document.path, one.document.error(("tenant_id",), message, hint)))
        else:
            found.append(one)
    return found

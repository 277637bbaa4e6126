"""The startup sequence, one for a single job and a folder of them: load, tenants, logging, secrets, environment,
infrastructure, state, validation. All of it is over before any job is started; a job that fails here is not started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dativo_ingest.alerts.wanted import Common, Wanted, common_of, wanted_of
from dativo_ingest.errors import ConfigError, OrchestratorError, StateError
from dativo_ingest.events import Events
from dativo_ingest.infrastructure import Probe, addresses, probe
from dativo_ingest.jobs import JobFile, Unusable, from_yaml, load_jobs_from_directory, of_tenant
from dativo_ingest.places import Places
from dativo_ingest.ready import Context, Ready, make_ready
from dativo_ingest.recipes import read_registry
from dativo_ingest.runner import load_scheduled_jobs
from dativo_ingest.secrets import SIGNED_IN_WITH, Secrets, load_secrets
from dativo_ingest.variables import Variables
from tap_adapters.registry import Registry

_ALLOWED = "DATIVO_ENV_ALLOW"


@dataclass(frozen=True)
class Options:
    """How jobs are to be prepared: what the command line says, and the environment.

    Attributes:
        places: folders.
        environment: of this process.
        config: a job file, or None.
        job_dir: a folder of jobs, or None.
        runner_config: a runner file that names jobs, or None.
        alerts: a runner file whose `notify` says who is told of runs, or None.
        tenant: take no other tenant's jobs.
        mode: `self_hosted` or `cloud`.
        secrets_dir: folder of secrets, with a folder for each tenant.
        secret_manager: one manager by name, None for those of environment and folder.
        secret_manager_config: its settings, a path or JSON.
        probes: whether servers are looked at.

    """

    places: Places
    environment: Mapping[str, str]
    config: Path | None = None
    job_dir: Path | None = None
    runner_config: Path | None = None
    alerts: Path | None = None
    tenant: str | None = None
    mode: str = "self_hosted"
    secrets_dir: Path | None = None
    secret_manager: str | None = None
    secret_manager_config: str | None = None
    probes: bool = True


@dataclass(frozen=True)
class Prepared:
    """A job after startup: ready, or what is wrong with it.

    Attributes:
        path: of its file.
        events: in its name.
        file: the job as its file has it, None when that cannot be read.
        ready: the job, ready to run.
        error: what is wrong with it.
        probes: of the servers it names.
        wanted: who is told of its runs, None for nobody.

    """

    path: Path
    events: Events
    file: JobFile | None = None
    ready: Ready | None = None
    error: OrchestratorError | None = None
    probes: Sequence[Probe] = field(default=())
    wanted: Wanted | None = None


def start(options: Options, events: Events) -> list[Prepared]:
    """Prepare all jobs.

    Raises:
        OrchestratorError: the registry, folder or runner file cannot be read, or the secret manager cannot be used: no
            job can run.

    """
    events.say("startup_begin", "startup begins", mode=options.mode)
    common = common_of(options.alerts)
    files = _load(options, events)
    registry = read_registry(options.places)
    contexts = _contexts(files, options, registry, events)
    prepared = [_made_ready(one, contexts, common, options, events) for one in files]
    if options.probes:
        prepared = _probed(prepared, events)
    prepared = [_with_state(one) for one in prepared]
    for one in prepared:
        _say_validated(one)
    failed = sum(one.error is not None for one in prepared)
    events.say(
        "startup_complete",
        f"{len(prepared) - failed} jobs are ready, {failed} are not",
        jobs=len(prepared),
        failed=failed,
    )
    return prepared


def _load(options: Options, events: Events) -> list[JobFile | Unusable]:
    found: list[JobFile | Unusable]
    if options.job_dir is not None:
        found = load_jobs_from_directory(options.job_dir)
    elif options.runner_config is not None:
        found = load_scheduled_jobs(options.runner_config, options.places.root)
    else:
        assert options.config is not None
        try:
            found = [from_yaml(options.config)]
        except ConfigError as error:
            found = [Unusable(options.config, error)]
    tenants = sorted({one.tenant for one in found if isinstance(one, JobFile)})
    if options.tenant is not None:
        events.say("tenant_override", f"only jobs of tenant '{options.tenant}' are taken", tenant_id=options.tenant)
    else:
        events.say("tenant_inferred", "tenants come from the jobs", tenants=tenants)
    return of_tenant(found, options.tenant)


def _contexts(
    files: Sequence[JobFile | Unusable], options: Options, registry: Registry, events: Events
) -> dict[str, Context]:
    """Load the secrets of each tenant once, and tell the redactor all of them before anything is said about them."""
    found = {}
    for tenant in sorted({one.tenant for one in files if isinstance(one, JobFile)}):
        secrets = load_secrets(
            tenant,
            options.environment,
            options.secrets_dir,
            options.secret_manager,
            options.secret_manager_config,
            events.redactor.learn,
        )
        for text in secrets.texts():
            events.redactor.learn(text)
        for warning in secrets.warnings:
            events.warn("secrets_warning", warning, tenant_id=tenant)
        events.say("secrets_loaded", f"{len(secrets.values)} secrets", tenant_id=tenant, count=len(secrets.values))
        found[tenant] = Context(options.places, registry, secrets, _variables(secrets, options, events), options.mode)
    return found


def _variables(secrets: Secrets, options: Options, events: Events) -> Variables:
    """Return what jobs may name. In cloud mode the environment is the operator's: only what is allowed is seen."""
    allowed = options.environment.get(_ALLOWED)
    patterns = [p.strip() for p in allowed.split(",") if p.strip()] if allowed is not None else None
    if patterns is None and options.mode == "cloud":
        patterns = []
    hidden = SIGNED_IN_WITH.get(options.secret_manager or "", frozenset())
    return Variables(secrets.variables, options.environment, patterns, events.redactor.learn, hidden)


def _made_ready(
    one: JobFile | Unusable, contexts: Mapping[str, Context], common: Common | None, options: Options, events: Events
) -> Prepared:
    if isinstance(one, Unusable):
        return Prepared(one.path, events, error=one.error, wanted=_of_unusable(common, options, events))
    # A command that only looks at jobs is quiet, whatever they say of their runs.
    level = one.job.logging.level if events.level == "INFO" else None
    own = events.about(level, tenant_id=one.tenant, job_name=one.name)
    found = Prepared(one.document.path, own, one)
    try:
        found = replace(found, wanted=wanted_of(one, common, contexts[one.tenant].variables))
        ready = make_ready(one, contexts[one.tenant])
    except OrchestratorError as error:
        return replace(found, error=error)
    own.say("env_validated", "every variable that the job names is set")
    for warning in ready.warnings:
        own.warn("job_warning", warning)
    return replace(found, ready=ready)


def _of_unusable(common: Common | None, options: Options, events: Events) -> Wanted | None:
    """Return who is told of a job that cannot be read: its tenant, and so their secrets, are not known."""
    try:
        return wanted_of(None, common, Variables({}, options.environment, told=events.redactor.learn))
    except ConfigError as error:
        events.warn("alert_failed", f"nobody is told of jobs that cannot be read: {error.problems[0]}")
        return None


def _probed(prepared: Sequence[Prepared], events: Events) -> list[Prepared]:
    known: dict[tuple[str, str], Probe] = {}
    found = []
    for one in prepared:
        mine = []
        for kind, address in addresses(one.ready) if one.ready else ():
            if (kind, address) not in known:
                known[kind, address] = probe(kind, address)
            mine.append(known[kind, address])
        found.append(replace(one, probes=mine))
    for look in known.values():
        if look.problem:
            events.warn("infrastructure_warning", f"{look.kind}: {look.problem}", server=look.kind)
    events.say("infra_validated", f"{len(known)} servers were looked at", servers=len(known))
    return found


def _with_state(one: Prepared) -> Prepared:
    """Make the state folder of a job: without it neither its lock nor its cursors can be kept."""
    if one.ready is None:
        return one
    try:
        one.ready.folder.make()
    except OSError as error:
        problem = f"the state directory {one.ready.folder.path} cannot be made ({error.strerror})"
        wrong = StateError(problem, "check --state-dir and its rights")
        return replace(one, ready=None, error=wrong)
    one.events.say("state_initialized", "the state directory is there", path=str(one.ready.folder.path))
    return one


def _say_validated(one: Prepared) -> None:
    if one.error is None:
        one.events.say("job_validated", "the job is ready", path=str(one.path))
        return
    problems = one.error.problems if isinstance(one.error, ConfigError) else [one.error]
    for problem in problems:
        known = one.error.retryable
        one.events.error("job_error", str(problem), cause=one.error.code, retryable=known, path=str(one.path))

"""Which jobs a code location of Dagster holds, and how it runs them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from dativo_ingest.errors import ConfigError, Problem

VARIABLE = "DATIVO_DAGSTER"
# `dativo run` waits 160 s for a publish under way before it ends the target itself.
GRACE_SECONDS = 180.0


@dataclass(frozen=True)
class Location:
    """What a code location is made from. Paths are as they are given; relative ones start at `root`.

    Attributes:
        jobs_folder: a folder of job files, None for those that the runner file names.
        runner_config: a runner file, None for jobs that say their times themselves, or have none.
        root: where relative paths of jobs start.
        state_dir: where `dativo` keeps cursors and reports; None for `$STATE_DIR`, else `.local/state` below `root`.
        secrets_dir: a folder of secrets for each tenant, None for `/secrets`.
        mode: `self_hosted` or `cloud`.
        partial_ok: a run that put rows in quarantine succeeds, with a failed check; else it fails.
        max_retries: how often Dagster tries again where the job has no `retry_config`.
        retry_seconds: how long it waits before that, twice as long each time.
        grace_seconds: how long a load that is to end may take for that before it is killed.

    """

    jobs_folder: str | None = None
    runner_config: str | None = None
    root: str = "."
    state_dir: str | None = None
    secrets_dir: str | None = None
    mode: str = "self_hosted"
    partial_ok: bool = True
    max_retries: int = 2
    retry_seconds: float = 30.0
    grace_seconds: float = GRACE_SECONDS

    def path(self, given: str) -> Path:
        """Return a path that starts at the root."""
        return (Path(self.root) / given).resolve()

    def to_environment(self) -> dict[str, str]:
        """Return the variable that says this to a process of Dagster."""
        return {VARIABLE: json.dumps(asdict(self))}


def from_environment(environment: Mapping[str, str]) -> Location:
    """Return what `DATIVO_DAGSTER` says: a JSON object of the attributes of `Location`.

    Raises:
        ConfigError: it is not set, no JSON object, or has other members.

    """
    known = [one.name for one in fields(Location)]
    try:
        given: Any = json.loads(environment[VARIABLE])
    except (KeyError, ValueError):
        given = None
    if not isinstance(given, dict):
        raise ConfigError([Problem(VARIABLE, "it holds no JSON object", 'set it to {"jobs_folder": "jobs"}')])
    if unknown := sorted(given.keys() - set(known)):
        raise ConfigError([Problem(VARIABLE, f"'{unknown[0]}' is unknown", f"known are {', '.join(known)}")])
    return Location(**given)

"""The private Meltano project of one job: what it says, and the environment its processes get."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dativo_ingest import private_files
from dativo_ingest.errors import OrchestratorError
from dativo_ingest.places import JobFolder
from tap_adapters.extractor import Extractor

MAPPING = "rows-to-markdown"
LOADER = "target-dativo-iceberg"
_WRAPPERS = Path(__file__).parent / "wrappers"
_TARGET_PREFIX = "TARGET_DATIVO_ICEBERG_"
# What only the target gets of the environment of this process: where it sends metrics, traces and lineage, and the
# cluster that a load may be spread over.
_TARGETS_OWN = re.compile(r"OTEL_\w+|OPENLINEAGE_\w+|TRACEPARENT|TRACESTATE|RAY_(?:ADDRESS|AUTH_\w+)")
# What the processes of a run may know of the environment of this one.
_KEPT = re.compile(
    r"PATH|HOME|USER|LANG|LC_[A-Z]+|TZ|TMPDIR|(?i:(?:https?|no|all)_proxy)|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE"
)


@dataclass(frozen=True)
class Mapper:
    """A program between tap and target. `config` holds no secret; it stands in the project's file."""

    name: str
    executable: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """Files of one run of a job, in its project."""

    folder: JobFolder
    run_id: str

    @property
    def ended(self) -> Path:
        """Made by the tap's wrapper when the tap has ended well."""
        return self.folder.project / "tap.ended"

    @property
    def mapped(self) -> Path:
        """Made by the mapper's wrapper when tap and mapper have ended well."""
        return self.folder.project / "mapper.ended"

    @property
    def mapper_exit(self) -> Path:
        """Exit code of the mapper."""
        return self.folder.project / "mapper.exit"

    @property
    def tap_exit(self) -> Path:
        """Exit code of the tap."""
        return self.folder.project / "tap.exit"

    @property
    def loader_exit(self) -> Path:
        """Exit code of the target."""
        return self.folder.project / "target.exit"

    @property
    def tap_log(self) -> Path:
        """What the tap says."""
        return self.folder.project / "tap.log"

    @property
    def loader_log(self) -> Path:
        """What the target says."""
        return self.folder.project / "target.log"

    @property
    def report(self) -> Path:
        """Run report of the target."""
        return self.folder.project / "target-report.json"

    @property
    def input_state(self) -> Path:
        """STATE given to the tap."""
        return self.folder.project / "input-state.json"


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the processes of a run see of the environment of this one."""
    return {name: value for name, value in environment.items() if _KEPT.fullmatch(name)}


def find_meltano(environment: Mapping[str, str]) -> str:
    """Return the path of Meltano: `DATIVO_MELTANO`, else the one on PATH.

    Raises:
        OrchestratorError: there is none.

    """
    named = environment.get("DATIVO_MELTANO") or "meltano"
    found = shutil.which(named, path=environment.get("PATH"))
    if found is None:
        raise OrchestratorError(
            "Meltano is not found", "install it (pipx install meltano), or set DATIVO_MELTANO to its path"
        )
    return str(Path(found).absolute())


def find_executable(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of a tap: one that comes with this distribution, else one on PATH."""
    if "/" in name:
        return name if os.access(name, os.X_OK) else None
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name, path=environment.get("PATH"))


def write_project(
    run: Run, extractor: Extractor, executable: str, state: Mapping[str, Any] | None, mapper: Mapper | None = None
) -> None:
    """Write the project anew; what a killed run left there goes first.

    Args:
        run: the run.
        extractor: the tap.
        executable: path of its command.
        state: STATE for the tap, None to read everything.
        mapper: stands between tap and target.

    Raises:
        OrchestratorError: it cannot be written.

    """
    project = run.folder.project
    try:
        clean(run)
        scripts = project / "bin"
        scripts.mkdir(mode=0o700, exist_ok=True)
        tap = ["tap.py", run.tap_log, run.input_state, "-", run.ended, run.tap_exit, executable]
        target = [sys.executable, "-P", "-m", "target_dativo_iceberg", "--config", "ENV"]
        loader = ["loader.py", run.loader_log, run.folder.loader_lock, run.folder.emitted, run.loader_exit, *target]
        _script(scripts / extractor.name, tap, takes_arguments=True)
        _script(scripts / LOADER, loader, takes_arguments=False)
        if mapper is not None:
            words = ["tap.py", run.tap_log, run.folder.project / "no-state", run.ended, run.mapped, run.mapper_exit]
            _script(scripts / mapper.name, [*words, mapper.executable], takes_arguments=True)
        if state is not None and "state" in extractor.capabilities:
            private_files.write(run.input_state, json.dumps(state).encode())
        content = yaml.safe_dump(project_file(run, extractor, mapper), sort_keys=False)
        private_files.write(project / "meltano.yml", content.encode())
    except OSError as error:
        raise OrchestratorError(
            f"the Meltano project cannot be written ({error.strerror})", "check the state directory"
        ) from None


def clean(run: Run) -> None:
    """Remove what a run leaves that nobody needs, the plugins' config files first: they hold secrets."""
    shutil.rmtree(run.folder.project / ".meltano" / "run", ignore_errors=True)
    said = (run.report, run.tap_log, run.loader_log, run.input_state)
    for path in (*said, run.ended, run.mapped, run.tap_exit, run.mapper_exit, run.loader_exit):
        path.unlink(missing_ok=True)


def _script(path: Path, words: list[Any], *, takes_arguments: bool) -> None:
    wrapper, *rest = words
    command = [sys.executable, "-I", "-S", str(_WRAPPERS / wrapper), *map(str, rest)]
    # Meltano keeps PYTHONPATH from its plugins; ours are to import what this process does.
    ours = os.environ.get("PYTHONPATH") if wrapper == "loader.py" or _is_ours(str(rest[-1])) else None
    lines = ["#!/bin/sh", f"export PYTHONPATH={shlex.quote(ours)}"] if ours else ["#!/bin/sh"]
    lines.append("exec " + shlex.join(command) + (' "$@"' if takes_arguments else ""))
    private_files.write(path, "\n".join([*lines, ""]).encode(), mode=0o700)


def _is_ours(executable: str) -> bool:
    return Path(executable).parent == Path(sys.executable).parent


def project_file(run: Run, extractor: Extractor, mapper: Mapper | None = None) -> dict[str, Any]:
    """Return the content of meltano.yml. It holds no value of a setting."""
    scripts = run.folder.project / "bin"
    plugin: dict[str, Any] = {
        "name": extractor.name,
        "namespace": _namespace(extractor.name),
        "executable": str(scripts / extractor.name),
        "capabilities": list(extractor.capabilities),
        "settings": [
            {"name": s.name, "kind": s.kind} | ({"sensitive": True} if s.secret else {}) for s in extractor.settings
        ],
        "use_cached_catalog": False,
    }
    if extractor.select:
        plugin["select"] = list(extractor.select)
    if extractor.metadata:
        plugin["metadata"] = {stream: dict(values) for stream, values in extractor.metadata.items()}
    loader = {"name": LOADER, "namespace": _namespace(LOADER), "executable": str(scripts / LOADER)}
    plugins: dict[str, Any] = {"extractors": [plugin], "loaders": [loader]}
    if mapper is not None:
        between = {"name": mapper.name, "namespace": _namespace(mapper.name), "executable": str(scripts / mapper.name)}
        plugins["mappers"] = [between | {"mappings": [{"name": MAPPING, "config": dict(mapper.config)}]}]
    return {
        "requires_meltano": ">=4.4,<5",
        "project_id": str(uuid.uuid5(uuid.NAMESPACE_URL, str(run.folder.path))),
        "send_anonymous_usage_stats": False,
        "default_environment": "run",
        "environments": [{"name": "run"}],
        "plugins": plugins,
    }


def _namespace(name: str) -> str:
    return name.replace("-", "_")


def environment_of(
    run: Run, extractor: Extractor, settings: Mapping[str, object], environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a run: all settings and secrets of this job, and nothing of any other.

    Args:
        run: the run.
        extractor: the tap; its configuration reaches it in variables.
        settings: of the target.
        environment: of this process.

    """
    found = kept(environment) | {name: value for name, value in environment.items() if _TARGETS_OWN.fullmatch(name)}
    prefix = extractor.name.upper().replace("-", "_")
    found |= {f"{prefix}_{k.upper().replace('.', '_')}": as_text(v) for k, v in extractor.config.items()}
    found |= {f"{_TARGET_PREFIX}{k.upper()}": as_text(v) for k, v in settings.items()}
    return found | {
        "MELTANO_PROJECT_ROOT": str(run.folder.project),
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "NO_COLOR": "1",
        "XDG_STATE_HOME": str(run.folder.project / "state"),
        "XDG_CACHE_HOME": str(run.folder.project / "cache"),
    }


def program_environment(settings: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a program of the target: its settings, and the import path of this process."""
    found = {name: value for name, value in environment.items() if _KEPT.fullmatch(name) or name == "PYTHONPATH"}
    return found | {f"{_TARGET_PREFIX}{k.upper()}": as_text(v) for k, v in settings.items()}


def tap_environment(executable: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a tap that is asked something by itself; ours import what this process does."""
    return {
        name: value
        for name, value in environment.items()
        if _KEPT.fullmatch(name) or (name == "PYTHONPATH" and _is_ours(executable))
    }


def as_text(value: object) -> str:
    """Return a setting's value as a variable holds it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def command(meltano: str, extractor: Extractor, mapper: Mapper | None = None) -> list[str]:
    """Return the command line of a run. Meltano keeps no STATE, and no record of runs that might seem to go on."""
    tied = [sys.executable, "-I", "-S", str(_WRAPPERS / "tied.py"), "SIGKILL"]
    plugins = [extractor.name, *([MAPPING] if mapper else []), LOADER]
    options = ["run", "--no-install", "--no-state-update"]
    return [*tied, meltano, "--log-format", "json", "--log-level", "info", *options, *plugins]

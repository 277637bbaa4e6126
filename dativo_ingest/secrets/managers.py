"""Secret managers by name; those of environment and file system are here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dativo_ingest.errors import OrchestratorError
from dativo_ingest.secrets.aws import from_aws
from dativo_ingest.secrets.bundle import FORMATS, Secrets, parsed
from dativo_ingest.secrets.gcp import from_gcp
from dativo_ingest.secrets.settings import OPTION
from dativo_ingest.secrets.vault import from_vault
from dativo_ingest.variables import withheld

PREFIX = "DATIVO_SECRET__"
_SHARED = ("GLOBAL", "ALL")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SUFFIX_FORMS = {".json": "json", ".env": "env"}
MANAGERS = ("env", "filesystem", "vault", "aws", "gcp")
SIGNED_IN_WITH = {"aws": frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})}
"""Variables by manager that open all tenants' secrets, and are other servers' too: an operator may allow them."""


def load_secrets(
    tenant: str,
    environment: Mapping[str, str],
    folder: Path | None,
    manager: str | None,
    config: str | None = None,
    told: Callable[[str], None] = lambda _value: None,
) -> Secrets:
    """Return a tenant's secrets.

    Args:
        tenant: checked name.
        environment: of this process.
        folder: of `filesystem`, with a folder for each tenant.
        manager: one of MANAGERS; None takes the environment's, and the file system's over them where there is a folder.
        config: settings of vault, aws or gcp: a path, or JSON.
        told: takes what a manager is signed in with; the secrets themselves are the caller's to hide.

    Raises:
        OrchestratorError: the manager is not known, its settings are wrong, or it does not answer or refuses.

    """
    readers: dict[str, Callable[[], Secrets]] = {
        "env": lambda: from_environment(tenant, environment),
        "filesystem": lambda: from_folder(tenant, folder, environment),
        "vault": lambda: from_vault(tenant, environment, config, told),
        "aws": lambda: from_aws(tenant, environment, config, told),
        "gcp": lambda: from_gcp(tenant, environment, config, told),
    }
    if config and manager in (None, "env", "filesystem"):
        raise OrchestratorError(
            f"secret manager '{manager or 'env'}' has no settings",
            f"leave out {OPTION} (DATIVO_SECRET_MANAGER_CONFIG), or say --secret-manager vault, aws or gcp",
        )
    if manager is None:
        found = [readers["env"]()] + ([readers["filesystem"]()] if folder is not None else [])
        return Secrets(
            {name: value for one in found for name, value in one.values.items()},
            tuple(warning for one in found for warning in one.warnings),
        )
    if manager not in readers:
        raise OrchestratorError(f"secret manager '{manager}' is not known", f"use {', '.join(MANAGERS)}")
    return readers[manager]()


def from_environment(tenant: str, environment: Mapping[str, str]) -> Secrets:
    """Read `DATIVO_SECRET__{TENANT|GLOBAL|ALL}__{NAME}[__json|env|text|raw]`; the tenant's own go first."""
    values: dict[str, Any] = {}
    warnings = []
    owners = (*_SHARED, re.sub(r"[^A-Z0-9]", "_", tenant.upper()))
    for owner in owners:
        for variable in sorted(environment):
            if not variable.startswith(f"{PREFIX}{owner}__"):
                continue
            parts = variable.removeprefix(f"{PREFIX}{owner}__").split("__")
            form = parts.pop().lower() if len(parts) > 1 and parts[-1].lower() in FORMATS else ""
            try:
                values["_".join(parts).lower()] = parsed(environment[variable], form)
            except ValueError:
                warnings.append(f"secret in variable {variable} is not {form}; it is left out")
    return Secrets(values, tuple(warnings))


def from_folder(tenant: str, folder: Path | None, environment: Mapping[str, str]) -> Secrets:
    """Read all files of `folder/tenant`: JSON, `.env`, else text; the name without ending is the secret's."""
    place = folder / tenant if folder is not None else None
    if place is None or not place.is_dir():
        return Secrets(warnings=(f"there is no folder of secrets of tenant '{tenant}'",))
    values: dict[str, Any] = {}
    warnings = []
    for file in sorted(place.iterdir()):
        if file.name.startswith(".") or not file.is_file():
            continue
        try:
            found = parsed(file.read_text(encoding="utf-8"), _SUFFIX_FORMS.get(file.suffix, "text"))
            values[file.stem] = _filled(found, environment)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not what its ending says"
            warnings.append(f"secret file '{file.name}' cannot be read ({reason}); it is left out")
    return Secrets(values, tuple(warnings))


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    """Replace references to variables in a secret; what is not set and has no default stays as it is written."""
    if isinstance(value, dict):
        return {key: _filled(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, environment) for item in value]
    if not isinstance(value, str):
        return value

    def found(match: re.Match[str]) -> str:
        if withheld(match[1]):
            return match[0]
        return environment.get(match[1]) or (match[0] if match[2] is None else match[2])

    return _REFERENCE.sub(found, value)

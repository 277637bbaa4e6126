"""`${NAME}` and `${NAME:-default}` in the fields that may hold them: replaced once, after the YAML was read.

What a variable holds is never read again, neither as YAML nor for further variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from dativo_ingest.documents import Document, Way, dotted
from dativo_ingest.errors import ConfigError, Problem

_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_BARE = re.compile(r"\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
# Other tenants' secrets stand in variables of this form; with the others a manager is asked for all tenants' secrets.
_SECRETS = "DATIVO_SECRET__"
_SIGN_IN = frozenset({"DATIVO_SECRET_MANAGER_CONFIG", "VAULT_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID"})
_SECRET_KEYS = re.compile(r"(?i)secret|password|passwd|token|key|credential|dsn|private")
# Keys whose values are hidden also when they are written down in the file, where a variable belongs.
_WRITTEN_SECRETS = re.compile(r"(?i)secret|passw|token|private_key|api_key|access_key|dsn$")

PATHS = ("source_connector_path", "target_connector_path", "asset_path")
JOB_FIELDS = (
    *PATHS,
    "source.connection.*",
    "source.credentials.*",
    "source.dsn",
    "source.files[*",
    "source.sheets[*",
    "source.engine.options.*",
    "source.incremental.state_path",
    "target.connection.*",
    "target.warehouse",
    "target.branch",
    "target.catalog*",
    "target.settings.*",
    "target.markdown_kv_storage.*",
    "catalog.connection.*",
)
RECIPE_FIELDS = ("connection_template.*", "default_engine.options.*", "catalog*")


def withheld(name: str) -> bool:
    """Whether a variable of the environment is shown to no tenant, as it leads to others' secrets."""
    return name.startswith(_SECRETS) or name in _SIGN_IN


@dataclass
class Variables:
    """What a tenant's files may name: variables of its secrets, then those of the environment.

    Attributes:
        tenant: variables from the tenant's secrets.
        environment: of this process.
        allowed: names or globs that may come from the environment; None for all but secrets and `hidden`.
        told: takes each value that must not be shown.
        hidden: names that only `allowed` shows.

    """

    tenant: Mapping[str, str]
    environment: Mapping[str, str]
    allowed: Sequence[str] | None = None
    told: Callable[[str], None] = field(default=lambda _value: None)
    hidden: frozenset[str] = frozenset()

    def find(self, name: str) -> str | None:
        """Return the value of a variable; one that is set to nothing is unset."""
        if found := self.tenant.get(name):
            self.told(found)
            return found
        return self.environment.get(name) or None if self.may(name) else None

    def may(self, name: str) -> bool:
        """Whether a name may be taken from the environment."""
        if withheld(name):
            return False
        if self.allowed is None:
            return name not in self.hidden
        return any(fnmatchcase(name, pattern) for pattern in self.allowed)


def expanded(values: Any, document: Document, variables: Variables, fields: Sequence[str]) -> Any:
    """Return plain data with the references in the given fields replaced.

    Raises:
        ConfigError: variables that are not set and have no default, each with file, line and path.

    """
    expansion = _Expansion(document, variables, fields)
    found = expansion.value(values, ())
    if expansion.problems:
        raise ConfigError(expansion.problems)
    return found


class _Expansion:
    def __init__(self, document: Document, variables: Variables, fields: Sequence[str]) -> None:
        self._document = document
        self._variables = variables
        self._fields = fields
        self.problems: list[Problem] = []

    def value(self, value: Any, way: Way) -> Any:
        if isinstance(value, dict):
            return {key: self.value(item, (*way, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*way, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        path = dotted(way)
        if "$" not in value:
            if _WRITTEN_SECRETS.search(path.rpartition(".")[2]):
                self._variables.told(value)
            return value
        # fnmatch takes [ for a set; a way's index is not one
        flat = path.replace("[", "(")
        if not any(fnmatchcase(flat, pattern.replace("[", "(")) for pattern in self._fields):
            return value
        found = _REFERENCE.sub(lambda m: self._found(m["name"], m["default"], way), value)
        if found == value and path in PATHS:
            found = _BARE.sub(lambda m: self._found(m["name"], None, way), value)
        if found != value and _SECRET_KEYS.search(path.rpartition(".")[2]):
            self._variables.told(found)
        return found

    def _found(self, name: str, default: str | None, way: Way) -> str:
        found = self._variables.find(name)
        found = default if found is None else found
        if found is not None:
            return found
        hint = f"set {name}, or write ${{{name}:-default}}"
        if not self._variables.may(name):
            hint = f"put {name} into the tenant's secrets: it may not be taken from the environment here"
        self.problems.append(self._document.problem(way, f"variable {name} is not set (at {dotted(way)})", hint))
        return ""

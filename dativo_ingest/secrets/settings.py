"""Settings of the secret managers that are servers: a YAML or JSON file, or JSON in place. A wrong one names its key.

A tenant reads only what a template makes of its own name. So every template has `{tenant}`, and what comes behind it
must begin as no tenant's name goes on: else `key` of `acme-eu` and `eu-key` of `acme` would be one place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

from dativo_ingest.documents import Document, checked, read
from dativo_ingest.errors import ConfigError, Problem
from dativo_ingest.variables import Variables, expanded
from tap_adapters.shape import Shape
from target_dativo_iceberg.contract.reading.document import plain
from target_dativo_iceberg.contract.reading.yaml_text import parse
from target_dativo_iceberg.errors import ContractError

OPTION = "--secret-manager-config"
_SEGMENT = r"[A-Za-z0-9_+=@:-][A-Za-z0-9_+=@:.-]*"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_APART = re.compile(r"[^a-z0-9_-]|[_-]{2}")
S = TypeVar("S", bound=Shape)


def _path(value: str) -> str:
    if _PATH.fullmatch(value) is None:
        raise ValueError(
            "write parts of letters, digits and _+=@:.- with / between them, none of which begins with a dot"
        )
    return value


def _template(value: str) -> str:
    """Check that no two tenants can get one place from it."""
    if value.count("{tenant}") != 1 or value.count("{name}") > 1:
        raise ValueError("it must have {tenant} once, or tenants would read each other's secrets")
    _path(placed(value, "t", "n"))
    before, after = value.split("{tenant}")
    if "{name}" in before:
        raise ValueError("{tenant} must stand before {name}")
    if after and _APART.search(after.partition("{name}")[0]) is None:
        raise ValueError("write / or -- behind {tenant}: with less, two tenants could share a place")
    return value


def _flat(value: str) -> str:
    if "/" in value:
        raise ValueError("names in Secret Manager have no /: write {tenant}--{name}")
    return value


def _named(value: str) -> str:
    if "{name}" not in value:
        raise ValueError("it must have {name}, or all secrets would be one")
    return value


def _whole(value: str) -> str:
    if "{name}" in value:
        raise ValueError("it is one place, which has no {name}")
    return value


Place = Annotated[str, AfterValidator(_path)]
Template = Annotated[str, AfterValidator(_template)]
Each = Annotated[Template, AfterValidator(_named)]
Whole = Annotated[Template, AfterValidator(_whole)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")] | Annotated[int, Field(ge=1)]
Stage = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=.@-]{1,256}$")]
Format = Literal["json", "env", "text", "raw"]


class VaultAuth(Shape):
    """How the manager signs in; a token or secret id that is not given comes from VAULT_TOKEN or VAULT_SECRET_ID."""

    method: Literal["token", "approle"] = "token"
    token: str = ""
    role_id: str = ""
    secret_id: str = ""
    mount_point: Place = "approle"


class VaultSettings(Shape):
    """HashiCorp Vault, or what speaks its API: the KV engine, version 1 or 2."""

    address: str = ""
    mount_point: Place = "secret"
    path_template: Whole = "{tenant}"
    kv_version: Literal[1, 2] = 2
    auth: VaultAuth = VaultAuth()
    paths: list[Place] = Field(default_factory=list)
    namespace: str = ""
    ca_cert: str = ""


class Entry(Shape):
    """One secret: its name for jobs, and where it lies if the common template does not say so."""

    name: Name
    id: Template | None = None
    format: Format | None = None


class Templates(Shape):
    """Where a manager that has secrets by name has those of a tenant: single ones, and a bundle of many."""

    secret_id_template: Each = "{tenant}/{name}"  # noqa: S105
    secrets: Sequence[Entry] = ()
    bundle_secret_id_template: Whole | None = None
    bundle_format: Literal["json", "env"] = "json"


class GcpSecret(Entry):
    """One secret of Google's."""

    id: Annotated[Template, AfterValidator(_flat)] | None = None
    version: Version | None = None


class GcpSettings(Templates):
    """Google Secret Manager."""

    project_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.:-]*$")] = ""
    secret_id_template: Annotated[Each, AfterValidator(_flat)] = "{tenant}--{name}"  # noqa: S105
    secrets: list[GcpSecret] = Field(default_factory=list)
    bundle_secret_id_template: Annotated[Whole, AfterValidator(_flat)] | None = None
    version: Version = "latest"
    credentials_file: str = ""
    endpoint: str = "https://secretmanager.googleapis.com"


class AwsSecret(Entry):
    """One secret of AWS's, whose id may be an ARN; without stage and version its current one."""

    version_stage: Stage | None = None
    version_id: Stage | None = None


class AwsSettings(Templates):
    """AWS Secrets Manager."""

    region_name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]*$")] = ""
    secrets: list[AwsSecret] = Field(default_factory=list)
    endpoint_url: str = ""


class _Operators(Variables):
    """All variables of the environment: these settings are the operator's, not a tenant's."""

    def may(self, name: str) -> bool:
        """Any."""
        return True


def placed(template: str, tenant: str, name: str = "") -> str:
    """Return where a template says that something of a tenant lies."""
    return template.replace("{tenant}", tenant).replace("{name}", name)


def settings(model: type[S], config: str | None, environment: Mapping[str, str]) -> S:
    """Return a manager's settings, `${NAME}` in them replaced from the environment.

    Args:
        model: of the manager.
        config: a path, or JSON; None for all defaults.
        environment: of this process, which is the operator's as the settings are.

    Raises:
        ConfigError: all that is wrong, with line and key; never a value.

    """
    document = _document(config)
    return checked(model, document, expanded(plain(document.block), document, _Operators({}, environment), ("*",)))


def _document(config: str | None) -> Document:
    text = (config or "{}").strip()
    if not text.startswith("{"):
        return read(Path(text), "settings of the secret manager")
    try:
        return Document(Path(OPTION), parse(text.encode(), OPTION))
    except ContractError:
        # The parser's words could quote what stands there.
        raise ConfigError(
            [Problem(OPTION, "what begins with { is not a JSON object", "mend it, or name a file")]
        ) from None

"""The settings of a run, checked, with defaults filled in."""

from __future__ import annotations

import difflib
import re
import uuid
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from target_dativo_iceberg.errors import SettingsError
from target_dativo_iceberg.setting import Setting
from target_dativo_iceberg.setting_table import BY_NAME, SDK_SETTINGS, SETTINGS, json_schema
from target_dativo_iceberg.setting_values import read, typed
from target_dativo_iceberg.stream_settings import Overrides, overriding, read_overrides

MIB = 1 << 20
# What the process takes without any data: libraries, catalog, what is kept of streams and tables.
_PROCESS_BYTES = 256 * MIB
DEFAULT_WAREHOUSE = "./warehouse"
# These end up in snapshots, table properties and names of files.
_IDENTITIES = ("job_id", "run_id", "tenant_id")
_IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@=+-]{0,199}")


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """All settings, checked, with defaults filled in. `repr` shows no value: some are secrets."""

    warehouse: str = DEFAULT_WAREHOUSE
    catalog: Mapping[str, str] | None = None
    catalog_name: str = "default"
    namespace: str | None = None
    table_prefix: str = ""
    nessie_uri: str | None = None
    nessie_warehouse: str | None = None
    branch: str | None = None
    base_branch: str | None = None
    nessie_token: str | None = None
    nessie_oauth_token_uri: str | None = None
    nessie_oauth_client_id: str | None = None
    nessie_oauth_client_secret: str | None = None
    nessie_oauth_scope: str | None = None
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_access_key_id: str | None = None
    s3_secret_access_key: str | None = None
    contract_path: str | None = None
    contract_map: Mapping[str, str] = field(default_factory=dict)
    require_active: bool = False
    require_contract: bool = False
    on_violation: Any = "strict"
    privacy: Any = None
    privacy_key: str | None = None
    require_privacy_rule: bool = False
    unique_check: str = "run"
    max_violations: int | None = None
    max_violation_pct: float | None = None
    max_violation_min_rows: int = 0
    evolution: str = "merge"
    on_incompatible: str = "fail"
    contract_version_policy: str = "warn"
    coercion: str | None = None
    decimal_rounding: str = "none"
    truncate_nanoseconds: bool = False
    default_number: str = "double"
    load_method: str = "append-only"
    add_record_metadata: bool = False
    process_activate_version_messages: bool = True
    hard_delete: bool = False
    partition_by: tuple[str, ...] = ()
    sort_by: tuple[str, ...] = ()
    allow_partition_evolution: bool = False
    target_file_size_mb: int = 128
    compression: str = "zstd"
    adopt_batch_files: bool = True
    spread_batches: str = "no"
    ray_address: str | None = None
    table_properties: Mapping[str, str] = field(default_factory=dict)
    publish: str = "commit"
    epoch_max_mb: int = 1024
    epoch_max_seconds: int = 300
    memory_limit_mb: int = 400
    request_timeout_seconds: int = 60
    max_line_mb: int = 32
    batch_roots: tuple[str, ...] = ()
    job_id: str | None = None
    run_id: str = ""
    tenant_id: str | None = None
    report_path: str | None = None
    journal_path: str | None = None
    completion_path: str | None = None
    metrics_dir: str | None = None
    log_format: str = "text"
    stream_settings: Overrides = field(default_factory=dict)
    mapping: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Only the type's name."""
        return "Settings(…)"

    @property
    def room(self) -> int:
        """Bytes that `memory_limit_mb` leaves for data."""
        return self.memory_limit_mb * MIB - _PROCESS_BYTES

    @property
    def nessie_branch(self) -> str:
        """The Nessie branch that is written: as set, else the one in the URI, else the tenant's, else main."""
        from target_dativo_iceberg.nessie import branch_in_uri  # noqa: PLC0415 - only for Nessie

        return self.branch or branch_in_uri(self.nessie_uri or "") or self.tenant_id or "main"

    def without_secrets(self) -> Settings:
        """Return what another machine may know of the settings."""
        secrets: dict[str, Any] = {setting.name: None for setting in SETTINGS if setting.secret}
        return replace(self, catalog=None, nessie_uri=None, stream_settings={}, mapping={}, **secrets)

    def of(self, stream: str) -> Settings:
        """Return what holds for a stream, by `stream_settings`."""
        own = overriding(self.stream_settings, stream)
        return replace(self, **own) if own else self

    def variants(self) -> Iterable[Settings]:
        """Yield the settings and what each glob makes of them: what must hold before the first stream is known."""
        yield self
        for own in self.stream_settings.values():
            yield replace(self, **own)


def parse(config: Mapping[str, Any]) -> Settings:
    """Check a config and fill in defaults.

    Args:
        config: keys and values as Singer gives them; texts from the environment are read as the setting's type,
            null and the empty text mean the default.

    Raises:
        SettingsError: one message for all that is wrong: unknown keys with the nearest name, mistyped values.

    """
    values: dict[str, Any] = {}
    mapping: dict[str, Any] = {}
    problems: list[str] = []
    for key, raw in config.items():
        try:
            name = _known(key, values)
            if raw is None or raw == "":
                continue
            if key in SDK_SETTINGS:
                mapping[key] = read(SDK_SETTINGS[key], raw)
            else:
                values[name] = _value(BY_NAME[key], raw)
        except ValueError as error:
            problems.append(f"setting '{key}' {error}")
    if problems:
        raise SettingsError("; ".join(problems), "see `target-dativo-iceberg --about`")
    values.setdefault("run_id", str(uuid.uuid4()))
    settings = Settings(**values, mapping=mapping)
    _check_together(settings)
    return settings


def _value(setting: Setting, raw: Any) -> Any:
    found = typed(setting, raw)
    return read_overrides(found) if setting.name == "stream_settings" else found


def _known(key: str, given: Container[str]) -> str:
    """Return the name of the setting that a key stands for."""
    name = key if key in SDK_SETTINGS else BY_NAME[key].name if key in BY_NAME else None
    if name in given:
        raise ValueError(f"is given twice: '{name}' has another name")
    if name is not None:
        return name
    near = nearest(key)
    raise ValueError("is unknown" + (f" (did you mean '{near}'?)" if near else ""))


def nearest(key: str) -> str | None:
    """Return the name of a setting that a key is probably meant to be."""
    return next(iter(difflib.get_close_matches(key, [*BY_NAME, *SDK_SETTINGS], n=1)), None)


def _check_together(settings: Settings) -> None:
    for problem, hint in _problems(settings):
        raise SettingsError(problem, hint)


def _problems(settings: Settings) -> Iterable[tuple[str, str]]:
    """Yield what does not hold between settings, with what to do."""
    for name in _IDENTITIES:
        if not _IDENTITY.fullmatch(getattr(settings, name) or "x"):
            yield (
                f"setting '{name}' is not allowed",
                "begin with one of A-Z a-z 0-9; after it come at most 199 of A-Z a-z 0-9 . _ : @ = + -",
            )
    if any((s.max_violation_pct or 0) > 100 for s in settings.variants()):
        yield "setting 'max_violation_pct' must be at most 100", ""
    scheme = urlsplit(settings.warehouse).scheme
    if scheme not in ("", "file", "s3", "s3a", "gs", "abfs", "abfss") and len(scheme) > 1:
        yield "setting 'warehouse' has an unknown scheme", "use a local path, file:// or s3://"
    if scheme not in ("", "file") and settings.catalog is None and settings.nessie_uri is None:
        yield "setting 'warehouse' is remote but 'catalog' is not set", "name a catalog, e.g. {'type': 'sql', 'uri': …}"
    if bool(settings.s3_access_key_id) != bool(settings.s3_secret_access_key):
        yield "settings 's3_access_key_id' and 's3_secret_access_key' go together", "set both or none"
    if settings.nessie_uri is not None:
        yield from _nessie_problems(settings)
    elif settings.branch or settings.base_branch or settings.publish == "branch":
        yield "settings 'branch', 'base_branch' and publish 'branch' need 'nessie_uri'", "branches are Nessie's"
    yield from _missing(settings)


def _missing(settings: Settings) -> Iterable[tuple[str, str]]:
    if settings.journal_path and not settings.job_id:
        yield "setting 'journal_path' needs 'job_id'", "name the job: its checkpoint is kept under that name"
    if settings.contract_path is None and (
        settings.contract_map or any(s.require_contract for s in settings.variants())
    ):
        yield "settings 'contract_map' and 'require_contract' need 'contract_path'", "say where the contracts are"


__all__ = ["SETTINGS", "Settings", "json_schema", "nearest", "parse"]


def _nessie_problems(settings: Settings) -> Iterable[tuple[str, str]]:
    from target_dativo_iceberg.nessie import NessieRefused, branch_name_fault, normalise_uri  # noqa: PLC0415 - as above

    if settings.catalog is not None:
        yield "settings 'catalog' and 'nessie_uri' exclude each other", "set one"
    try:
        normalise_uri(settings.nessie_uri or "")
    except NessieRefused as error:
        yield "setting 'nessie_uri' is refused", str(error)
        return
    for name in (settings.nessie_branch, settings.base_branch):
        fault = branch_name_fault(name) if name else None
        if fault:
            yield "the branch's name is not allowed", fault
    oauth = (settings.nessie_oauth_client_id, settings.nessie_oauth_client_secret, settings.nessie_oauth_token_uri)
    if any(oauth) and not all(oauth):
        yield "the settings 'nessie_oauth_…' go together", "set client id, client secret and token URI"

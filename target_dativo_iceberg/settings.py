"""The settings: one table that `--about`, the README, the Hub definition and the parser are all made from."""

from __future__ import annotations

import difflib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from target_dativo_iceberg.errors import SettingsError

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as people see it.

    Attributes:
        name: key in the config, lower snake case.
        kind: JSON type, one of string, integer, number, boolean, object, array.
        default: value when absent, None when there is none.
        description: what it does, one or two sentences.
        group: heading in the README.
        choices: allowed texts, if closed.
        minimum: smallest allowed number.
        secret: never shown, never logged.
        aliases: other keys that mean the same (dativo's older names).

    """

    name: str
    kind: str
    default: Any
    description: str
    group: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    secret: bool = False
    aliases: tuple[str, ...] = ()


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "warehouse",
        "string",
        "./warehouse",
        "Where tables live: a local path or a URI (`file://`, `s3://`).",
        "where",
    ),
    Setting(
        "catalog",
        "object",
        None,
        "PyIceberg catalog properties (`type`, `uri` …). Default: an SQLite catalog, `catalog.db`, in the warehouse.",
        "where",
    ),
    Setting(
        "catalog_name", "string", "default", "Name of the catalog; part of the key in SQL catalogs.", "where"
    ),
    Setting(
        "namespace",
        "string",
        None,
        "Iceberg namespace. Default: the contract's domain, else `default`.",
        "where",
    ),
    Setting("table_prefix", "string", "", "Text put before every table name.", "where"),
    Setting("s3_endpoint", "string", None, "Endpoint URL of an S3-compatible store.", "where"),
    Setting("s3_region", "string", None, "Region of the S3 store.", "where"),
    Setting("s3_access_key_id", "string", None, "Access key of the S3 store.", "where", secret=True),
    Setting("s3_secret_access_key", "string", None, "Secret key of the S3 store.", "where", secret=True),
    Setting(
        "contract_path",
        "string",
        None,
        "Data contract (ODCS or dativo YAML): a file or a folder. Without it the Singer SCHEMA is the contract.",
        "contract",
        aliases=("asset_path",),
    ),
    Setting("contract_map", "object", {}, "Stream name → name of the contract's schema object.", "contract"),
    Setting("require_contract", "boolean", False, "Refuse a stream that no contract covers.", "contract"),
    Setting(
        "on_violation",
        "string",
        "strict",
        "What a record that breaks its contract causes: `strict` fails the run and publishes nothing of the open "
        "epoch; `quarantine` puts the record with all its reasons in `<table>__quarantine`, in the same commit.",
        "contract",
        choices=("strict", "quarantine"),
        aliases=("schema_validation_mode",),
    ),
    Setting(
        "max_violations",
        "integer",
        None,
        "Fail when more records than this break their contract (per stream).",
        "contract",
        minimum=0,
    ),
    Setting(
        "max_violation_pct",
        "number",
        None,
        "Fail when more than this percentage of a stream's records break their contract; checked before each publish.",
        "contract",
        minimum=0,
    ),
    Setting(
        "load_method",
        "string",
        "append-only",
        "How rows enter the table. Only `append-only` is built so far.",
        "load",
        choices=("append-only",),
    ),
    Setting(
        "target_file_size_mb",
        "integer",
        128,
        "Size at which a data file is closed, in MiB of compressed Parquet.",
        "load",
        minimum=1,
    ),
    Setting(
        "compression",
        "string",
        "zstd",
        "Parquet compression.",
        "load",
        choices=("zstd", "snappy", "gzip", "lz4", "none"),
    ),
    Setting(
        "table_properties",
        "object",
        {},
        "Iceberg table properties for tables that this target creates.",
        "load",
    ),
    Setting(
        "epoch_max_mb",
        "integer",
        1024,
        "An epoch is published at the first STATE after this many MiB of input.",
        "publish",
        minimum=1,
    ),
    Setting(
        "epoch_max_seconds",
        "integer",
        300,
        "… or after this many seconds, whichever comes first.",
        "publish",
        minimum=1,
    ),
    Setting(
        "memory_limit_mb",
        "integer",
        400,
        "Memory the process aims to stay under, in MiB.",
        "publish",
        minimum=256,
    ),
    Setting(
        "request_timeout_seconds",
        "integer",
        60,
        "Time limit of one call to a catalog or an object store.",
        "publish",
        minimum=1,
    ),
    Setting("max_line_mb", "integer", 32, "Longest input line accepted, in MiB.", "publish", minimum=1),
    Setting(
        "batch_roots",
        "array",
        [],
        "Folders (paths or `file://` URIs) from which BATCH files may be read.",
        "publish",
    ),
    Setting(
        "job_id",
        "string",
        None,
        "Name of this job; its checkpoint is kept in the tables under this name.",
        "run",
    ),
    Setting(
        "run_id", "string", None, "Id of this run in snapshots and quarantine. Default: a new UUID.", "run"
    ),
    Setting("tenant_id", "string", None, "Tenant, written to snapshots.", "run"),
    Setting("report_path", "string", None, "File that receives the run report as JSON.", "run"),
)

# The SDK's own settings that we honour through its mapper; it describes them itself in --about.
SDK_SETTINGS = frozenset(
    {
        "stream_maps", "stream_map_config", "faker_config", "flattening_enabled", "flattening_max_depth",
        "flattening_max_key_length",
    }
)  # fmt: skip
_BY_NAME = {key: s for s in SETTINGS for key in (s.name, *s.aliases)}
_ALIAS_VALUES = {"schema_validation_mode": {"warn": "quarantine"}}


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """All settings, checked, with defaults filled in. `repr` shows no value: some are secrets."""

    warehouse: str = "./warehouse"
    catalog: Mapping[str, str] | None = None
    catalog_name: str = "default"
    namespace: str | None = None
    table_prefix: str = ""
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_access_key_id: str | None = None
    s3_secret_access_key: str | None = None
    contract_path: str | None = None
    contract_map: Mapping[str, str] = field(default_factory=dict)
    require_contract: bool = False
    on_violation: str = "strict"
    max_violations: int | None = None
    max_violation_pct: float | None = None
    load_method: str = "append-only"
    target_file_size_mb: int = 128
    compression: str = "zstd"
    table_properties: Mapping[str, str] = field(default_factory=dict)
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
    mapping: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Only the type's name."""
        return "Settings(…)"


def json_schema() -> dict[str, Any]:
    """JSON Schema of the settings, in the form the SDK prints for `--about`."""
    return {"type": "object", "properties": {s.name: _property(s) for s in SETTINGS}}


def _property(setting: Setting) -> dict[str, Any]:
    node: dict[str, Any] = {"type": [setting.kind, "null"], "description": setting.description}
    if setting.default not in (None, {}, []):
        node["default"] = setting.default
    if setting.choices:
        node["enum"] = [*setting.choices, None]
    if setting.minimum is not None:
        node["minimum"] = setting.minimum
    if setting.secret:
        node |= {"secret": True, "writeOnly": True}
    return node


def parse(config: Mapping[str, Any]) -> Settings:
    """Check a config and fill in defaults.

    Args:
        config: keys and values as Singer gives them; texts from the environment are read as the setting's type.

    Raises:
        SettingsError: one message for all that is wrong: unknown keys with the nearest name, mistyped values.

    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for key, raw in config.items():
        if key in SDK_SETTINGS:
            values.setdefault("mapping", {})[key] = raw
            continue
        setting = _BY_NAME.get(key)
        if setting is None:
            problems.append(_unknown(key))
        elif raw is not None:
            value = _ALIAS_VALUES.get(key, {}).get(raw, raw) if isinstance(raw, str) else raw
            try:
                values[setting.name] = _typed(setting, value)
            except ValueError as error:
                problems.append(f"setting '{key}' {error}")
    if problems:
        raise SettingsError("; ".join(problems), "see `target-dativo-iceberg --about`")
    values.setdefault("run_id", str(uuid.uuid4()))
    settings = Settings(**values)
    _check_together(settings)
    return settings


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, [*_BY_NAME, *SDK_SETTINGS], n=1)
    return f"unknown setting '{key}'" + (f" (did you mean '{near[0]}'?)" if near else "")


def _typed(setting: Setting, value: Any) -> Any:
    value = _READERS[setting.kind](value)
    if setting.choices and value not in setting.choices:
        raise ValueError("must be one of " + ", ".join(setting.choices))
    if setting.minimum is not None and value < setting.minimum:
        raise ValueError(f"must be at least {setting.minimum:g}")
    return tuple(value) if setting.kind == "array" else value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str, float)):
        raise ValueError("must be an integer")
    try:
        number = int(value)
    except ValueError:
        raise ValueError("must be an integer") from None
    if isinstance(value, float) and number != value:
        raise ValueError("must be an integer")
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, str, float)):
        raise ValueError("must be a number")
    try:
        return float(value)
    except ValueError:
        raise ValueError("must be a number") from None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError("must be true or false")


def _object(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        value = _json(value)
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return {str(k): _property_text(v) for k, v in value.items()}


def _property_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError("must hold texts, numbers or booleans")


def _array(value: Any) -> list[str]:
    if isinstance(value, str):
        value = _json(value) if value.lstrip().startswith("[") else [value]
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
        raise ValueError("must be a list of texts")
    return list(value)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("must be JSON") from None


_READERS = {
    "string": _string, "integer": _integer, "number": _number, "boolean": _boolean, "object": _object, "array": _array,
}  # fmt: skip


def _check_together(settings: Settings) -> None:
    if settings.max_violation_pct is not None and settings.max_violation_pct > 100:
        raise SettingsError("setting 'max_violation_pct' must be at most 100")
    scheme = urlsplit(settings.warehouse).scheme
    if scheme not in ("", "file", "s3", "s3a", "gs", "abfs", "abfss") and len(scheme) > 1:
        raise SettingsError("setting 'warehouse' has an unknown scheme", "use a local path, file:// or s3://")
    if scheme not in ("", "file") and settings.catalog is None:
        raise SettingsError(
            "setting 'warehouse' is remote but 'catalog' is not set",
            "name a catalog, e.g. {'type': 'sql', 'uri': …}",
        )
    if bool(settings.s3_access_key_id) != bool(settings.s3_secret_access_key):
        raise SettingsError(
            "settings 's3_access_key_id' and 's3_secret_access_key' go together", "set both or none"
        )

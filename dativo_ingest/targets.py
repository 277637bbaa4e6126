"""Job and target recipe → the settings of target-dativo-iceberg."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dativo_ingest.documents import Document, nearest
from dativo_ingest.errors import Problem
from dativo_ingest.models import Job, Target
from dativo_ingest.models.target import ObjectStore
from dativo_ingest.places import shipped
from dativo_ingest.recipes import RecipeFile, given
from dativo_ingest.sources import options_of

Settings = dict[str, Any]
_FORMATS = ("parquet", "iceberg", "markdown_kv")
SETTINGS_SCHEMA = "schemas/target-settings.schema.json"
# What the orchestrator sets itself, for each run.
_OURS = frozenset(
    {
        "job_id",
        "run_id",
        "tenant_id",
        "report_path",
        "journal_path",
        "completion_path",
        "contract_path",
        "metrics_dir",
        "log_format",
    }
)


def merged(job: Job, recipe: RecipeFile, values: Mapping[str, Any]) -> Target:
    """Return the target: what the job says (`values`, variables replaced) over the recipe, one level deep."""
    base = given(recipe.recipe)
    default: dict[str, Any] = {"type": base["type"]}
    for ours, theirs in (
        ("file_format", "file_format"),
        ("catalog", "catalog"),
        ("partitioning", "partitioning_default"),
    ):
        if theirs in base:
            default[ours] = base[theirs]
    template = base.get("connection_template", {})
    connection = {**template, **values.get("connection", {})}
    return Target.model_validate({**default, **values, "connection": connection})


def settings_of(job: Job, target: Target, recipe: RecipeFile, asset: Path) -> Settings:
    """Return the target's settings, but for those of a single run."""
    options = options_of(recipe.recipe.default_engine.options, "native")
    if target.engine:
        options |= options_of(target.engine.options, "native")
    found: Settings = {
        "tenant_id": job.tenant_id,
        "contract_path": str(asset),
        "on_violation": job.schema_validation_mode,
        "evolution": target.mode,
        "namespace": target.namespace,
        "partition_by": target.partitioning,
        "target_file_size_mb": target.parquet_target_size_mb,
        "compression": options.get("compression"),
        "table_properties": _properties(job),
    }
    store = target.connection.s3
    found |= _store(store) if store else {}
    found |= _where(job, target, store)
    return {k: v for k, v in (found | target.settings).items() if v not in (None, "", {}, [])}


def _store(store: ObjectStore) -> Settings:
    endpoint = store.endpoint
    if endpoint and "://" not in endpoint:
        endpoint = f"{'https' if store.secure else 'http'}://{endpoint}"
    return {
        "s3_endpoint": endpoint,
        "s3_region": store.region,
        "s3_access_key_id": store.access_key_id,
        "s3_secret_access_key": store.secret_access_key,
    }


def _where(job: Job, target: Target, store: ObjectStore | None) -> Settings:
    """Return the settings of catalog and warehouse. On Nessie the branch keeps tenants apart, elsewhere the folder."""
    if target.connection.nessie:
        return {
            "nessie_uri": _nessie_uri(target.connection.nessie.uri),
            "nessie_token": target.connection.nessie.token,
            "nessie_warehouse": target.warehouse,
            "branch": target.branch or job.tenant_id,
        }
    catalog = {"type": target.catalog} if isinstance(target.catalog, str) else target.catalog
    return {"warehouse": own_warehouse(_warehouse(target, store), job.tenant_id), "catalog": catalog}


def _nessie_uri(uri: str) -> str:
    """Return a Nessie URI in a form that the target takes: the old API's path says nothing about the server."""
    trimmed = uri.rstrip("/")
    return trimmed.removesuffix("/api/v1") if trimmed.endswith("/api/v1") else uri


def _warehouse(target: Target, store: ObjectStore | None) -> str:
    if target.warehouse:
        return target.warehouse
    if store and store.bucket:
        return "/".join(part.strip("/") for part in (f"s3://{store.bucket}", store.prefix or "") if part)
    return "warehouse"


def own_warehouse(warehouse: str, tenant: str) -> str:
    """Return a warehouse that is the tenant's own: one whose path does not name the tenant gets a folder that does."""
    parts = urlsplit(warehouse).path.split("/")
    return warehouse if tenant in parts else f"{warehouse.rstrip('/')}/{tenant}"


def _properties(job: Job) -> dict[str, str]:
    """Return the tags that the job lays over its asset's, as properties of tables it creates."""
    found: dict[str, str] = {}
    for name, value in job.classification_overrides.items():
        key = "classification.default" if name == "default" else f"classification.fields.{name}"
        found[key] = value.lower()
    for prefix, shape in (("finops", job.finops), ("governance", job.governance_overrides)):
        for name, value in (given(shape) if shape else {}).items():
            text = ",".join(value) if isinstance(value, list) else str(value)
            if text:
                found[f"{prefix}.{name}"] = text
    return found


def problems(job: Job, target: Target, document: Document) -> list[Problem]:
    """Return what is wrong with a job's target."""
    found = []
    if target.custom_writer is not None:
        hint = "tables are written by target-dativo-iceberg"
        found.append(document.problem(("target", "custom_writer"), "custom writers are not run", hint))
    if target.file_format and target.file_format not in _FORMATS:
        message = f"file_format '{target.file_format}' is not written"
        hint = "use parquet or iceberg: both mean Iceberg tables of Parquet files"
        found.append(document.problem(("target", "file_format"), message, hint))
    if target.catalog == "nessie" and target.connection.nessie is None:
        found.append(
            document.problem(("target", "catalog"), "catalog 'nessie' has no server", "set connection.nessie.uri")
        )
    if target.branch and target.connection.nessie is None:
        message = "a branch needs Nessie"
        found.append(document.problem(("target", "branch"), message, "set connection.nessie.uri, or leave branch out"))
    known = known_settings()
    for name in target.settings:
        way = ("target", "settings", name)
        if name in _OURS:
            found.append(document.problem(way, f"setting '{name}' is set for each run", "leave it out"))
        elif name not in known:
            found.append(document.problem(way, f"setting '{name}' is none of the target's", nearest(name, known)))
    return found


def warnings(target: Target) -> list[str]:
    """Return what is odd about a job's target and does no harm."""
    store, warehouse = target.connection.s3, target.warehouse or ""
    if store and store.bucket and warehouse.startswith("s3") and urlsplit(warehouse).netloc != store.bucket:
        return [f"connection.s3.bucket is not the warehouse's bucket ('{urlsplit(warehouse).netloc}'), which decides"]
    return []


def known_settings() -> list[str]:
    """Return the names of the target's settings."""
    path = shipped(SETTINGS_SCHEMA)
    found = json.loads(path.read_text()) if path else {"properties": {}}
    return list(found["properties"])

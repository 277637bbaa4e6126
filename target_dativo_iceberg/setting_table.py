"""The table of settings: `--about`, the README, the Hub definition and the parser are all made from it."""

from __future__ import annotations

from typing import Any

from target_dativo_iceberg.contract_settings import CONTRACT_SETTINGS
from target_dativo_iceberg.setting import Setting

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
    Setting("catalog_name", "string", "default", "Name of the catalog; part of the key in SQL catalogs.", "where"),
    Setting("namespace", "string", None, "Iceberg namespace. Default: the contract's domain, else `default`.", "where"),
    Setting("table_prefix", "string", "", "Text put before every table name.", "where"),
    Setting(
        "nessie_uri",
        "string",
        None,
        "URI of a Nessie server: bare, or ending in `/api/v2` or `/iceberg`. Tables then live in its warehouse.",
        "where",
    ),
    Setting("nessie_warehouse", "string", None, "Name of the Nessie warehouse. Default: the server's.", "where"),
    Setting(
        "branch",
        "string",
        None,
        "Nessie branch that is written; made from `base_branch` if missing. Default: the tenant, else `main`.",
        "where",
    ),
    Setting("base_branch", "string", None, "Branch a missing branch is made from. Default: the server's.", "where"),
    Setting("nessie_token", "string", None, "Bearer token for Nessie.", "where", secret=True),
    Setting("nessie_oauth_token_uri", "string", None, "OAuth2 token endpoint (client credentials).", "where"),
    Setting("nessie_oauth_client_id", "string", None, "OAuth2 client id.", "where"),
    Setting("nessie_oauth_client_secret", "string", None, "OAuth2 client secret.", "where", secret=True),
    Setting("nessie_oauth_scope", "string", None, "OAuth2 scope.", "where"),
    Setting("s3_endpoint", "string", None, "Endpoint URL of an S3-compatible store.", "where"),
    Setting("s3_region", "string", None, "Region of the S3 store.", "where"),
    Setting("s3_access_key_id", "string", None, "Access key of the S3 store.", "where", secret=True),
    Setting("s3_secret_access_key", "string", None, "Secret key of the S3 store.", "where", secret=True),
    *CONTRACT_SETTINGS,
    Setting(
        "load_method",
        "string",
        "append-only",
        "How rows enter the table. `append-only`: they are added. `upsert`: they replace the rows with the same key "
        "(the contract's primary key, else the SCHEMA's `key_properties`); the last of the stream counts. `overwrite`: "
        "they replace all rows, in one commit at the end of the run, once the tap is known to have finished the "
        "stream.",
        "load",
        choices=("append-only", "upsert", "overwrite"),
    ),
    Setting(
        "add_record_metadata",
        "boolean",
        False,
        "Give tables the SDK's columns `_sdc_extracted_at`, `_sdc_received_at`, `_sdc_batched_at`, `_sdc_deleted_at`, "
        "`_sdc_sequence`, `_sdc_table_version` and `_sdc_sync_started_at`.",
        "load",
    ),
    Setting(
        "process_activate_version_messages",
        "boolean",
        True,
        "At ACTIVATE_VERSION, delete the rows of older versions of the stream, or mark them as deleted (see "
        "`hard_delete`). It takes `add_record_metadata`. Rows of the run stay.",
        "load",
    ),
    Setting(
        "hard_delete",
        "boolean",
        False,
        "Delete rows of older versions, and under `upsert` those that the tap calls deleted (`_sdc_deleted_at`). "
        "Otherwise they stay and say in `_sdc_deleted_at` since when they are gone.",
        "load",
    ),
    Setting(
        "partition_by",
        "array",
        [],
        "How new tables are partitioned, unless their contract says it: columns, or transforms of them, such as "
        "`day(placed_at)`, `bucket[16](id)`, `truncate[4](code)`. A column `ingest_date` that the contract does not "
        "have is made and filled with the UTC date of the run.",
        "load",
    ),
    Setting(
        "sort_by",
        "array",
        [],
        "How the rows of each data file of new tables are sorted, unless the contract says it: columns, with ` desc` "
        "behind those that go down.",
        "load",
    ),
    Setting(
        "allow_partition_evolution",
        "boolean",
        False,
        "Give a table that exists the partitions and the sort order asked for, for new rows; rows that are there stay "
        "where they are. Otherwise a difference is a warning.",
        "load",
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
        "adopt_batch_files",
        "boolean",
        True,
        "Copy a Parquet file of a BATCH message into the table as it is, with the table's field ids in its footer, "
        "when it has the table's columns and types, a quarter to twice `target_file_size_mb`, and no row that breaks "
        "the contract. Otherwise, or under `false`, its rows are written anew.",
        "load",
    ),
    Setting(
        "spread_batches",
        "string",
        "no",
        "Have the files of BATCH messages staged by whole files, side by side: by `threads` of this process, or by the "
        "nodes of a `ray` cluster (extra `[ray]`). One process publishes them, in the same commit (docs/spread.md).",
        "load",
        choices=("no", "threads", "ray"),
    ),
    Setting(
        "ray_address",
        "string",
        None,
        "Address of the Ray cluster. Default: RAY_ADDRESS, else the cluster of this machine.",
        "load",
    ),
    Setting("table_properties", "object", {}, "Iceberg table properties for tables that this target creates.", "load"),
    Setting(
        "publish",
        "string",
        "commit",
        "`commit`: all tables of an epoch in one commit. `branch` (Nessie): write to a branch of its own, audit it "
        "(table-scope rules), then merge.",
        "publish",
        choices=("commit", "branch"),
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
        "memory_limit_mb", "integer", 400, "Memory the process aims to stay under, in MiB.", "publish", minimum=256
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
    Setting("run_id", "string", None, "Id of this run in snapshots and quarantine. Default: a new UUID.", "run"),
    Setting("tenant_id", "string", None, "Tenant, written to snapshots.", "run"),
    Setting("report_path", "string", None, "File that receives the run report as JSON.", "run"),
    Setting(
        "journal_path",
        "string",
        None,
        "File that receives each epoch's STATE before its publish, so that after a crash `dativo` can find out which "
        "STATE the tables stand at. Needs `job_id`.",
        "run",
    ),
    Setting(
        "completion_path",
        "string",
        None,
        "File that whoever runs the tap makes when it has ended well. When the input ends and the file is not there, "
        "the open epoch is dropped and the run fails.",
        "run",
    ),
    Setting(
        "metrics_dir",
        "string",
        None,
        "Folder that receives a Prometheus textfile of the last run, one for each tenant and job "
        "(docs/observability.md).",
        "run",
    ),
    Setting(
        "log_format",
        "string",
        "text",
        "`text`: lines for people. `json`: every line a JSON object with the fields of its event.",
        "run",
        choices=("text", "json"),
    ),
    Setting(
        "stream_settings",
        "json",
        {},
        "Settings of single streams: a glob of stream names → any settings of the groups contract and load, without "
        "`contract_path`, `contract_map` and `privacy_key`. A later glob goes over an earlier one, a contract's own "
        "word over both.",
        "run",
    ),
)

# The SDK's own settings that are honoured through its mapper, with their kinds; it describes them itself in --about.
SDK_SETTINGS: dict[str, str] = {
    "stream_maps": "json",
    "stream_map_config": "json",
    "faker_config": "json",
    "flattening_enabled": "boolean",
    "flattening_max_depth": "integer",
    "flattening_max_key_length": "integer",
}
BY_NAME = {key: s for s in SETTINGS for key in (s.name, *s.aliases)}
# What can be otherwise for single streams; where contracts are, the one key, and who stages hold for the run.
_RUN_WIDE = {"contract_path", "contract_map", "privacy_key", "spread_batches", "ray_address"}
STREAM_SETTINGS = frozenset(s.name for s in SETTINGS if s.group in ("contract", "load") and s.name not in _RUN_WIDE)


def json_schema() -> dict[str, Any]:
    """JSON Schema of the settings, in the form the SDK prints for `--about`."""
    return {"type": "object", "properties": {s.name: _property(s) for s in SETTINGS}}


def _property(setting: Setting) -> dict[str, Any]:
    kinds = setting.kind.replace("json", "object").split("|")
    node: dict[str, Any] = {"type": [*kinds, "null"], "description": setting.description}
    if "array" in setting.kind and setting.kind != "array":
        node["items"] = {}
    if setting.kind == "array":
        node["items"] = {"type": "string"}
    if setting.default not in (None, {}, []):
        node["default"] = setting.default
    if setting.choices:
        node["enum"] = [*setting.choices, None]
    if setting.minimum is not None:
        node["minimum"] = setting.minimum
    if setting.secret:
        node |= {"secret": True, "writeOnly": True}
    return node

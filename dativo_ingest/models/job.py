"""A job: one source of one tenant into tables under one asset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dativo_ingest.models.notify import Notify
from dativo_ingest.models.target import Target
from dativo_ingest.models.timing import Timing
from tap_adapters.shape import Count, Engine, Free, Shape, Text

Strategies = Literal["updated_after", "updated_at", "created", "file_modified_time", "spreadsheet_modified_time", "cdc"]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
Seconds = Annotated[float, Field(ge=0, strict=False)]


class TextTable(Shape):
    """What a file or sheet of text values may say about its columns."""

    object: Text | None = None
    keys: list[Text] | None = None
    columns: list[Text] | None = None
    types: dict[str, str] | None = None
    null_values: list[str] | None = None
    empty_is_null: bool | None = None


class SourceFile(TextTable):
    """A file, folder or glob (`path`), or a file of a service (`id`, `folder_id`, `query`)."""

    path: Text | None = None
    id: Text | None = None
    folder_id: Text | None = None
    query: Text | None = None
    drive_id: Text | None = None
    recursive: bool | None = None
    name_pattern: Text | None = None
    encoding: Text | None = None
    delimiter: str | None = None
    quotechar: str | None = None
    doublequote: bool | None = None
    escapechar: str | None = None
    skipinitialspace: bool | None = None
    strict: bool | None = None
    header: bool | None = None
    on_ragged_row: Literal["error", "skip"] | None = None
    pattern: Text | None = None
    doc_id_key: Text | None = None
    doc_id_from: Literal["key", "path"] | None = None


class SourceSheet(TextTable):
    """A sheet of a spreadsheet (`id`), by its name or its `sheet_id`."""

    id: Text
    sheet: Text | None = None
    sheet_id: int | None = None
    range: Text | None = None
    has_header: bool = True


class SourceTable(Shape):
    """A table of a database: `name` is `schema.table`; the object is its last part unless said."""

    name: Text
    object: Text | None = None
    cursor_field: Text | None = None


class JobIncremental(Shape):
    """Which records a run reads. What is not said is the recipe's; without a strategy anywhere, the registry's."""

    strategy: Strategies | None = None
    cursor_field: Text | None = None
    lookback_days: Count | None = None
    state_path: Text | None = None


class JobSource(Shape):
    """What the job says of its source, over the recipe (one level deep)."""

    type: Text | None = None
    description: str | None = None
    credentials: Free = {}
    objects: list[Text] = []
    files: list[SourceFile] = []
    sheets: list[SourceSheet] = []
    tables: list[SourceTable] = []
    incremental: JobIncremental | None = None
    rate_limits: Free | None = None
    engine: Engine | None = None
    dsn: Text | None = None
    connection: Free = {}
    custom_reader: Text | None = None


class RetryConfig(Shape):
    """How often a job is started again, and after which failures (exit codes of tap or target, patterns of errors)."""

    max_retries: Count = 3
    initial_delay_seconds: Seconds = 5
    max_delay_seconds: Seconds = 300
    backoff_multiplier: Annotated[float, Field(ge=1, strict=False)] = 2.0
    retryable_exit_codes: list[int] | None = None
    retryable_error_patterns: list[Text] = []


class Logging(Shape):
    """Lowest level that is logged. Known secret values are always redacted; `redaction` is read and changes nothing."""

    level: Level = "INFO"
    redaction: bool | None = None


class MetadataCatalog(Shape):
    """A catalog of metadata beside the tables, told of them after a run (docs/metadata-catalogs.md)."""

    type: Literal["openmetadata", "aws_glue", "databricks_unity", "nessie"]
    connection: Free
    database: str | None = None
    table_name: str | None = None
    push_lineage: bool = True
    push_metadata: bool = True


class Finops(Shape):
    """Cost tags, written to the properties of tables that the job creates."""

    cost_center: str | None = None
    business_tags: list[str] = []
    project: str | None = None
    environment: str | None = None


class Governance(Shape):
    """Overrides of the asset's governance, written to the properties of tables that the job creates."""

    retention_days: Count | None = None
    owner: str | None = None


class Job(Shape):
    """A job file. `name` is the file's name without ending unless said."""

    schema_: str | None = Field(default=None, alias="$schema")
    name: Text | None = None
    tenant_id: Text
    environment: str | None = None
    source_connector: str | None = None
    target_connector: str | None = None
    asset: str | None = None
    source_connector_path: Text
    target_connector_path: Text
    asset_path: Text
    source: JobSource = JobSource()
    target: Target = Target()
    schema_validation_mode: Literal["strict", "warn", "quarantine"] = "strict"
    retry_config: RetryConfig | None = None
    timeout_seconds: Annotated[int, Field(ge=1)] | None = None
    schedule: Timing | None = None
    logging: Logging = Logging()
    catalog: MetadataCatalog | None = None
    notify: Notify | None = None
    classification_overrides: dict[str, str] = {}
    finops: Finops | None = None
    governance_overrides: Governance | None = None
    plugins: Free | None = None
    infrastructure: Free | None = None

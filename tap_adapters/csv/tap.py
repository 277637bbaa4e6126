"""The tap: its settings, the streams they define, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import singer_sdk.typing as th
from singer_sdk.helpers.capabilities import PluginCapabilities

from tap_adapters.common.errors import SettingsError
from tap_adapters.common.tap import CAPABILITIES, OwnTap
from tap_adapters.common.values import KINDS
from tap_adapters.csv.batch_files import COMPRESSIONS, read_batch_settings
from tap_adapters.csv.entities import METADATA_KINDS, Inspected, inspect
from tap_adapters.csv.settings import RAGGED_POLICIES, Entity, read_entities
from tap_adapters.csv.stream import CsvStream

NULL_VALUES = th.Property(
    "null_values",
    th.ArrayType(th.StringType),
    title="Null markers",
    description="Texts that mean null, quoted or not. A file entry's own list replaces this one.",
)
EMPTY_IS_NULL = th.Property(
    "empty_is_null",
    th.BooleanType,
    title="Empty is null",
    description="Whether an empty field, quoted or not, is null; otherwise it is an empty string. Default: true.",
)
ON_RAGGED_ROW = th.Property(
    "on_ragged_row",
    th.StringType,
    allowed_values=list(RAGGED_POLICIES),
    title="On ragged row",
    description=(
        "What becomes of a row with too many or too few fields: it ends the run (`error`, default), or is reported "
        "and left out (`skip`)."
    ),
)
FORMAT = (
    th.Property("keys", th.ArrayType(th.StringType), description="Columns that identify a row."),
    th.Property("encoding", th.StringType, description="Text encoding; a byte order mark wins. Default: utf-8."),
    th.Property("delimiter", th.StringType, description="Default: `,`, and a tab for a path that ends in .tsv."),
    th.Property("quotechar", th.StringType, description='Default: `"`; empty for none.'),
    th.Property("doublequote", th.BooleanType, description="Whether a quote in a field is doubled. Default: true."),
    th.Property("escapechar", th.StringType, description="Default: none."),
    th.Property("skipinitialspace", th.BooleanType, description="Drop spaces after a delimiter. Default: false."),
    th.Property("strict", th.BooleanType, description="Refuse lenient quoting. Default: false."),
    th.Property("header", th.BooleanType, description="Whether the first record names the columns. Default: true."),
    th.Property("columns", th.ArrayType(th.StringType), description="Column names of files without a header."),
    th.Property(
        "types",
        th.ObjectType(additional_properties=th.StringType(allowed_values=list(KINDS))),
        description=f"Column types other than string: {', '.join(KINDS)}.",
    ),
    NULL_VALUES,
    EMPTY_IS_NULL,
    ON_RAGGED_ROW,
)
ENTITY = th.Property("entity", th.StringType, required=True, description="Name of the stream.")
FILE_ENTRY = th.ObjectType(
    ENTITY,
    th.Property("path", th.StringType, required=True, description="A file, a folder (read recursively) or a glob."),
    *FORMAT,
)
ADD_METADATA_COLUMNS = th.Property(
    "add_metadata_columns",
    th.BooleanType,
    title="Add metadata columns",
    description=f"Add the columns {', '.join(f'`{name}`' for name in METADATA_KINDS)}.",
)
BATCH_CONFIG = th.Property(
    "batch_config",
    th.ObjectType(
        th.Property(
            "encoding",
            th.ObjectType(
                th.Property("format", th.StringType, allowed_values=list(COMPRESSIONS)),
                th.Property(
                    "compression",
                    th.StringType,
                    allowed_values=sorted({name for names in COMPRESSIONS.values() for name in names}),
                ),
            ),
        ),
        th.Property(
            "storage",
            th.ObjectType(
                th.Property("root", th.StringType, description="A file:// URI or a path."),
                th.Property("prefix", th.StringType),
            ),
        ),
        th.Property("batch_size", th.IntegerType, description="Most rows of a batch file. Default: 1000000."),
    ),
    title="Batch configuration",
    description="Write rows to Parquet, Arrow IPC or JSON Lines files and emit BATCH messages instead of records.",
)


class TapCsv(OwnTap):
    """CSV files as Singer streams: folders, globs, gzip, zip and odd encodings; unchanged files are not read again."""

    name = "tap-csv"
    capabilities = [*CAPABILITIES, PluginCapabilities.BATCH]  # noqa: RUF012 - the SDK's own declaration
    config_jsonschema = th.PropertiesList(
        th.Property("files", th.ArrayType(FILE_ENTRY), title="Files", description="What to read, as which streams."),
        th.Property(
            "csv_files_definition",
            th.StringType,
            title="CSV files definition",
            description="Path of a JSON file that holds the array `files`; it goes before `files`.",
        ),
        ADD_METADATA_COLUMNS,
        NULL_VALUES,
        EMPTY_IS_NULL,
        ON_RAGGED_ROW,
        BATCH_CONFIG,
    ).to_dict()

    def discover_streams(self) -> Sequence[CsvStream]:
        """Return a stream for each entity, after a look at every file of the definition."""
        return [self._stream(entity) for entity in read_entities(self.config)]

    def _stream(self, entity: Entity) -> CsvStream:
        metadata = bool(self.config.get("add_metadata_columns"))
        inspected = inspect(entity, self.logger)
        if metadata:
            check_metadata(entity, inspected)
        return CsvStream(self, entity, inspected, metadata=metadata)

    @classmethod
    def check_settings(cls, config: dict[str, Any]) -> None:
        """Check the entries and the batch files of the settings."""
        read_entities(config)
        check_batches(config)


def check_metadata(entity: Entity, inspected: Inspected) -> None:
    """Refuse to add columns beside others of the same names."""
    if taken := METADATA_KINDS.keys() & set(inspected.columns):
        raise SettingsError(f"Entity '{entity.name}': column '{min(taken)}' exists; unset 'add_metadata_columns'.")


def check_batches(config: Mapping[str, Any]) -> None:
    """Refuse batches beside stream maps: batch files would carry what a map was set up to remove."""
    if not config.get("batch_config"):
        return
    read_batch_settings(cast("dict[str, Any]", config["batch_config"]))
    for setting in ("stream_maps", "flattening_enabled"):
        if config.get(setting):
            raise SettingsError(f"Settings 'batch_config' and '{setting}' exclude each other; unset one.")

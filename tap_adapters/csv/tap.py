"""The tap: its settings, the streams they define, and how it ends."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, NoReturn, cast

import msgspec
import singer_sdk.typing as th
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.tap_base import Tap

from tap_adapters.csv.batch_files import COMPRESSIONS, read_batch_settings
from tap_adapters.csv.entities import METADATA_KINDS, inspect
from tap_adapters.csv.errors import SettingsError
from tap_adapters.csv.settings import RAGGED_POLICIES, Entity, check_known, read_entities
from tap_adapters.csv.stream import CsvStream
from tap_adapters.csv.values import KINDS

if TYPE_CHECKING:
    from types import FrameType

    import click
    from singer_sdk.plugin_base import _ConfigInput

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
FILE_ENTRY = th.ObjectType(
    th.Property("entity", th.StringType, required=True, description="Name of the stream."),
    th.Property("path", th.StringType, required=True, description="A file, a folder (read recursively) or a glob."),
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


class TapCsv(Tap):
    """CSV files as Singer streams: folders, globs, gzip, zip and odd encodings; unchanged files are not read again."""

    name = "tap-csv"
    package_name = "target-dativo-iceberg"
    dynamic_catalog = True
    capabilities = [  # noqa: RUF012 - the SDK's own declaration
        TapCapabilities.CATALOG,
        TapCapabilities.DISCOVER,
        TapCapabilities.STATE,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    config_jsonschema = th.PropertiesList(
        th.Property("files", th.ArrayType(FILE_ENTRY), title="Files", description="What to read, as which streams."),
        th.Property(
            "csv_files_definition",
            th.StringType,
            title="CSV files definition",
            description="Path of a JSON file that holds the array `files`; it goes before `files`.",
        ),
        th.Property(
            "add_metadata_columns",
            th.BooleanType,
            title="Add metadata columns",
            description=f"Add the columns {', '.join(f'`{name}`' for name in METADATA_KINDS)}.",
        ),
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
        if metadata and (taken := METADATA_KINDS.keys() & set(inspected.columns)):
            raise SettingsError(f"Entity '{entity.name}': column '{min(taken)}' exists; unset 'add_metadata_columns'.")
        return CsvStream(self, entity, inspected, metadata=metadata)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings in our words first; what passes here passes the SDK's JSON schema."""
        if raise_errors:
            self.append_builtin_config(self.config_jsonschema)
            check_known(self._config, self.config_jsonschema["properties"], "")
            read_entities(self._config)
            _check_batches(self._config)
        return super()._validate_config(raise_errors=raise_errors)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> NoReturn:
        """End without writing: a line may be half out, and the STATE of every complete file already is."""
        raise SystemExit(128 + signum)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> _ConfigInput:
        """Read the files of `--config`, each on its own first so that an error names the right one."""
        for name in value:
            try:
                super().cb_config(ctx, param, (name,))
            except (OSError, ValueError, TypeError) as error:
                raise SettingsError(f"Option --config: '{name}' is missing or is not a JSON object.") from error
        return super().cb_config(ctx, param, value)

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Run the tap, once the files of `--state` and `--catalog` have been found to be what they should be."""
        super().invoke(
            about=about,
            about_format=about_format,
            config=config,
            state=None if state is None else _checked(state, "--state", _State),
            catalog=None if catalog is None else _checked(catalog, "--catalog", _Catalog),
        )


class _StreamState(msgspec.Struct):
    files: dict[str, Any] = {}


class _State(msgspec.Struct):
    bookmarks: dict[str, _StreamState] = {}


class _CatalogStream(msgspec.Struct):
    tap_stream_id: str
    schema: dict[str, Any]
    metadata: list[dict[str, Any]] = []


class _Catalog(msgspec.Struct):
    streams: list[_CatalogStream]


def _checked(file: IO[str], option: str, shape: type[msgspec.Struct]) -> IO[str]:
    try:
        text = file.read()
        msgspec.json.decode(text, type=shape)
    except (OSError, ValueError) as error:
        what = str(error) if isinstance(error, msgspec.ValidationError) else "not valid JSON"
        raise SettingsError(f"Option {option}: its file cannot be used: {what}.") from error
    return io.StringIO(text)


def _check_batches(config: Mapping[str, Any]) -> None:
    """Refuse batches beside stream maps: batch files would carry what a map was set up to remove."""
    if not config.get("batch_config"):
        return
    read_batch_settings(cast("dict[str, Any]", config["batch_config"]))
    for setting in ("stream_maps", "flattening_enabled"):
        if config.get(setting):
            raise SettingsError(f"Settings 'batch_config' and '{setting}' exclude each other; unset one.")

"""The tap: its settings, and the streams they define."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import singer_sdk.typing as th
from singer_sdk.helpers.capabilities import PluginCapabilities

from tap_adapters.common.tap import CAPABILITIES, OwnTap
from tap_adapters.csv.entities import inspected
from tap_adapters.csv.tap import (
    ADD_METADATA_COLUMNS,
    BATCH_CONFIG,
    EMPTY_IS_NULL,
    ENTITY,
    FORMAT,
    NULL_VALUES,
    ON_RAGGED_ROW,
    check_batches,
    check_metadata,
)
from tap_adapters.gdrive_csv.copies import headed
from tap_adapters.gdrive_csv.listing import find
from tap_adapters.gdrive_csv.settings import DriveEntity, read_entities
from tap_adapters.gdrive_csv.stream import DriveCsvStream
from tap_adapters.google.client import Client
from tap_adapters.google.drive import SCOPE, Drive
from tap_adapters.google.settings import PROPERTIES, read_access

FILE_ENTRY = th.ObjectType(
    ENTITY,
    th.Property("file_id", th.StringType, description="Id of a file, as in its URL."),
    th.Property("folder_id", th.StringType, description="Id of a folder, in place of `file_id`."),
    th.Property("query", th.StringType, description="A search query of the Drive API, in place of `file_id`."),
    th.Property("recursive", th.BooleanType, description="Read the folder's sub-folders too. Default: false."),
    th.Property("drive_id", th.StringType, description="Id of the shared drive to search in."),
    th.Property(
        "name_pattern",
        th.StringType,
        description="Glob for the names of a folder's or a query's files. Default: what ends as tap-csv's files do.",
    ),
    *FORMAT,
)


class TapGdriveCsv(OwnTap):
    """CSV files of Google Drive as Singer streams, by service account; unchanged ones are not read again."""

    name = "tap-gdrive-csv"
    capabilities = [*CAPABILITIES, PluginCapabilities.BATCH]  # noqa: RUF012 - the SDK's own declaration
    config_jsonschema = th.PropertiesList(
        th.Property("files", th.ArrayType(FILE_ENTRY), title="Files", description="What to read, as which streams."),
        ADD_METADATA_COLUMNS,
        NULL_VALUES,
        EMPTY_IS_NULL,
        ON_RAGGED_ROW,
        BATCH_CONFIG,
        *PROPERTIES,
    ).to_dict()

    @classmethod
    def check_settings(cls, config: dict[str, Any]) -> None:
        """Check the entries, the access and the batch files, without a request."""
        read_entities(config)
        read_access(config)
        check_batches(config)

    def discover_streams(self) -> Sequence[DriveCsvStream]:
        """Return a stream for each entity, after a look at the header of every file."""
        access = read_access(self.config)
        drive = Drive(Client(access, (SCOPE,), self.logger), access.drive_url)
        return [self._stream(entity, drive) for entity in read_entities(self.config)]

    def _stream(self, wanted: DriveEntity, drive: Drive) -> DriveCsvStream:
        found = find(wanted, drive, self.logger)
        heads = tuple(headed(item, drive, self.logger) for item in found)
        about = inspected(wanted.entity, heads, self.logger)
        metadata = bool(self.config.get("add_metadata_columns"))
        if metadata:
            check_metadata(wanted.entity, about)
        return DriveCsvStream(self, wanted.entity, about, found, drive, metadata=metadata)

"""The tap: its settings, and the streams they define."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import singer_sdk.typing as th

from tap_adapters.common.tap import OwnTap
from tap_adapters.common.values import KINDS
from tap_adapters.google.client import Client
from tap_adapters.google.drive import METADATA_SCOPE, Drive
from tap_adapters.google.settings import PROPERTIES, checked_url, read_access
from tap_adapters.google_sheets.reading import look_at
from tap_adapters.google_sheets.service import SCOPE, Sheets
from tap_adapters.google_sheets.settings import read_sheets
from tap_adapters.google_sheets.stream import SheetStream

SHEETS_URL = "https://sheets.googleapis.com"
NULL_VALUES = th.Property(
    "null_values",
    th.ArrayType(th.StringType),
    title="Null markers",
    description="Texts that mean null. An entry's own list replaces this one.",
)
EMPTY_IS_NULL = th.Property(
    "empty_is_null",
    th.BooleanType,
    title="Empty is null",
    description="Whether an empty cell is null; otherwise it is an empty string. Default: true.",
)
SHEET = th.ObjectType(
    th.Property("spreadsheet_id", th.StringType, required=True, description="Id of the spreadsheet, as in its URL."),
    th.Property("object", th.StringType, required=True, description="Name of the stream."),
    th.Property("sheet", th.StringType, description="Title of the sheet. Default: the first of the spreadsheet."),
    th.Property("sheet_id", th.IntegerType, description="Id of the sheet (`gid` in its URL), in place of `sheet`."),
    th.Property("range", th.StringType, description="Part of the sheet, such as `A1:Z1000`. Default: all of it."),
    th.Property("has_header", th.BooleanType, description="Whether the first row names the columns. Default: true."),
    th.Property("columns", th.ArrayType(th.StringType), description="Column names of sheets without a header."),
    th.Property("keys", th.ArrayType(th.StringType), description="Columns that identify a row."),
    th.Property(
        "types",
        th.ObjectType(additional_properties=th.StringType(allowed_values=list(KINDS))),
        description=f"Column types other than string: {', '.join(KINDS)}.",
    ),
    NULL_VALUES,
    EMPTY_IS_NULL,
)


class TapGoogleSheets(OwnTap):
    """Sheets of Google spreadsheets as Singer streams, by service account; unchanged ones are not read again."""

    name = "tap-google-sheets"
    config_jsonschema = th.PropertiesList(
        th.Property("sheets", th.ArrayType(SHEET), title="Sheets", description="What to read, as which streams."),
        NULL_VALUES,
        EMPTY_IS_NULL,
        th.Property(
            "sheets_url",
            th.StringType,
            default=SHEETS_URL,
            title="Sheets URL",
            description="Base URL of the Sheets API.",
        ),
        *PROPERTIES,
    ).to_dict()

    @classmethod
    def check_settings(cls, config: dict[str, Any]) -> None:
        """Check the sheets and the access, without a request."""
        read_sheets(config)
        read_access(config)
        checked_url(str(config.get("sheets_url") or SHEETS_URL), "sheets_url")

    def discover_streams(self) -> Sequence[SheetStream]:
        """Return a stream for each sheet, after a look at its header."""
        access = read_access(self.config)
        client = Client(access, (SCOPE, METADATA_SCOPE), self.logger)
        sheets = Sheets(client, checked_url(str(self.config.get("sheets_url") or SHEETS_URL), "sheets_url"))
        drive = Drive(client, access.drive_url)
        return [SheetStream(self, look_at(wanted, sheets), sheets, drive) for wanted in read_sheets(self.config)]

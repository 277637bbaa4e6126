"""The standard tap tests of the Singer SDK for the taps of Google's services.

They look at the streams while they are collected, so their server lives from then until the last of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from singer_sdk.testing import get_tap_test_class

from tap_adapters.gdrive_csv.tap import TapGdriveCsv
from tap_adapters.google_sheets.tap import TapGoogleSheets
from tests.google.documents import SPREADSHEET, Doc, Sheet
from tests.google.server import Google

SERVER = Google()
SERVER.add(
    Doc("f1", "a.csv", b"id,name\n1,x\n2,y\n"),
    Doc("book", "Book", mime=SPREADSHEET, sheets=[Sheet("S", [["id", "day"], [5, date(2026, 1, 2)]])]),
)
SHEET = {"spreadsheet_id": "book", "object": "s", "keys": ["id"], "types": {"id": "integer", "day": "date"}}
FILE = {"entity": "rows", "file_id": "f1", "keys": ["id"]}


@pytest.fixture(scope="module", autouse=True)
def _server() -> Iterator[None]:
    yield
    SERVER.stop()


TestSheets = get_tap_test_class(
    TapGoogleSheets, config=SERVER.settings(sheets_url=SERVER.url, sheets=[SHEET]), parse_env_config=False
)
TestFiles = get_tap_test_class(
    TapGdriveCsv, config=SERVER.settings(files=[FILE], add_metadata_columns=True), parse_env_config=False
)

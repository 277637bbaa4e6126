"""tap-google-sheets in this process (`sync`), against the loopback Google."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tap_adapters.google_sheets.tap import TapGoogleSheets
from tests.google.fixtures import google
from tests.google.server import Google
from tests.taps.running import Messages, signals_restored, sync_tap

__all__ = ["google"]
Sync = Callable[..., Messages]


@pytest.fixture
def sync(google: Google, capfdbinary: Any) -> Iterator[Sync]:
    """Sync a sheet of the spreadsheet `book` as the stream `orders`, with settings over those that reach the server."""

    def _sync(*, state: Any = None, catalog: Any = None, access: Any = None, **entry: Any) -> Messages:
        sheet = {"spreadsheet_id": "book", "object": "orders", **entry}
        settings = google.settings(sheets_url=google.url, sheets=[sheet], **(access or {}))
        return sync_tap(TapGoogleSheets, capfdbinary, settings, state, catalog)

    with signals_restored():
        yield _sync

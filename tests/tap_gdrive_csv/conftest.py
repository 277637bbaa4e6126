"""tap-gdrive-csv in this process (`sync`), against the loopback Google."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.gdrive_csv.tap import TapGdriveCsv
from tests.google.fixtures import google
from tests.google.server import Google
from tests.taps.running import Messages, signals_restored, sync_tap

__all__ = ["google"]
Sync = Callable[..., Messages]


@pytest.fixture
def sync(google: Google, capfdbinary: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sync]:
    """Sync file entries, of the stream `rows` unless they say otherwise; no copy of a file may stay behind."""
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(copies))

    def _sync(*files: dict[str, Any], state: Any = None, catalog: Any = None, **settings: Any) -> Messages:
        entries = [{"entity": "rows", **file} for file in files]
        return sync_tap(TapGdriveCsv, capfdbinary, google.settings(files=entries, **settings), state, catalog)

    with signals_restored():
        yield _sync
    assert list(copies.iterdir()) == []

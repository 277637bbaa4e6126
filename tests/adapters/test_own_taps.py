"""Sources of dativo as their recipes map them, read by our own taps: settings fit, and state.json is obeyed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.csv.tap import TapCsv
from tap_adapters.extractor import Extractor
from tap_adapters.gdrive_csv.tap import TapGdriveCsv
from tap_adapters.google_sheets.tap import TapGoogleSheets
from tap_adapters.markdown_kv.tap import TapMarkdownKv
from tap_adapters.source import Incremental, Source
from tap_adapters.sources import adapt
from tests.google.documents import SPREADSHEET, Doc, Sheet
from tests.google.fixtures import google
from tests.google.server import Google
from tests.taps.running import Messages, signals_restored, sync_tap

__all__ = ["google"]
TAPS = {tap.name: tap for tap in (TapCsv, TapMarkdownKv, TapGoogleSheets, TapGdriveCsv)}
NOW = "2026-12-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    with signals_restored():
        yield


def _source(kind: str, google: Google, folder: Path) -> Source:
    account = json.loads(google.account())
    urls = {"drive_url": google.url, "retry_initial_ms": 1, "retry_max_ms": 5}
    more: dict[str, dict[str, Any]] = {
        "csv": {"files": ({"path": "a.csv", "object": "orders", "id": "A"},)},
        "markdown_kv": {"files": ({"path": "a.md", "object": "notes", "id": "M"},), "options": {"pattern": "string"}},
        "google_sheets": {
            "sheets": ({"id": "book", "object": "people", "sheet": "People", "has_header": True},),
            "credentials": account,
            "options": {"settings": urls | {"sheets_url": google.url}},
        },
        "gdrive_csv": {
            "files": ({"id": "f1", "object": "orders"},),
            "credentials": account,
            "options": {"settings": urls},
        },
    }
    strategy = "spreadsheet_modified_time" if kind == "google_sheets" else "file_modified_time"
    return Source(kind, "native", folder, incremental=Incremental(strategy), **more[kind])


def _read(made: Extractor, capture: Any, state: Any = None) -> Messages:
    return sync_tap(TAPS[made.name], capture, dict(made.config), state)


@pytest.mark.parametrize("kind", ["csv", "markdown_kv", "google_sheets", "gdrive_csv"])
def test_a_source_is_read_once_by_what_its_recipe_makes_of_it(
    kind: str, google: Google, tmp_path: Path, capfdbinary: Any
) -> None:
    google.add(
        Doc("f1", "a.csv", b"id\n1\n"),
        Doc("book", "Book", mime=SPREADSHEET, sheets=[Sheet("People", [["id"], [1]])]),
    )
    (tmp_path / "a.csv").write_text("id\n1\n")
    (tmp_path / "a.md").write_text("---\nid: 1\n---\nx:: 2\n")
    made = adapt(_source(kind, google, tmp_path))
    assert made.executable == made.name
    declared = TAPS[made.name].config_jsonschema["properties"]
    assert {setting.name for setting in made.settings} <= declared.keys() | {"stream_maps", "stream_map_config"}
    assert {s.name for s in made.settings if s.secret} == {n for n, node in declared.items() if node.get("secret")}

    first = _read(made, capfdbinary)
    assert len(first.records()) == 1
    assert {message["stream"] for message in first.of("SCHEMA")} == set(made.streams)
    assert _read(made, capfdbinary, first.state).records() == []
    assert len(_read(made, capfdbinary, made.cursors.shifted(first.state, 1)).records()) == 1

    entries = made.cursors.entries(first.state, NOW)
    assert [list(entry) for entry in entries.values()] == [["last_modified"]]
    assert next(iter(entries)).startswith("file_")


@pytest.mark.parametrize("kind", ["google_sheets", "gdrive_csv"])
def test_entries_of_an_old_state_file_keep_unchanged_documents_from_being_read(
    kind: str, google: Google, tmp_path: Path, capfdbinary: Any
) -> None:
    google.add(
        Doc("f1", "a.csv", b"id\n1\n"),
        Doc("book", "Book", mime=SPREADSHEET, sheets=[Sheet("People", [["id"], [1]])]),
    )
    made = adapt(_source(kind, google, tmp_path))
    key = "file_book" if kind == "google_sheets" else "file_f1"
    for moment, rows in (("2026-01-01T10:00:00Z", 0), ("2025-12-31T10:00:00Z", 1)):
        state = made.cursors.imported({key: {"last_modified": moment}})
        assert len(_read(made, capfdbinary, state).records()) == rows

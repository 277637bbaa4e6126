"""The quick starts of the taps of Google's services: their commands are run, Google's hosts being a loopback server."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from tests.docs.test_snippets import blocks, run
from tests.google.documents import FOLDER, SPREADSHEET, Doc, Sheet
from tests.google.server import AUDIENCE, Google
from tests.readback import Tables
from tests.sources.routed import routed

HOSTS = ("sheets.googleapis.com", "www.googleapis.com", "oauth2.googleapis.com")


def quick_start(page: str, tap: str, google: Google, folder: Path) -> Tables:
    """Run the page's commands; the tap is the first program of its name on the path, with other ways to Google."""
    command = routed(Path(sys.executable).with_name(tap), dict.fromkeys(HOSTS, google.url), folder)
    command.rename(folder / tap)
    (folder / "account.json").write_text(google.account(token_uri=AUDIENCE))
    (folder / "target.json").write_text("{}")
    (script,) = blocks(page, "sh")
    run(replace(script, text=whole(script.text)), folder, first=folder)
    return Tables(folder / "warehouse")


def whole(text: str) -> str:
    """Ids that the page cuts short, as ids can be."""
    return text.replace("…", "x")


def last_state(folder: Path) -> Any:
    return json.loads((folder / "states.jsonl").read_text().splitlines()[-1])


def shown_state(page: str) -> Any:
    (block,) = blocks(page, "json")
    return json.loads(whole(block.text))


def test_the_quick_start_of_sheets(google: Google, tmp_path: Path) -> None:
    rows = [["id", "day"], [1, date(2026, 2, 3)], [2, None]]
    google.add(Doc("1AbCx", "Book", mime=SPREADSHEET, sheets=[Sheet("Orders", rows)]))
    tables = quick_start("sources/google_sheets.md", "tap-google-sheets", google, tmp_path)
    assert tables.sql("SELECT id, day::text FROM {orders} ORDER BY id") == [(1, "2026-02-03"), (2, None)]
    assert last_state(tmp_path) == shown_state("sources/google_sheets.md")


def test_the_quick_start_of_files_of_drive(google: Google, tmp_path: Path) -> None:
    """A file of the folder, and one of a folder below it."""
    google.add(
        Doc("1AbCx", "orders.csv", b"id;seats\n1;10\n2;20\n3;5\n", parents=("1XyZx",)),
        Doc("below", "2025", mime=FOLDER, parents=("1XyZx",)),
        Doc("old", "old.csv", b"id;seats\n4;7\n", parents=("below",)),
    )
    tables = quick_start("sources/gdrive_csv.md", "tap-gdrive-csv", google, tmp_path)
    assert tables.sql("SELECT id, seats FROM {orders} ORDER BY id") == [
        ("1", "10"),
        ("2", "20"),
        ("3", "5"),
        ("4", "7"),
    ]
    bookmark = last_state(tmp_path)["bookmarks"]["orders"]["files"]["1AbCx"]
    shown = shown_state("sources/gdrive_csv.md")["bookmarks"]["orders"]["files"]["1AbCx"]
    assert bookmark["md5"].startswith(shown.pop("md5").removesuffix("x"))
    assert bookmark == shown | {"md5": bookmark["md5"]}

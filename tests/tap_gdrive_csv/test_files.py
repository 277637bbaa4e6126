"""Files of Drive as streams: by id, folder and query; bookmarks, downloads that break off; read back from tables."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.common.errors import FileError, ServiceError, SettingsError
from tap_adapters.gdrive_csv import copies
from tap_adapters.gdrive_csv.tap import TapGdriveCsv
from tests.conftest import Load
from tests.google.documents import FOLDER, SPREADSHEET, Doc
from tests.google.server import Google
from tests.readback import Tables
from tests.tap_gdrive_csv.conftest import Sync

SECRET = "hunter2"


def _folder(google: Google) -> None:
    google.add(
        Doc("top", "Top", mime=FOLDER),
        Doc("sub", "Sub", mime=FOLDER, parents=("top",)),
        Doc("f1", "b.csv", b"id,name\n1,Zo\xc3\xab\n", parents=("top",)),
        Doc("f2", "a.csv", b"id;size\n2;5\n", parents=("top",)),
        Doc("f3", "notes.txt", b"no table", parents=("top",)),
        Doc("f4", "old.csv", b"id\n9\n", parents=("top",), trashed=True),
        Doc("f5", "deep.tsv", b"id\tname\n3\tAda\n", parents=("sub",)),
        Doc("f6", "Plan.csv", mime=SPREADSHEET, parents=("top",)),
    )


def _downloads(google: Google) -> list[str]:
    return [path for path in google.requests if "alt=media" in path]


def test_a_folder_lands_in_a_table_and_only_what_changed_is_read_again(
    google: Google, sync: Sync, load: Load, tables: Tables
) -> None:
    _folder(google)
    google.page_size = 2
    google.docs["f2"].content = b"id,size\n2,5\n"
    entry = {"folder_id": "top", "recursive": True, "keys": ["id"], "types": {"id": "integer"}}
    first = sync(entry)
    load(first.out, load_method="upsert")
    query = "SELECT id, name, size FROM {rows} ORDER BY id, name"
    assert tables.sql(query) == [(1, "Zoë", None), (2, None, "5"), (3, "Ada", None)]
    assert {key: value["name"] for key, value in first.state["bookmarks"]["rows"]["files"].items()} == {
        "f1": "b.csv", "f2": "a.csv", "f5": "deep.tsv",
    }  # fmt: skip

    assert sync(entry, state=first.state).records() == []
    google.docs["f1"].content += b"4,Lin\n"
    google.docs["f1"].modified = "2026-03-01T00:00:00.000Z"
    google.add(Doc("f7", "c.csv", b"id,name\n7,New\n", parents=("top",)))
    second = sync(entry, state=first.state)
    assert [row["id"] for row in second.records()] == [1, 4, 7]
    load(second.out, load_method="upsert")
    assert [row[0] for row in tables.sql(query)] == [1, 2, 3, 4, 7]


def test_a_file_is_read_by_its_id_in_the_format_of_its_entry(google: Google, sync: Sync) -> None:
    google.add(Doc("f1", "export", "id;näme\n1;é\n".encode("utf-16")))
    google.add(Doc("f2", "x.csv.gz", gzip.compress(b"a,b\n,x\n")))
    messages = sync(
        {"file_id": "f1", "delimiter": ";"},
        {"entity": "packed", "file_id": "f2", "empty_is_null": False},
        add_metadata_columns=True,
    )
    about = {"_sdc_source_file_mtime": "2026-01-01T10:00:00.000Z", "_sdc_source_lineno": 2}
    assert messages.records("rows") == [{"_sdc_source_file": "export (f1)", "id": "1", "näme": "é", **about}]
    assert messages.records("packed") == [{"_sdc_source_file": "x.csv.gz (f2)", "a": "", "b": "x", **about}]


def test_a_query_and_a_name_pattern_choose_files(google: Google, sync: Sync) -> None:
    _folder(google)
    assert sync({"query": "name contains 'deep'"}).records() == [{"id": "3", "name": "Ada"}]
    assert sync({"folder_id": "top", "name_pattern": "B.*"}).records() == [{"id": "1", "name": "Zoë"}]
    drive = sync({"query": "name contains 'b'", "drive_id": "D1"})
    assert drive.records() == [{"id": "1", "name": "Zoë"}]
    assert any("corpora=drive&driveId=D1" in path for path in google.requests)


def test_bookmarks_of_an_old_state_file_count_and_are_completed(google: Google, sync: Sync) -> None:
    google.add(Doc("f1", "a.csv", b"id\n1\n"))
    state = {"bookmarks": {"rows": {"files": {"f1": {"last_modified": "2026-01-01T10:00:00Z"}}}}}
    second = sync({"file_id": "f1"}, state=state)
    assert second.records() == []
    assert second.state["bookmarks"]["rows"]["files"]["f1"]["size"] == 5


def test_the_same_time_with_other_content_is_read_again(google: Google, sync: Sync) -> None:
    google.add(Doc("f1", "a.csv", b"id\n1\n"))
    first = sync({"file_id": "f1"})
    google.docs["f1"].content = b"id\n2\n"
    assert sync({"file_id": "f1"}, state=first.state).records() == [{"id": "2"}]


def test_a_download_that_breaks_off_goes_on_where_it_was(google: Google, sync: Sync) -> None:
    content = b"id\n" + b"".join(b"%d\n" % number for number in range(100_000))
    google.add(Doc("f1", "a.csv", content))
    # The first answer is the head, for discovery.
    google.cuts = [None, 300_000, 0, 100]  # type: ignore[list-item]
    records = sync({"file_id": "f1"}).records()
    assert [records[0]["id"], records[-1]["id"], len(records)] == ["0", "99999", 100_000]
    assert len(_downloads(google)) == 5


def test_a_download_that_breaks_off_again_and_again_is_an_error(google: Google, sync: Sync) -> None:
    google.add(Doc("f1", "a.csv", b"id\n1\n"))
    google.cuts = [0] * 10
    with pytest.raises(ServiceError, match=r"a\.csv \(f1\): no answer after 4 tries \(the download broke off\)"):
        sync({"file_id": "f1"})


def test_a_signal_ends_a_download_and_removes_the_copy(google: Google, tmp_path: Path) -> None:
    google.add(Doc("f1", "a.csv", b"id\n" + b"1\n" * 50))
    google.held = threading.Event()
    config = google.settings(files=[{"entity": "rows", "file_id": "f1"}])
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "tap_adapters.gdrive_csv", "--config", "config.json"]
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL) as tap:
        while not _downloads(google):
            assert tap.poll() is None
            time.sleep(0.01)
        tap.send_signal(signal.SIGTERM)
        assert tap.wait(timeout=60) == 128 + signal.SIGTERM
    google.held.set()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_copy_that_is_not_what_was_listed_is_an_error(google: Google, sync: Sync) -> None:
    class Shifting(Doc):
        def metadata(self) -> dict[str, Any]:
            return super().metadata() | {"md5Checksum": "0" * 32}

    google.add(Shifting("f1", "a.csv", b"id\n1\n"))
    with pytest.raises(FileError, match=r"a\.csv \(f1\): it changed while it was downloaded"):
        sync({"file_id": "f1"})


def test_discovery_takes_the_beginning_of_a_big_file_and_all_of_it_if_that_is_not_enough(
    google: Google, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "HEAD_BYTES", 64)
    google.add(
        Doc("f1", "a.csv", b"id,n\n" + b"1,2\n" * 100),
        Doc("f2", "b.csv", b'id,"' + b"x" * 30 + b"\n" + b"y" * 50 + b'"\n1,2\n'),
        Doc("f3", "c.csv", b"id," + b"z" * 80 + b"\n1,2\n"),
    )
    for file, width in (("f1", 2), ("f2", 2), ("f3", 2)):
        messages = sync({"file_id": file})
        assert len(messages.of("SCHEMA")[0]["schema"]["properties"]) == width
        assert messages.records()
    assert [list(row)[1] for row in (sync({"file_id": "f2"}).records()[0],)] == ["x" * 30 + "\n" + "y" * 50]


def test_batches_are_written_as_tap_csv_writes_them(google: Google, sync: Sync, tmp_path: Path) -> None:
    google.add(Doc("f1", "a.csv", b"id\n1\n2\n"))
    storage = {"root": f"file://{tmp_path}/batches"}
    messages = sync({"file_id": "f1"}, batch_config={"encoding": {"format": "jsonl"}, "storage": storage})
    (path,) = messages.batch_paths
    assert path.read_bytes().splitlines() == [b'{"id":"1"}', b'{"id":"2"}']
    assert path.name.startswith("tap-gdrive-csv--rows-")


BAD_FILES: dict[str, tuple[dict[str, Any], str]] = {
    "absent": ({"file_id": "f99"}, r"Drive file f99: there is none, or it is not shared with .* \(404\)"),
    "forbidden": ({"file_id": "f8"}, r"Drive file f8: .* may not read it \(403\); share it with the account"),
    "native": ({"file_id": "f6"}, r"Plan\.csv \(f6\): it is a document of Google's own kind, no CSV file; use tap-g"),
    "bin": ({"file_id": "f4"}, r"old\.csv \(f4\): it is in the bin"),
    "nothing": ({"folder_id": "sub", "name_pattern": "*.csv"}, r"'files\[0\]': it finds no CSV file"),
    "query": ({"query": "nonsense"}, r"Setting 'files\[0\]\.query': the request was refused with status 400"),
    "value": ({"file_id": "f9", "types": {"id": "integer"}}, r"bad\.csv \(f9\), line 3: the value in column 'id'"),
    "key": ({"file_id": "f9", "keys": ["nr"]}, r"bad\.csv \(f9\): it has no column 'nr'"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_an_error_that_names_it_and_no_value(google: Google, sync: Sync, case: str) -> None:
    _folder(google)
    google.add(Doc("f8", "x.csv", forbidden=True), Doc("f9", "bad.csv", f"id\n1\n{SECRET}\n".encode()))
    entry, expected = BAD_FILES[case]
    with pytest.raises((FileError, ServiceError), match=expected) as caught:
        sync(entry)
    assert SECRET not in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_search_that_is_not_complete_is_an_error(google: Google, sync: Sync) -> None:
    _folder(google)
    google.incomplete = True
    with pytest.raises(ServiceError, match="Drive did not search everything; set 'drive_id'"):
        sync({"folder_id": "top"})


BAD_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({}, "set 'files' to at least one entry"),
    "typo": ({"files": [{"entity": "a", "folder": "x"}]}, "did you mean 'folder_id'?"),
    "origin": ({"files": [{"entity": "a", "file_id": "x", "query": "y"}]}, "'files[0]': set one of file_id, folder_id"),
    "id": ({"files": [{"entity": "a", "folder_id": "x' or 'y"}]}, "'files[0].folder_id' must be an id"),
    "recursive": ({"files": [{"entity": "a", "file_id": "x", "recursive": True}]}, "'files[0].recursive' goes with"),
    "format": ({"files": [{"entity": "a", "file_id": "x", "delimiter": "||"}]}, "delimiter' must be one character"),
    "keys": (
        {"files": [{"entity": "a", "file_id": "x"}, {"entity": "a", "file_id": "y", "keys": ["k"]}]},
        "'files[1].keys' differs from an earlier entry",
    ),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings_are_errors_with_their_place(google: Google, case: str) -> None:
    config, expected = BAD_SETTINGS[case]
    with pytest.raises(SettingsError) as caught:
        TapGdriveCsv(config=google.settings(**config))
    assert expected in str(caught.value)
    assert google.requests == []

"""BATCH files hold what the records would have said, in every format, in files of bounded size."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tap_adapters.common.errors import FileError, SettingsError
from tap_adapters.csv import batch_files, exact
from tests.tap_csv.conftest import Messages, Run, Sync, entry

FORMATS = [
    ("parquet", None),
    ("parquet", "gzip"),
    ("parquet", "snappy"),
    ("parquet", "zstd"),
    ("arrow", None),
    ("arrow", "lz4"),
    ("arrow", "zstd"),
    ("jsonl", None),
    ("jsonl", "gzip"),
]


def _config(folder: Path, form: str, compression: str | None = None, **more: Any) -> dict[str, Any]:
    encoding = {"format": form} if compression is None else {"format": form, "compression": compression}
    return {"encoding": encoding, "storage": {"root": folder.as_uri(), "prefix": "x-"}, **more}


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.name.endswith(".parquet"):
        return pq.read_table(path).to_pylist()
    if path.name.endswith(".arrow"):
        return pa.ipc.open_file(path).read_all().to_pylist()
    data = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


def _read(messages: Messages) -> list[dict[str, Any]]:
    return [row for path in messages.batch_paths for row in _rows(path)]


def _odd_files(folder: Path) -> list[dict[str, Any]]:
    """Entries for files of every trait, most of which the quick engine must leave to the exact one."""
    contents: dict[str, bytes] = {
        "plain": b"i,n,t\n1,1.50,a\n,,\n-2,NULL,b\n",
        "quotes": b'i,n,t\r\n1,2,"a\r\nb ""c"", d"\r\n"3","4.0"," \t"\r\n5,6,7" pipe\r\n',
        "utf16": "i,n,t\n1,2,Łódź\n".encode("utf-16"),
        "nul": b"i,n,t\n1,2,a\0b\n",
        "escaped": b'i,n,t\n1,2,a\\"b\\\\c\n',
        "ragged": b"i,n,t\n1,2\n3,4,x\n5,6,7,8\n",
        "fewer": b"t,i\n\xc3\xa9,1\n",
        "blank": b"i,n,t\n\n1,2,a\n\n",
        "empty": b"i,n,t\n",
    }
    settings = {"escaped": {"escapechar": "\\"}, "ragged": {"on_ragged_row": "skip"}}
    for name, content in contents.items():
        (folder / f"{name}.csv").write_bytes(content)
    common = {"types": {"i": "integer", "n": "number"}, "null_values": ["NULL"]}
    return [entry(f"{name}.csv") | common | settings.get(name, {}) for name in contents]


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_batches_and_records_are_the_same_rows(
    sync: Sync, tmp_path: Path, form: str, compression: str | None, metadata: bool
) -> None:
    files = _odd_files(tmp_path)
    records = sync(*files, add_metadata_columns=metadata)
    batches = sync(*files, add_metadata_columns=metadata, batch_config=_config(tmp_path / "out", form, compression))
    assert len(records.records()) == 12
    assert _read(batches) == records.records()
    assert batches.state == records.state
    assert batches.of("RECORD") == []
    message = batches.of("BATCH")[0]
    assert message["encoding"] == {"format": form, "compression": compression or "none"}
    assert list(message) == ["type", "stream", "encoding", "manifest"]


def test_records_by_the_sdk_are_the_same_rows_too(sync: Sync, tmp_path: Path) -> None:
    files = _odd_files(tmp_path)
    direct = sync(*files, add_metadata_columns=True)
    by_sdk = sync(*files, add_metadata_columns=True, flattening_enabled=True, flattening_max_depth=1)
    assert "time_extracted" in by_sdk.of("RECORD")[0]
    assert by_sdk.records() == direct.records()
    assert by_sdk.state == direct.state


def test_stream_maps_are_applied_to_records(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,a\n2,b\n")
    maps = {"rows": {"name": "name.upper()", "__filter__": "id != '1'"}}
    assert sync(entry("a.csv"), stream_maps=maps).records() == [{"id": "2", "name": "B"}]


def test_stream_maps_and_batches_exclude_each_other(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,a\n")
    with pytest.raises(SettingsError, match="'batch_config' and 'stream_maps' exclude each other"):
        sync(entry("a.csv"), batch_config=_config(tmp_path, "parquet"), stream_maps={"rows": {"name": None}})


def test_typed_columns_are_typed_in_the_files(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("i,n,b,t\n1,2,true,x\n")
    types = {"i": "integer", "n": "number", "b": "boolean"}
    for form in ("parquet", "arrow"):
        batches = sync(entry("a.csv", types=types), batch_config=_config(tmp_path / "out", form))
        path = batches.batch_paths[0]
        schema = pq.read_schema(path) if form == "parquet" else pa.ipc.open_file(path).schema
        assert schema.types == [pa.int64(), pa.float64(), pa.bool_(), pa.string()]


@pytest.mark.parametrize("form", ["parquet", "arrow", "jsonl"])
def test_files_hold_at_most_the_set_number_of_rows(sync: Sync, tmp_path: Path, form: str) -> None:
    (tmp_path / "a.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(25)))
    messages = sync(entry("a.csv"), batch_config=_config(tmp_path / "out", form, batch_size=10))
    assert [len(_rows(path)) for path in messages.batch_paths] == [10, 10, 5]
    assert [row["id"] for row in _read(messages)] == [str(number) for number in range(25)]
    assert [message["type"] for message in messages.all] == ["SCHEMA", "BATCH", "BATCH", "BATCH", "STATE"]


def test_files_are_bounded_by_bytes_and_row_groups_too(
    sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("id,text\n" + "".join(f'{number},"{"x" * 100}"\n' for number in range(200_000)))
    monkeypatch.setattr(batch_files, "MAX_BYTES", 10 * 2**20)
    monkeypatch.setattr(batch_files, "ROW_GROUP_BYTES", 6 * 2**20)
    paths = sync(entry("a.csv"), batch_config=_config(tmp_path / "out", "parquet")).batch_paths
    assert len(paths) in {2, 3}
    assert sum(pq.read_metadata(path).num_rows for path in paths) == 200_000
    assert pq.read_metadata(paths[0]).num_row_groups == 2
    assert max(pq.read_table(path).nbytes for path in paths) < 16 * 2**20


def test_deselected_columns_are_not_in_the_files(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,secret\n1,x\n")
    string = {"type": ["string", "null"]}
    metadata = [
        {"breadcrumb": [], "metadata": {"selected": True}},
        {"breadcrumb": ["properties", "secret"], "metadata": {"selected": False}},
    ]
    stream = {"tap_stream_id": "rows", "schema": {"properties": {"id": string, "secret": string}}, "metadata": metadata}
    batches = sync(entry("a.csv"), catalog={"streams": [stream]}, batch_config=_config(tmp_path / "out", "arrow"))
    assert _read(batches) == [{"id": "1"}]


def test_an_error_leaves_no_unfinished_file(sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "ROWS_PER_BATCH", 10)
    (tmp_path / "a.csv").write_text("id\n" + "1\n" * 50 + "2,3\n")
    with pytest.raises(FileError, match="line 52"):
        sync(entry("a.csv"), batch_config=_config(tmp_path / "out", "parquet"))
    assert list(tmp_path.rglob("*.part")) == list(tmp_path.rglob("*.parquet")) == []


def test_an_unwritable_root_is_an_error(sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    (tmp_path / "out").write_text("a file")
    with pytest.raises(FileError, match="cannot be written"):
        sync(entry("a.csv"), batch_config=_config(tmp_path / "out", "parquet"))


def test_the_command_writes_arrow_files_and_an_unchanged_file_gives_no_batch(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a b.csv").write_text("id\n1\n")
    config = {"files": [entry("a b.csv")], "batch_config": _config(tmp_path / "out", "arrow")}
    done = run(config=config)
    assert (done.code, _read(done.messages)) == (0, [{"id": "1"}])
    again = run(config=config, state=done.messages.state)
    assert (again.code, again.messages.of("BATCH")) == (0, [])

"""BATCH input: the records of a stream as Parquet files, and the messages that name them."""

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import yaml

from benchmarks import contracts, data
from benchmarks.data import FIRST_ID, Stream
from benchmarks.peers import floor_duckdb
from benchmarks.shapes import SHAPES

ROWS = 100_000


def make(records: int, rows: int = ROWS, cache: Path = data.CACHE) -> Stream:
    """The `ten` records of `data.make` in files of so many rows, every file followed by a STATE line."""
    stem = cache / f"batches-{records}-{rows}-v{data.VERSION}"
    meta = stem.with_name(stem.name + ".json")
    if not meta.exists():
        _write(data.make("ten", records, cache=cache), stem, meta, rows)
    return data.load(meta)


def folder(stream: Stream) -> Path:
    """Where the files of a stream are."""
    return stream.path.absolute().with_suffix("")


def _write(lines: Stream, stem: Path, meta: Path, rows: int) -> None:
    stem.mkdir(exist_ok=True)
    files = _parquet_files(lines, stem.absolute(), rows)
    path = stem.with_name(stem.name + ".singer")
    name = SHAPES[lines.shape].streams[0]
    messages = contracts.schema_messages(SHAPES[lines.shape])
    for number, file in enumerate(files, 1):
        batch = {"type": "BATCH", "stream": name, "encoding": {"format": "parquet"}, "manifest": [file.as_uri()]}
        messages += [json.dumps(batch), json.dumps({"type": "STATE", "value": {"bookmarks": {name: {"file": number}}}})]
    path.write_text("".join(f"{message}\n" for message in messages))
    size = path.stat().st_size + sum(file.stat().st_size for file in files)
    data.save(replace(lines, path=path, size=size), meta)


def _parquet_files(lines: Stream, place: Path, rows: int) -> list[Path]:
    properties = yaml.safe_load(lines.contract.read_text())["schema"][0]["properties"]
    source = floor_duckdb.records(str(lines.path), floor_duckdb.struct(properties))
    files = []
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE rows AS {source}")
        for start in range(FIRST_ID, FIRST_ID + lines.records, rows):
            files.append(place / f"{start}.parquet")
            chosen = f"SELECT * FROM rows WHERE id >= {start} AND id < {start + rows} ORDER BY id"
            connection.execute(f"COPY ({chosen}) TO '{files[-1]}' (FORMAT parquet, COMPRESSION zstd)")
    return files

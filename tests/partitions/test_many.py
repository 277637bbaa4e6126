"""Many partitions and many rows: the number of files, the order inside them, and what goes to disk on the way."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from target_dativo_iceberg.arranged import ArrangedWriter, Waiting, writer_of
from target_dativo_iceberg.contract.arrangement import partition, sort_key
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.errors import InputError, StoreError
from target_dativo_iceberg.files import FileTarget, FileWriter
from target_dativo_iceberg.settings import parse
from target_dativo_iceberg.tables import open_store
from tests.partitions.lake import Lake, files, rows_of
from tests.target.running import Target

FIELDS = (
    Field("id", Type(Kind.INTEGER)),
    Field("at", Type(Kind.TIMESTAMPTZ)),
    Field("x", Type(Kind.DOUBLE)),
    Field("note", Type(Kind.STRING)),
)
ROWS = 4000
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def _batches(rows: int, days: int, seed: int = 1) -> Iterator[pa.RecordBatch]:
    """Rows in batches of 4,000, in the order of time, over so many days."""
    dice = random.Random(seed)
    for first in range(0, rows, ROWS):
        numbers = range(first, min(first + ROWS, rows))
        yield pa.record_batch({
            "id": pa.array(numbers, pa.int64()),
            "at": pa.array([START + dt.timedelta(days=n * days / rows) for n in numbers], pa.timestamp("us", "UTC")),
            "x": pa.array([dice.choice([None, float("nan"), dice.random()]) for _ in numbers], pa.float64()),
            "note": pa.array([f"note {dice.randrange(1000)}" for _ in numbers]),
        })  # fmt: skip


def _target(folder: Path, partition_by: str = "", sort_by: tuple[str, ...] = (), **settings: Any) -> FileTarget:
    store = open_store(parse({"warehouse": str(folder / "warehouse")} | settings))
    contract = Contract(
        "t", FIELDS, partitions=(partition(partition_by),) if partition_by else (), sort=tuple(map(sort_key, sort_by))
    )
    return store.file_target(store.destination(("default", "t"), contract, None), "test")


def _write(target: FileTarget, batches: Iterator[pa.RecordBatch], limit: int) -> tuple[ArrangedWriter, int]:
    """Write, and return the writer and the most bytes that waited in memory."""
    waiting = Waiting(limit)
    writer = writer_of(target, waiting)
    assert isinstance(writer, ArrangedWriter)
    most = 0
    for batch in batches:
        writer.write([batch])
        most = max(most, writer.waiting)
    writer.finish()
    return writer, most


@pytest.mark.parametrize("limit", [1 << 30, 256 << 10], ids=["memory", "disk"])
@pytest.mark.parametrize(
    ("partition_by", "count", "sort_by"),
    [("day(at)", 365, ()), ("bucket[1000](id)", 1000, ()), ("bucket[100](id)", 100, ("note desc", "id"))],
)
def test_each_partition_is_one_file_however_rows_come(
    tmp_path: Path, partition_by: str, count: int, sort_by: tuple[str, ...], limit: int
) -> None:
    writer, most = _write(_target(tmp_path, partition_by, sort_by), _batches(40_000, 365), limit)
    assert len(writer.files) == count
    assert len({file.partition[0] for file in writer.files}) == count
    assert most <= limit
    held = [rows_of(file) for file in writer.files]
    assert sorted(pa.concat_tables(held)["id"].to_pylist()) == list(range(40_000))
    if sort_by:
        for table in held:
            rows = [(row["note"], -row["id"]) for row in table.to_pylist()]
            assert rows == sorted(rows, reverse=True)


def test_rows_of_a_large_partition_go_to_its_file_at_once(tmp_path: Path) -> None:
    target = _target(tmp_path, "year(at)", target_file_size_mb=1)
    writer, _ = _write(target, _batches(400_000, 364), 12 << 20)
    assert sum(file.record_count for file in writer.files) == 400_000
    assert {file.partition[0] for file in writer.files} == {54}
    # closed near the target size, which only the last one misses
    assert len(writer.files) > 1
    assert all(0.7 < file.file_size_in_bytes / (1 << 20) < 1.1 for file in writer.files[:-1])


@pytest.mark.parametrize("limit", [1 << 30, 400 << 10], ids=["memory", "ranges"])
@pytest.mark.parametrize("sort_by", [("x",), ("x desc",), ("note", "x desc", "id desc"), ("at desc",)], ids=", ".join)
def test_a_sorted_table_without_partitions_is_one_sorted_file(
    tmp_path: Path, sort_by: tuple[str, ...], limit: int
) -> None:
    writer, most = _write(_target(tmp_path, sort_by=sort_by), _batches(40_000, 365), limit)
    (file,) = writer.files
    assert most <= limit
    assert (file.sort_order_id, file.record_count) == (1, 40_000)
    rows = rows_of(file).to_pylist()
    keys = [sort_key(text) for text in sort_by]
    for key in reversed(keys):
        # Python's sort keeps the order of equals, and so may be checked key by key from the last
        assert all(
            _rank(a, key.field, key.descending) <= _rank(b, key.field, key.descending)
            for a, b in pairwise(rows)
            if all(_same(a[k.field], b[k.field]) for k in keys[: keys.index(key)])
        ), key


def _rank(row: dict[str, Any], name: str, descending: bool) -> Any:
    """Nulls first going up and last going down; NaN beyond all numbers."""
    value = row[name]
    if value is None:
        return (2 if descending else 0, 0)
    if isinstance(value, str):
        value = int(value.removeprefix("note ").ljust(4, "0")) * 10 + len(value)
    if isinstance(value, dt.datetime):
        value = value.timestamp()
    ranked = (1, float("inf") if value != value else value)
    return (1, -ranked[1]) if descending else ranked


def _same(a: Any, b: Any) -> bool:
    return a == b or (a != a and b != b)


def test_sizes_follow_the_target_size_in_sorted_tables(tmp_path: Path) -> None:
    target = _target(tmp_path, sort_by=("id desc",), target_file_size_mb=1)
    writer, _ = _write(target, _batches(200_000, 365), 2 << 20)
    assert len(writer.files) > 1
    ranges = [(max(r), min(r)) for r in (rows_of(f)["id"].to_pylist() for f in writer.files)]
    assert all(low > high for (_, low), (high, _) in pairwise(ranges))
    assert all(rows_of(f)["id"].to_pylist() == sorted(rows_of(f)["id"].to_pylist(), reverse=True) for f in writer.files)


def test_tables_share_the_memory_for_rows_that_wait(tmp_path: Path) -> None:
    waiting = Waiting(1 << 20)
    writers = [writer_of(_target(tmp_path / str(n), "bucket[8](id)"), waiting) for n in range(4)]
    for batch in _batches(40_000, 1):
        for writer in writers:
            writer.write([batch])
            assert sum(w.waiting for w in writers if isinstance(w, ArrangedWriter)) <= 1 << 20
    for writer in writers:
        assert sum(file.record_count for file in writer.finish()) == 40_000
        assert len(writer.files) == 8


def test_a_writer_that_is_given_up_leaves_no_file(tmp_path: Path) -> None:
    target = _target(tmp_path, "year(at)")
    writer = writer_of(target, Waiting(10 << 20))
    for batch in _batches(400_000, 300):
        writer.write([batch])
    assert list(tmp_path.rglob("*.parquet"))
    writer.discard()
    assert not list(tmp_path.rglob("*.parquet"))


def test_the_plain_writer_writes_what_needs_no_arranging(tmp_path: Path) -> None:
    assert isinstance(writer_of(_target(tmp_path), Waiting(1)), FileWriter)


def test_too_many_partitions_are_refused(tmp_path: Path) -> None:
    writer = writer_of(_target(tmp_path, "id"), Waiting(1 << 30))
    batches = list(_batches(56_000, 1))
    with pytest.raises(InputError, match="more than 50000 partitions"):
        writer.write(batches)
    writer.discard()


def test_a_run_over_many_partitions_stays_within_its_memory(target: Target) -> None:
    records = 120_000

    def lines() -> Iterator[bytes]:
        yield (
            b'{"type":"SCHEMA","stream":"t","schema":{"properties":{"id":{"type":"integer"},"s":{"type":"string"}}},'
            b'"key_properties":["id"]}\n'
        )
        for first in range(0, records, 1000):
            yield b"".join(
                b'{"type":"RECORD","stream":"t","record":{"id":%d,"s":"%s"}}\n' % (n, b"%d" % n * 100)
                for n in range(first, first + 1000)
            )

    ended = target.run(lines(), partition_by=["bucket[1000](id)"], memory_limit_mb=400)
    assert ended.code == 0, ended.log
    assert ended.peak_mb < 400
    lake = Lake(target.folder)
    assert len(files(lake.table())) == 1000
    assert lake.tables.count("t") == records


def test_a_partition_that_cannot_be_written_leaves_no_file_of_the_others(tmp_path: Path) -> None:
    target = _target(tmp_path, "note")
    (tmp_path / "warehouse/default/t/data").mkdir(parents=True)
    (tmp_path / "warehouse/default/t/data/note=note+77").write_text("a file where a folder has to be")
    writer = writer_of(target, Waiting(1 << 20))
    writer.write(list(_batches(8000, 1)))
    with pytest.raises(StoreError, match="writing a data file of table"):
        writer.finish()
    assert writer.files
    writer.discard()
    assert not list(tmp_path.rglob("*.parquet"))

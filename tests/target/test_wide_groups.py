"""Parquet files of many columns: rows are whole, though columns are decoded one after the other."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from target_dativo_iceberg import wide_groups
from tests.readback import Tables
from tests.target.big_files import STREAM, batch_of
from tests.target.running import Target, state

ROWS = 1000


def _table() -> pa.Table:
    numbers = range(ROWS)
    return pa.table(
        {
            "id": pa.array(numbers),
            "text": pa.array([None if n % 7 == 0 else f"t{n % 5}" for n in numbers]),
            "inner": pa.array([{"a": n, "b": [n] * (n % 3)} for n in numbers]),
            "list": pa.array([[str(n)] * (n % 4) for n in numbers]),
            **{f"c{i}": pa.array([n * i for n in numbers]) for i in range(20)},
        }
    )


def _batches(path: Path, *groups: int, step: int) -> list[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        return list(wide_groups.batches(file, groups, step))


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide_groups, "_MOST_BYTES", 20_000)
    monkeypatch.setattr(wide_groups, "_TOGETHER_BYTES", 5_000)


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize("groups", [(0,), (1, 2), (0, 1, 2, 3)])
def test_rows_of_wide_groups_are_those_of_the_file(tmp_path: Path, groups: tuple[int, ...]) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(_table(), path, row_group_size=250)
    with pq.ParquetFile(path) as file:
        assert len(wide_groups._parts(file, groups)) > 3
        expected = list(file.iter_batches(90, row_groups=groups))
    found = _batches(path, *groups, step=90)
    assert [batch.num_rows for batch in found] == [batch.num_rows for batch in expected]
    assert pa.Table.from_batches(found) == pa.Table.from_batches(expected)


@pytest.mark.usefixtures("little_room")
def test_names_with_dots_are_not_taken_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({f"c.{i}": pa.array(range(ROWS)) for i in range(20)}), path)
    assert pa.Table.from_batches(_batches(path, 0, step=90)) == pq.read_table(path)


def test_how_wide_a_file_is(tmp_path: Path) -> None:
    path, values = tmp_path / "a.parquet", pa.array(range(20_000), pa.int64())
    found = []
    for count in (100, 300, 1000):
        pq.write_table(pa.table({f"c{n}": values for n in range(count)}), path, use_dictionary=False)
        metadata = pq.read_metadata(path)
        found.append((wide_groups.are_narrow(metadata), wide_groups.are_wide(metadata)))
    assert found == [(True, False), (False, False), (False, True)]


@pytest.mark.parametrize("adopted", [True, False])
def test_a_wide_file_is_loaded_in_bounded_memory(target: Target, tables: Tables, adopted: bool) -> None:
    """A page of each of its columns takes 180 MB decoded, and readers hold twice as much."""
    rows, names = 50_000, ["id", *(f"c{n}" for n in range(450))]
    path, ids = target.folder / "wide.parquet", pa.array(range(rows), pa.int64())
    pq.write_table(pa.table([ids] * len(names), names=names), path, compression="zstd")
    stream = STREAM | {"schema": {"properties": {name: {"type": "integer"} for name in names}}}
    first = dict.fromkeys(names, 0)
    alone = target.run([stream | {"stream": "b"}, {"type": "RECORD", "stream": "b", "record": first}])
    size = max(1, path.stat().st_size >> 20) if adopted else 4000
    settings = {"batch_roots": [str(target.folder)], "target_file_size_mb": size}
    ended = target.run([stream, batch_of(path), state(1)], **settings)
    assert (alone.code, ended.code) == (0, 0), ended.log
    assert ("adopted as they are" in ended.log) == adopted
    assert ended.peak_mb < alone.peak_mb + 320
    assert tables.sql("SELECT count(*), sum(c7), sum(c449) FROM {a}") == [(rows, *[sum(range(rows))] * 2)]

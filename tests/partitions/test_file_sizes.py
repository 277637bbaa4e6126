"""Files have the size that `target_file_size_mb` names, in compressed bytes, but for the last of each partition."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import DataFile

from target_dativo_iceberg.arranged import writer_of
from target_dativo_iceberg.row_groups import RowGroups
from target_dativo_iceberg.settings import parse
from target_dativo_iceberg.tables import Destination
from tests.partitions.lake import Lake, files, rows_of

MIB = 1 << 20
ROWS = 100_000
SCHEMA = {"id": {"type": "integer"}, "part": {"type": "integer"}, "note": {"type": "string"}}
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "partitioned": {"partition_by": ["part"]},
    "sorted": {"sort_by": ["note"]},
    "partitioned and sorted": {"partition_by": ["part"], "sort_by": ["id desc"]},
}


def _note(pick: random.Random) -> str:
    """A text of which about half can be compressed away."""
    return f"{pick.getrandbits(400):x} a line of text that repeats"


def _written(lake: Lake, notes: list[str]) -> list[DataFile]:
    """Write rows into files of the lake's table, past the JSON that would take most of the time."""
    lake.load([], SCHEMA)
    table, settings = lake.table(), parse(lake.settings)
    store, destination = lake.store, Destination(("default", "t"), (), table, False, table.metadata, {}, settings)
    groups = RowGroups(writer_of(store.file_target(destination, "written"), store.waiting))
    numbers = pa.array(range(len(notes)), pa.int64())
    parts = pa.array([n % 2 for n in range(len(notes))], pa.int64())
    batch = pa.record_batch([numbers, parts, pa.array(notes)], ["id", "part", "note"])
    for start in range(0, len(notes), 9000):
        groups.add(batch.slice(start, 9000))
    return list(groups.finish())


@pytest.mark.parametrize("shape", SHAPES)
def test_files_have_the_target_size(shape: str, tmp_path: Path) -> None:
    pick = random.Random(7)
    lake = Lake(tmp_path, target_file_size_mb=1, **SHAPES[shape])
    found = _written(lake, [_note(pick) for _ in range(ROWS)])
    by_partition = defaultdict(list)
    for file in found:
        by_partition[tuple(file.partition)].append(file.file_size_in_bytes)
    for sizes in by_partition.values():
        *full, _last = sorted(sizes, reverse=True)
        assert len(full) >= 2
        assert all(0.7 * MIB <= size <= 1.1 * MIB for size in full), sizes
    numbers = [n for file in found for n in rows_of(file)["id"].to_pylist()]
    assert sorted(numbers) == list(range(ROWS))


def test_rows_that_compress_well_fill_files_too(tmp_path: Path) -> None:
    pick = random.Random(8)
    notes = [f"{pick.getrandbits(64):x}" + "again " * 40 for _ in range(2 * ROWS)]
    found = _written(Lake(tmp_path, target_file_size_mb=1), notes)
    *full, _last = sorted((f.file_size_in_bytes for f in found), reverse=True)
    assert full
    assert all(0.7 * MIB <= size <= 1.1 * MIB for size in full), full


def test_a_load_writes_files_of_that_size(tmp_path: Path) -> None:
    pick = random.Random(9)
    lake = Lake(tmp_path, target_file_size_mb=1)
    lake.load([{"id": n, "part": 0, "note": f"{pick.getrandbits(4000):x}"} for n in range(6000)], SCHEMA)
    *full, _last = sorted((f.file_size_in_bytes for f in files(lake.table())), reverse=True)
    assert len(full) >= 2
    assert all(0.7 * MIB <= size <= 1.1 * MIB for size in full), full
    assert lake.tables.sql("SELECT count(*), sum(id) FROM {t}") == [(6000, 6000 * 5999 // 2)]


def test_partitions_whose_rows_compress_otherwise_each_get_files_of_that_size(tmp_path: Path) -> None:
    pick = random.Random(10)
    notes = [_note(pick) * 2 if n % 2 else "again " * 60 for n in range(40_000)]
    found = _written(Lake(tmp_path, target_file_size_mb=1, partition_by=["part"]), notes)
    *full, _last = sorted((f.file_size_in_bytes for f in found if f.partition[0] == 1), reverse=True)
    assert full
    assert all(0.7 * MIB <= size <= 1.1 * MIB for size in full), full
    assert sum(f.record_count for f in found) == 40_000


def test_data_files_are_zstd_with_the_ids_of_their_columns(lake: Lake) -> None:
    lake.load([{"id": 1, "part": 2, "note": "x"}], SCHEMA)
    (file,) = files(lake.table())
    found = pq.ParquetFile(file.file_path.removeprefix("file://"))
    ids = {field.name: int(field.metadata[b"PARQUET:field_id"]) for field in found.schema_arrow}
    assert ids == {field.name: field.field_id for field in lake.table().schema().fields}
    group = found.metadata.row_group(0)
    assert {group.column(number).compression for number in range(group.num_columns)} == {"ZSTD"}
    found.close()

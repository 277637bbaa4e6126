"""Pieces of files are read ahead of what looks at them: in order, and no longer than they are wanted."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from target_dativo_iceberg import piece_sizes, wide_groups
from target_dativo_iceberg.adoption import Candidate, Piece
from target_dativo_iceberg.batch import Plan
from target_dativo_iceberg.batch_files import pieces
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.envelope import BatchFiles
from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.workers import Workers

GROUPS = (50, 1, 7, 40, 13)


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(1 << 20)
    made.begin()
    yield made
    made.shutdown()


def _file(folder: Path) -> Path:
    """Row groups of several sizes; each value is the number of its row."""
    path, first = folder / "a.parquet", 1
    with pq.ParquetWriter(path, pa.schema({"id": pa.int64()})) as writer:
        for size in GROUPS:
            writer.write_table(pa.table({"id": pa.array(range(first, first + size))}), row_group_size=size)
            first += size
    return path


def _candidate(path: Path) -> Candidate:
    contract = Contract("a", (Field("id", Type(Kind.INTEGER)),))
    return Candidate(path, path.stat(), pq.read_metadata(path), Plan(contract, {}, bare=True))


def _read(path: Path, workers: Workers, candidate: Candidate) -> list[tuple[int, Piece]]:
    message = BatchFiles("a", "parquet", "none", (path.as_uri(),))
    found = pieces(message, [path.parent], 1 << 20, lambda _: candidate, workers.ahead)
    return [(row, piece) for _, row, piece in found if isinstance(piece, Piece)]


@pytest.mark.parametrize("pages", [1 << 20, 0], ids=["two readers", "one reader"])
@pytest.mark.parametrize("rows", [1000, 4])
def test_row_groups_that_are_read_side_by_side_come_in_order(
    tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch, rows: int, pages: int
) -> None:
    monkeypatch.setattr(piece_sizes, "_MOST_ROWS", rows)
    monkeypatch.setattr(wide_groups, "_EACH_BYTES", pages)
    path = _file(tmp_path)
    found = _read(path, workers, _candidate(path))
    assert [piece.batch.column(0).to_pylist() for _, piece in found] == [
        list(range(row, row + piece.batch.num_rows)) for row, piece in found
    ]
    assert sum(piece.batch.num_rows for _, piece in found) == sum(GROUPS)
    assert [row for row, _ in found] == sorted(row for row, _ in found)
    if rows > max(GROUPS):
        assert [piece.group for _, piece in found] == list(range(len(GROUPS)))


def test_a_file_with_fewer_rows_than_its_footer_said_is_refused(tmp_path: Path, workers: Workers) -> None:
    path = _file(tmp_path)
    longer = _candidate(path)
    pq.write_table(pa.table({"id": pa.array(range(3))}), path)
    with pytest.raises(InputError, match=r"BATCH file a\.parquet cannot be read as parquet"):
        _read(path, workers, longer)


def _counting(closed: threading.Event, until: int = 100) -> Generator[int]:
    try:
        yield from range(until)
        raise pa.ArrowInvalid("the end is broken")
    finally:
        closed.set()


def test_what_reading_raises_comes_after_the_pieces_before_it(workers: Workers) -> None:
    closed, seen = threading.Event(), list[int]()

    def take() -> None:
        for number in workers.ahead(_counting(closed, 3)):
            seen.append(number)

    with pytest.raises(pa.ArrowInvalid, match="the end is broken"):
        take()
    assert (seen, closed.is_set()) == ([0, 1, 2], True)


def test_reading_ends_when_no_more_is_wanted(workers: Workers) -> None:
    closed = threading.Event()
    taken = workers.ahead(_counting(closed))
    assert next(taken) == 0
    taken.close()
    assert closed.is_set()


def test_reading_ends_when_the_threads_are_gone_before_it(workers: Workers) -> None:
    closed = threading.Event()
    taken = workers.ahead(_counting(closed))
    assert next(taken) == 0
    workers.shutdown()
    taken.close()
    assert closed.is_set()


def test_the_next_piece_is_read_while_one_is_looked_at(workers: Workers) -> None:
    came = threading.Event()

    def numbers() -> Generator[int]:
        yield 1
        came.set()
        yield 2

    taken = workers.ahead(numbers())
    assert next(taken) == 1
    assert came.wait(10)
    assert pc.sum(pa.array(list(taken))).as_py() == 2

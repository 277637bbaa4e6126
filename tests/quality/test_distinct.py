"""Repeated keys, against a set of Python values; most of it with so little memory that keys go to files."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_dativo_iceberg.contract.rules.distinct import Distinct
from target_dativo_iceberg.errors import ContractError, EvolutionError, StoreError

TYPES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "int64": (pa.int64(), st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))),
    "int32": (pa.int32(), st.integers(-2, 5)),
    "text": (
        pa.string(),
        st.one_of(st.sampled_from(["", "\0", "a", "a\0", "é", "x" * 300, "x" * 301]), st.text(max_size=80)),
    ),
    "bytes": (pa.binary(), st.binary(max_size=3)),
    "uuid": (pa.binary(16), st.sampled_from([bytes([n]) * 16 for n in range(4)])),
    "decimal": (pa.decimal128(10, 2), st.decimals(-2, 2, places=2)),
    "wide decimal": (pa.decimal128(38, 0), st.sampled_from([Decimal(n) for n in (-(10**37), -1, 0, 2**64, 2**65)])),
    "timestamp": (pa.timestamp("us", "UTC"), st.sampled_from([datetime(2024, 1, d, tzinfo=UTC) for d in (1, 2, 3)])),
    "date": (pa.date32(), st.sampled_from([date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29)])),
    "time": (pa.time64("us"), st.sampled_from([time(0), time(0, 0, 1), time(23, 59, 59, 999999)])),
    "double": (pa.float64(), st.sampled_from([0.0, -0.0, 1.5, -1.5, float("inf")])),
    "boolean": (pa.bool_(), st.booleans()),
}


def repeated(batches: Iterable[Sequence[tuple[Any, ...]]]) -> list[list[bool]]:
    """What a set of Python values says."""
    seen: set[tuple[Any, ...]] = set()
    out = []
    for batch in batches:
        mask = []
        for key in batch:
            mask.append(None not in key and key in seen)
            seen.add(key)
        out.append(mask)
    return out


def found(distinct: Distinct, batches: Iterable[pa.RecordBatch]) -> list[list[bool]]:
    masks = [(batch, distinct.duplicates(batch)) for batch in batches]
    return [[False] * batch.num_rows if mask is None else mask.to_pylist() for batch, mask in masks]


@st.composite
def keyed_batches(draw: st.DrawFn) -> tuple[list[str], list[list[tuple[Any, ...]]]]:
    names = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=3))
    rows = st.tuples(
        *[st.one_of(st.none(), TYPES[name][1]) if draw(st.booleans()) else TYPES[name][1] for name in names]
    )
    return names, draw(st.lists(st.lists(rows, max_size=12), min_size=1, max_size=8))


@settings(max_examples=300 if os.environ.get("THOROUGH") else 100, deadline=None)
@given(keyed_batches(), st.sampled_from([1, 1000, 1 << 20]))
def test_repeated_keys_are_those_that_a_set_finds(
    case: tuple[list[str], list[list[tuple[Any, ...]]]], memory: int
) -> None:
    names, batches = case
    columns = [f"c{i}" for i in range(len(names))]
    schema = pa.schema([pa.field(column, TYPES[name][0]) for column, name in zip(columns, names, strict=True)])
    tables = [pa.RecordBatch.from_pylist([dict(zip(columns, row, strict=True)) for row in b], schema) for b in batches]
    with TemporaryDirectory() as folder:
        assert found(Distinct(columns, memory, Path(folder)), tables) == repeated(batches)
        assert list(Path(folder).iterdir()) == []


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40), unique=True, max_size=8).map(sorted), max_size=8), st.sampled_from([1, 4000])
)
def test_keys_in_order_with_steps_back_are_those_that_a_set_finds(batches: list[list[int]], memory: int) -> None:
    tables = [pa.record_batch({"k": pa.array(batch, pa.int64())}) for batch in batches]
    with TemporaryDirectory() as folder:
        keys = [[(key,) for key in batch] for batch in batches]
        assert found(Distinct(["k"], memory, Path(folder)), tables) == repeated(keys)


def _numbers(count: int, seed: int) -> list[int]:
    made = random.Random(seed)
    return [made.randrange(count) for _ in range(count)]


@pytest.mark.parametrize("rows", [777, 5000, 60_000])
@pytest.mark.parametrize("kind", ["number", "text", "pair"])
def test_many_keys_beyond_the_memory_bound_are_all_remembered(scratch: Path, kind: str, rows: int) -> None:
    numbers = _numbers(60_000, rows)
    whole = {"a": pa.array(numbers, pa.int64())}
    if kind == "text":
        whole["a"] = pc.utf8_rpad(whole["a"].cast(pa.string()), 12, "-")
    if kind == "pair":
        whole["b"] = pa.array([n % 7 for n in numbers], pa.int32())
    batches = pa.table(whole).to_batches(max_chunksize=rows)
    keys = [list(zip(*(column.to_pylist() for column in batch.columns), strict=True)) for batch in batches]
    assert found(Distinct(list(whole), 32 << 10, scratch), batches) == repeated(keys)


def test_increasing_keys_are_remembered_when_the_order_breaks(scratch: Path) -> None:
    ahead = [pa.record_batch({"id": pa.arange(start, start + 3000, 3)}) for start in range(0, 90_000, 3000)]
    distinct = Distinct(["id"], 64 << 10, scratch)
    assert all(distinct.duplicates(batch) is None for batch in ahead)
    back = distinct.duplicates(pa.record_batch({"id": pa.array([90_001, 0, 1, 45_000, 89_997, 90_001])}))
    assert back is not None
    assert back.to_pylist() == [False, True, False, True, True, True]
    after = pa.record_batch({"id": pa.array([90_002, 90_003])})
    assert distinct.duplicates(after) is None
    again = distinct.duplicates(after)
    assert again is not None
    assert again.true_count == 2


@pytest.mark.parametrize("memory", [1, 1 << 20])
@pytest.mark.parametrize("columns", [["t"], ["t", "n"]])
def test_texts_that_look_alike_are_different_keys(scratch: Path, columns: list[str], memory: int) -> None:
    ends = ["", "\0", "\0\0", "a", "a\0", "a\0\0\0", "A", "é", "e\u0301"]
    texts = [f"{'x' * length}{end}" for length in (0, 3, 29, 31, 62, 126, 253, 255, 300) for end in ends]
    batch = pa.record_batch({"t": texts, "n": [0] * len(texts)})
    distinct = Distinct(columns, memory, scratch)
    assert found(distinct, [batch, batch]) == [[False] * len(texts), [True] * len(texts)]


def test_slices_of_batches_and_members_of_objects_are_read_in_place(scratch: Path) -> None:
    texts = ["left out", "aaaa", "bbbb", "aaaa", "cccc"]
    places = [None if t == "bbbb" else {"city": t, "zip": Decimal(len(t))} for t in texts]
    type_ = pa.struct([("city", pa.string()), ("zip", pa.decimal128(30, 1))])
    batch = pa.record_batch({"t": texts, "p": pa.array(places, type_)}).slice(1)
    for columns in (["t"], ["p.city"], ["t", "p.city"], ["p.city", "p.zip"]):
        mask = Distinct(columns, 1 << 20, scratch).duplicates(batch)
        assert mask is not None
        assert mask.to_pylist() == [False, False, True, False]


def test_a_key_that_cannot_be_compared_is_refused(scratch: Path) -> None:
    batch = pa.record_batch({"l": [[1]], "s": [{"x": 1}], "i": [1]})
    for columns in (["l"], ["s"], ["i", "l"], ["nope"], ["s.y"], ["i.x"]):
        with pytest.raises(ContractError):
            Distinct(columns, 1 << 20, scratch).duplicates(batch)


def test_a_key_whose_type_changes_in_the_run_is_refused(scratch: Path) -> None:
    distinct = Distinct(["k"], 1 << 20, scratch)
    distinct.duplicates(pa.record_batch({"k": [1]}))
    with pytest.raises(EvolutionError, match="k"):
        distinct.duplicates(pa.record_batch({"k": ["1"]}))


def test_a_scratch_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    distinct = Distinct(["k"], 1, tmp_path / "file" / "scratch")
    with pytest.raises(StoreError, match="scratch"):
        distinct.duplicates(pa.record_batch({"k": ["a"]}))


_CHILD = """
import resource, sys
from pathlib import Path
import pyarrow as pa
from target_dativo_iceberg.contract.rules.distinct import Distinct
from target_dativo_iceberg.errors import StoreError
"""


def _run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD + code, *arguments], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_disk_that_is_full_is_reported_and_left_clean(scratch: Path) -> None:
    code = """
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
distinct = Distinct(["k"], 1 << 16, Path(sys.argv[1]))
try:
    for start in range(0, 10**6, 1000):
        distinct.duplicates(pa.record_batch({"k": pa.arange(start, start + 1000).cast(pa.string())}))
except StoreError:
    print("full")
"""
    assert _run(code, str(scratch)) == "full"


def test_memory_stays_within_the_bound_however_many_keys_come(scratch: Path) -> None:
    code = """
import os
import random
distinct = Distinct(["k"], 8 << 20, Path(sys.argv[1]))
for start in range(0, 2_000_000, 20_000):
    keys = pa.arange(start, start + 20_000).view(pa.uint64())
    mixed = pa.compute.multiply(keys, pa.scalar(0x9E3779B97F4A7C15, pa.uint64())).view(pa.int64())
    assert distinct.duplicates(pa.record_batch({"k": mixed})) is None
print(pa.default_memory_pool().max_memory() >> 20)
"""
    assert int(_run("import pyarrow.compute\n" + code, str(scratch))) < 8 + 20

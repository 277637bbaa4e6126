"""Parquet files of BATCH messages that become data files as they are, and those that must not."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from target_dativo_iceberg.adoption import Candidate
from target_dativo_iceberg.contract.values.ends import ends
from target_dativo_iceberg.parquet_footer import with_field_ids
from tests.readback import Tables
from tests.target.big_files import (
    ROWS,
    are_adopted,
    contract_of,
    files_of,
    in_order,
    is_copy,
    load_files,
    made,
    table_of,
)
from tests.target.running import Ended, Target


def _sums(tables: Tables) -> list[tuple[Any, ...]]:
    return tables.sql('SELECT count(*), sum(id), count(s), min(s), max(s), min("at"), max("at") FROM {a}')


def _counted(ended: Ended) -> dict[str, Any]:
    found = ended.stream("a")
    return {k: v for k, v in found.items() if k not in ("seconds", "snapshot_id", "files", "file_bytes")}


# ---- files that fit ----


def test_files_that_fit_are_copied_and_mean_what_they_meant(target: Target, tables: Tables) -> None:
    one, two = target.folder / "one.parquet", target.folder / "two.parquet"
    parts = [made(), made(first=ROWS)]
    pq.write_table(parts[0], one, row_group_size=20_000)
    pq.write_table(parts[1], two, compression="gzip")
    before = one.read_bytes(), two.read_bytes()
    ended = load_files(target, one, two)
    assert are_adopted(target, one, two)
    assert (one.read_bytes(), two.read_bytes()) == before
    assert tuple(tables.rows("a", "id")) == in_order(*parts)
    table = table_of(target)
    assert tuple(table.scan().to_arrow().sort_by("id").to_pylist()) == in_order(*parts)
    assert table.name_mapping() is None or not table.properties.get("schema.name-mapping.default")
    # Readers that skip files by bounds find what they look for, and nothing else.
    assert tables.sql(f"SELECT count(*) FROM {{a}} WHERE id = {ROWS}") == [(1,)]
    assert [f.record_count for f in (t.file for t in table.scan(f"id >= {ROWS}").plan_files())] == [ROWS]
    assert [f.record_count for f in (t.file for t in table.scan("s is null").plan_files())] == [ROWS, ROWS]
    stream = ended.stream("a")
    assert (stream["records"], stream["good"], stream["files"]) == (2 * ROWS, 2 * ROWS, 2)
    assert stream["file_bytes"] == sum(path.stat().st_size for path in files_of(target))


def test_the_report_says_the_same_of_files_that_are_written_anew(target: Target, tables: Tables) -> None:
    path = target.folder / "one.parquet"
    pq.write_table(made(), path)
    copied = load_files(target, path)
    assert are_adopted(target, path)
    sums = _sums(tables)
    anew = Target(target._server, target.folder / "other")
    anew.folder.mkdir()
    written = load_files(anew, path, batch_roots=[str(target.folder)], adopt_batch_files=False)
    assert not are_adopted(anew, path)
    assert _counted(copied) == _counted(written)
    assert _sums(Tables(anew.warehouse)) == sums


def test_a_stream_can_have_its_files_written_anew(target: Target, tables: Tables) -> None:
    path = target.folder / "one.parquet"
    pq.write_table(made(), path)
    load_files(target, path, stream_settings={"a": {"adopt_batch_files": False}})
    assert not are_adopted(target, path)
    assert tables.count("a") == ROWS


def test_narrower_numbers_are_read_as_the_wider_ones_of_the_table(target: Target, tables: Tables) -> None:
    path = target.folder / "one.parquet"
    narrow = made().set_column(3, "id", made().column("id").cast(pa.int32()))
    pq.write_table(narrow, path)
    load_files(target, path)
    assert are_adopted(target, path)
    assert tuple(tables.rows("a", "id")) == in_order(made())
    assert table_of(target).scan("id = 5").to_arrow().num_rows == 1


def test_files_with_the_field_ids_of_the_table_are_adopted(target: Target, tables: Tables) -> None:
    path = target.folder / "one.parquet"
    ids = {"id": 1, "x": 2, "s": 3, "at": 4, "k": 5}
    fields = [f.with_metadata({"PARQUET:field_id": str(ids[f.name])}) for f in made().schema]
    pq.write_table(made().cast(pa.schema(fields)), path)
    load_files(target, path)
    assert are_adopted(target, path)
    assert tables.count("a") == ROWS


# ---- files that do not ----


def _replaced(name: str, change: Callable[[pa.ChunkedArray], Any]) -> pa.Table:
    table = made()
    index = table.column_names.index(name)
    return table.set_column(index, name, change(table.column(name)))


def _with_other_ids() -> pa.Table:
    fields = [f.with_metadata({"PARQUET:field_id": str(n)}) for n, f in enumerate(made().schema, 1)]
    return made().cast(pa.schema(fields))


def _lying(path: Path) -> None:
    """Write a file whose footer says of its rows what holds for others."""
    plain: dict[str, Any] = {"compression": "none", "use_dictionary": False}
    pq.write_table(made(), path, **plain)
    other = io.BytesIO()
    pq.write_table(_replaced("id", lambda c: pc.add(c, ROWS)), other, **plain)
    size = pq.read_metadata(path).serialized_size + 8
    path.write_bytes(path.read_bytes()[:-size] + other.getvalue()[-size:])


# Files, how they are written, and why they are no data files as they are.
_UNFIT: dict[str, tuple[pa.Table, dict[str, Any], str]] = {
    "nanoseconds": (_replaced("at", lambda c: c.cast(pa.timestamp("ns", "UTC"))), {}, "'at' is not of the contract's"),
    "no zone": (_replaced("at", lambda c: c.cast(pa.timestamp("us"))), {}, "'at' is not of the contract's type"),
    "int96": (made(), {"use_deprecated_int96_timestamps": True}, "'at' is not of the contract's type"),
    "dictionary": (_replaced("s", lambda c: c.dictionary_encode()), {}, "'s' is not of the contract's type"),
    "numbers as texts": (_replaced("x", lambda c: c.cast(pa.string())), {}, "'x' is not of the contract's type"),
    "a column more": (made().append_column("more", pa.nulls(ROWS, pa.int64())), {}, "has not the columns"),
    "a column less": (made().drop_columns(["at"]), {}, "has not the columns"),
    "other field ids": (_with_other_ids(), {}, "a column has another field id"),
    "not compressed": (made(), {"compression": "none"}, "is not compressed"),
    "no statistics": (made(), {"write_statistics": False}, "no statistics"),
    "encodings": (
        made(),
        {"use_dictionary": False, "column_encoding": {"id": "DELTA_BINARY_PACKED"}},
        "encodings that not every reader knows",
    ),
    "small row groups": (made(), {"row_group_size": 5_000}, "row groups are small"),
    "small": (made().slice(0, 9_000), {}, "its size is under 25%"),
    "large": (made(150_000), {}, "its size is over 200%"),
}
_UNFIT_SETTINGS: dict[str, dict[str, Any]] = {
    "partitioned": {"partition_by": ["bucket[2](id)"]},
    "a date to be added": {"partition_by": ["ingest_date"]},
    "sorted": {"sort_by": ["id desc"]},
    "record metadata": {"add_record_metadata": True},
    "merged by key": {"load_method": "upsert"},
    "protected": {"privacy": {"rules": [{"match": {"path": "s"}, "action": "partial:1"}]}},
    "mapped": {"stream_maps": {"a": {"x": "x"}}},
}


def test_files_that_do_not_fit_are_written_anew(target: Target, tables: Tables) -> None:
    paths = []
    for name, (rows, writing, _) in _UNFIT.items():
        paths.append(target.folder / f"{name}.parquet")
        pq.write_table(rows, paths[-1], **writing)
    ended = load_files(target, *paths)
    assert [why for _, _, why in _UNFIT.values() if why not in ended.log] == []
    files = files_of(target)
    assert [path.name for path in paths if any(is_copy(file, path) for file in files)] == []
    count = sum(rows.num_rows for rows, _, _ in _UNFIT.values())
    ids = sum(pc.sum(rows.column("id")).as_py() for rows, _, _ in _UNFIT.values())
    texts = sum(rows.num_rows - rows.column("k").null_count for rows, _, _ in _UNFIT.values())
    assert tables.sql("SELECT count(*), sum(id), count(k), count(x) FROM {a}") == [(count, ids, texts, count)]


@pytest.mark.parametrize("why", _UNFIT_SETTINGS)
def test_a_file_is_written_anew_where_its_table_takes_none(target: Target, tables: Tables, why: str) -> None:
    path = target.folder / "one.parquet"
    pq.write_table(made(), path)
    load_files(target, path, **_UNFIT_SETTINGS[why])
    assert not any(is_copy(file, path) for file in files_of(target))
    found = tables.sql("SELECT count(*), sum(id), min(id), max(id) FROM {a}")
    assert found == [(ROWS, ROWS * (ROWS - 1) // 2, 0, ROWS - 1)]


@pytest.mark.parametrize(
    ("spoilt", "away"),
    [
        (_replaced("s", lambda c: pc.if_else(pc.equal(made()["id"], ROWS - 2), "x" * 31, c)), 1),
        (_replaced("k", lambda c: pc.if_else(pc.equal(made()["id"], ROWS - 2), "CC", c)), 1),
        (_replaced("id", lambda c: pc.if_else(pc.equal(c, ROWS - 2), -2, c)), 1),
        (_replaced("id", lambda c: pc.if_else(pc.equal(c, ROWS - 1), None, c)), 1),
        (_replaced("id", lambda c: pc.if_else(pc.equal(c, ROWS - 1), 0, c)), 1),
    ],
    ids=["a rule", "a rule on what repeats", "a range", "a null", "a repeated key"],
)
def test_one_bad_row_has_all_the_others_written_anew(
    target: Target, tables: Tables, spoilt: pa.Table, away: int
) -> None:
    path, good = target.folder / "one.parquet", target.folder / "two.parquet"
    pq.write_table(spoilt, path, row_group_size=20_000)
    pq.write_table(made(first=ROWS), good)
    ended = load_files(target, path, good, on_violation="quarantine", contract_path=contract_of(target))
    stream = ended.stream("a")
    assert (stream["records"], stream["good"], stream["quarantined"]) == (2 * ROWS, 2 * ROWS - away, away)
    files = files_of(target)
    assert [any(is_copy(f, source) for f in files) for source in (path, good)] == [False, True]
    assert tables.sql("SELECT count(*), count(DISTINCT id) FROM {a}") == [(2 * ROWS - away,) * 2]
    assert tables.count("a__quarantine") == away


def test_a_footer_that_lies_is_not_believed(target: Target, tables: Tables) -> None:
    path = target.folder / "one.parquet"
    _lying(path)
    load_files(target, path, compression="none")
    assert not are_adopted(target, path)
    assert tables.sql("SELECT count(*) FROM {a} WHERE id = 5") == [(1,)]


def test_a_file_with_uuids_is_adopted(target: Target, tables: Tables) -> None:
    path, first = target.folder / "one.parquet", UUID(int=1)
    uuids = pa.array([None, *(UUID(int=n).bytes for n in range(1, ROWS))], pa.uuid())
    pq.write_table(made().append_column("u", uuids), path)
    contract = contract_of(target, "      - {name: u, logicalType: string, physicalType: uuid}\n")
    load_files(target, path, contract_path=contract)
    assert are_adopted(target, path)
    assert tables.sql("SELECT count(u), CAST(min(u) AS VARCHAR) FROM {a}") == [(ROWS - 1, str(first))]


def _refuses(least: float, most: float, path: Path) -> bool:
    """Whether a file is refused whose footer has these bounds, which no writer at hand can be made to write."""
    said = SimpleNamespace(has_min_max=True, min=least, max=most)
    metadata: Any = SimpleNamespace(
        row_group=lambda _: SimpleNamespace(column=lambda _: SimpleNamespace(statistics=said))
    )
    plan: Any = None
    path.touch()
    file, rows = Candidate(path, path.stat(), metadata, plan), pa.record_batch({"x": [1.0, None, 5.0]})
    file.compare(0, rows, ends(rows))
    return file.refused


@pytest.mark.parametrize(("least", "most"), [(math.nan, 9.0), (0.0, math.nan), (5.0, 1.0), (0.0, 4.0), (2.0, 9.0)])
def test_bounds_that_do_not_hold_refuse_a_file(tmp_path: Path, least: float, most: float) -> None:
    assert _refuses(least, most, tmp_path / "a.parquet")
    assert not _refuses(1.0, 5.0, tmp_path / "a.parquet")


def test_a_file_whose_texts_repeat_and_are_long_is_adopted(target: Target, tables: Tables) -> None:
    path = target.folder / "one.parquet"
    long = pa.array(["a" * 300, "b" * 300, None]).take(pa.array([n % 3 for n in range(ROWS)]))
    pq.write_table(_replaced("k", lambda _: long), path)
    load_files(target, path)
    assert are_adopted(target, path)
    assert tables.sql("SELECT count(k), min(k), max(k) FROM {a}") == [(ROWS // 3 * 2 + 1, "a" * 300, "b" * 300)]


def test_a_file_with_half_a_character_is_refused_and_one_with_whole_ones_is_not(target: Target) -> None:
    path, whole = target.folder / "half.parquet", target.folder / "whole.parquet"
    text = _replaced("s", lambda column: pc.fill_null(column, "é"))
    pq.write_table(text, whole, use_dictionary=False)
    load_files(target, whole)
    assert are_adopted(target, whole)
    column = text.column("s").combine_chunks()
    spoilt = bytes(column.buffers()[2])[:-1] + b"\xc3"
    halved = pa.Array.from_buffers(column.type, ROWS, [None, column.buffers()[1], pa.py_buffer(spoilt)])
    pq.write_table(_replaced("s", lambda _: halved), path, use_dictionary=False)
    assert "BATCH file half.parquet cannot be read as parquet" in load_files(target, path, code=1).log


# ---- footers ----


def test_a_footer_gets_field_ids_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "many.parquet"
    many = pa.table({f"c{n}": pa.array([n, None, 3]) for n in range(300)})
    pq.write_table(many, path)
    data = path.read_bytes()
    size = pq.read_metadata(path).serialized_size
    new = with_field_ids(data[-size - 8 : -8], [n * 7 + 3 for n in range(300)])
    path.write_bytes(data[: -size - 8] + new + len(new).to_bytes(4, "little") + b"PAR1")
    found = pq.read_table(path)
    assert found.equals(many)
    assert [int(f.metadata[b"PARQUET:field_id"]) for f in found.schema] == [n * 7 + 3 for n in range(300)]
    assert with_field_ids(new, [n * 7 + 3 for n in range(300)]) == new
    with pytest.raises(ValueError, match="another field id"):
        with_field_ids(new, range(300))
    for cut in (b"", data[-size - 8 : -size + 40], b"\x15\x02" + b"\x00" * 10):
        with pytest.raises(ValueError, match="footer"):
            with_field_ids(cut, range(300))

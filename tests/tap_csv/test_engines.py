"""The laws between the engines: the quick one never contradicts the exact one, and JSON says what Arrow holds."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_adapters.common.errors import FileError
from tap_adapters.csv import encode, exact, quick
from tap_adapters.csv.encode import json_lines
from tap_adapters.csv.exact import Records, exact_rows, first_record
from tap_adapters.csv.layout import Dialect, Layout, Rows
from tap_adapters.csv.parse import read_rows
from tap_adapters.csv.quick import UnsureError, quick_batches
from tap_adapters.csv.sources import Part

NASTY = st.lists(
    st.sampled_from(
        ['"', '""', ",", "\n", "\r\n", "\r", "a", " ", "é", "😀", "\0", "\ufeff", "\u2028", "\x85", '",', ',"']
    )
).map("".join)
CELLS = st.text(st.sampled_from('a",\r\n é😀\t;'), max_size=5)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1))
BLOCKS = st.sampled_from([1, 2, 3, 10, 100, 2**20])


def _refuse(line: int, fields: int) -> None:
    raise FileError(f"line {line}: {fields} fields")


def _skip(line: int, fields: int) -> None:
    pass


def _layout(path: Path, text: str, encoding: str, dialect: Dialect = Dialect()) -> Layout | None:  # noqa: B008
    path.write_bytes(text.encode(encoding))
    try:
        header = first_record(Part(path), encoding, dialect)
    except FileError:
        return None
    if header is None:
        return None
    return Layout(Part(path), encoding, dialect, header, tuple(str(index) for index, _ in enumerate(header)))


def _cells(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in batch.to_pylist()]


def _rows(parts: Any) -> list[tuple[Any, ...]]:
    return [row for part in parts for row in _cells(part.batch if isinstance(part, Rows) else part)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(text=NASTY, encoding=st.sampled_from(["utf-8", "utf-16-le"]), block=BLOCKS)
def test_whatever_the_quick_engine_delivers_the_csv_module_reads_too(
    tmp_path: Path, text: str, encoding: str, block: int
) -> None:
    layout = _layout(tmp_path / "a.csv", text, encoding)
    if layout is None:
        return
    delivered: list[tuple[Any, ...]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick, "CHUNK_BYTES", block)
        try:
            for batch in quick_batches(layout):
                delivered += _cells(batch)
        except UnsureError:
            records = [tuple(row) for _, row in _readable(Records(layout.part, encoding, layout.dialect))][1:]
            assert delivered == records[: len(delivered)]
            return
    assert delivered == _rows(exact_rows(layout, 0, _refuse))


def _readable(records: Records) -> list[tuple[int, list[str]]]:
    found = []
    try:
        for record in records:
            found.append(record)  # noqa: PERF402 - what came before an error counts
    except FileError:
        pass
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(table=TABLES, minimal=st.booleans(), delimiter=st.sampled_from(",\t;"), block=BLOCKS)
def test_what_a_csv_writer_wrote_is_what_is_read(
    tmp_path: Path, table: list[list[str]], minimal: bool, delimiter: str, block: int
) -> None:
    # With "\n" between the lines, minimal quoting would leave a bare "\r" unquoted.
    end, quoting = ("\r\n", csv.QUOTE_MINIMAL) if minimal else ("\n", csv.QUOTE_ALL)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=quoting, delimiter=delimiter).writerows(table)
    layout = _layout(tmp_path / "a.csv", out.getvalue(), "utf-8", Dialect(delimiter=delimiter))
    assert layout is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick, "CHUNK_BYTES", block)
        for numbered in (False, True):
            found = _rows(read_rows(layout, _refuse, numbered=numbered))
            assert [layout.header, *found] == [tuple(row) for row in table]


def test_a_plain_file_takes_the_quick_way_to_its_end(tmp_path: Path) -> None:
    layout = _layout(tmp_path / "a.csv", 'id,text\n1,a\n2,"b\r\nc"\n', "utf-8")
    assert layout is not None
    assert _rows(quick_batches(layout)) == [("1", "a"), ("2", "b\r\nc")]
    escaped = Layout(layout.part, "utf-8", Dialect(escapechar="\\"), layout.header, layout.columns)
    with pytest.raises(UnsureError):
        next(quick_batches(escaped))


def test_the_exact_engine_takes_over_after_what_was_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "CHUNK_BYTES", 200)
    body = "".join(f"{number},x\n" for number in range(20_000))
    layout = _layout(tmp_path / "a.csv", f"id,text\n{body}ragged\n20000,\0\n", "utf-8")
    assert layout is not None
    parts = list(read_rows(layout, _skip, numbered=False))
    assert [cells[0] for cells in _rows(parts)] == [str(number) for number in range(20_001)]
    assert parts[0].lines is None
    assert parts[-1].lines is not None
    assert parts[-1].lines[-1] == 20_003


def test_batches_of_the_exact_engine_are_bounded_by_rows_and_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = _layout(tmp_path / "a.csv", "id\n" + "x" * 400_000 + "\n" + "y\n" * 1000, "utf-8")
    assert layout is not None
    monkeypatch.setattr(exact, "ROWS_PER_BATCH", 300)
    monkeypatch.setattr(exact, "BYTES_PER_BATCH", 300_000)
    sizes = [rows.batch.num_rows for rows in exact_rows(layout, 0, _refuse)]
    assert sizes == [1, 300, 300, 300, 100]
    assert [rows.before for rows in exact_rows(layout, 1, _refuse)] == [1, 2, 302, 602, 902]


VALUES = st.one_of(
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))).map(lambda v: pa.array(v, pa.string())),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)).map(lambda v: pa.array(v, pa.int64())),
    st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)).map(lambda v: pa.array(v, pa.float64())),
    st.lists(st.none() | st.booleans()).map(lambda v: pa.array(v, pa.bool_())),
)


@settings(max_examples=300, deadline=None)
@given(columns=st.lists(VALUES, max_size=4), data=st.data())
def test_json_lines_say_what_the_batch_holds(columns: list[pa.Array], data: st.DataObject) -> None:
    rows = min((len(column) for column in columns), default=0)
    names = data.draw(st.lists(st.text(), min_size=len(columns), max_size=len(columns), unique=True))
    names = [name.encode("utf-8", "replace").decode() + str(index) for index, name in enumerate(names)]
    start = data.draw(st.integers(0, rows))
    arrays = [column.slice(0, rows) for column in columns]
    batch = pa.RecordBatch.from_arrays(arrays, names).slice(start)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "MAX_LINES_BYTES", data.draw(st.sampled_from([1, 500, 2**20])))
        out = b"".join(json_lines(batch, '{"record":', "}"))
    assert [json.loads(line)["record"] for line in out.splitlines()] == batch.to_pylist()


def test_every_control_character_is_escaped() -> None:
    text = "".join(chr(code) for code in range(0x80)) + "\u2028\x85é😀"
    batch = pa.RecordBatch.from_arrays([pa.array([text])], ["a"])
    out = b"".join(json_lines(batch, "", ""))
    assert out.count(b"\n") == 1
    assert json.loads(out) == {"a": text}


def test_rows_without_columns_are_empty_objects() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(["a", "b"])], ["a"]).select([])
    assert b"".join(json_lines(batch, '{"r":', "}")) == b'{"r":{}}\n{"r":{}}\n'

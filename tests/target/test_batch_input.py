"""Files of BATCH messages: their columns mean what the same records in JSON mean, and broken files say so."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from target_dativo_iceberg import batch_files
from target_dativo_iceberg.adoption import validate
from target_dativo_iceberg.batch import Plan, read, read_arrow, read_exactly
from target_dativo_iceberg.batch_files import pieces
from target_dativo_iceberg.cells import json_lines
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.contract.values.ends import ends
from target_dativo_iceberg.envelope import BatchFiles
from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.messages import Records
from tests.target.kinds import SCALARS
from tests.target.running import Target, schema, state

_LINE = 1 << 20
_UUID = bytes.fromhex("f47ac10b58cc4372a5670e02b2c3d479")
_AT = datetime(2024, 1, 1, 10, 20, 30, 123456)  # noqa: DTZ001 - as a column without zone has it
_DAY = date(2024, 1, 1)
_MAP = pa.map_(pa.string(), pa.int64())
_KINDS = {
    **SCALARS,
    "longs": Type(Kind.LIST, item=Field("element", Type(Kind.INTEGER))),
    "point": Type(
        Kind.STRUCT, fields=(Field("x", Type(Kind.INTEGER), required=True), Field("at", Type(Kind.TIMESTAMPTZ)))
    ),
    "counts": Type(Kind.MAP, key=Type(Kind.STRING), item=Field("value", Type(Kind.INTEGER))),
}
_NO = "refused"
_NAN, _INF = math.nan, math.inf
_INSTANT = _AT.replace(tzinfo=UTC)
_POINTS = pa.struct([("x", pa.int64()), ("at", pa.timestamp("us"))])

# Columns as writers of files make them, and what some kinds of the contract make of them.
_COLUMNS: dict[str, tuple[pa.Array, dict[str, list[Any]]]] = {
    "int8": (pa.array([1, None, -5], pa.int8()), {"long": [1, None, -5], "money": [Decimal(1), None, Decimal(-5)]}),
    "uint64": (pa.array([1, 2**64 - 1], pa.uint64()), {"long": [1, _NO], "text": ["1", "18446744073709551615"]}),
    "int64": (pa.array([2**53 + 1, 2**31], pa.int64()), {"double": [_NO, 2.0**31], "int": [_NO, _NO]}),
    "float64": (
        pa.array([1.5, _NAN, _INF, 2.0, None]),
        {
            "double": [1.5, _NO, _NO, 2.0, None],
            "long": [_NO, _NO, _NO, 2, None],
            "json": ["1.5", _NO, _NO, "2.0", None],
        },
    ),
    "float32": (pa.array([1.5, _NAN], pa.float32()), {"float": [1.5, _NO], "money": [Decimal("1.50"), _NO]}),
    "float16": (pa.array([1.5], pa.float16()), {"double": [1.5]}),
    "decimal": (pa.array([Decimal("1.50"), Decimal("1.005")], pa.decimal128(20, 3)), {"money": [Decimal("1.50"), _NO]}),
    "wide": (pa.array([Decimal(10) ** 30], pa.decimal128(38, 0)), {"exact": [_NO], "text": ["1" + "0" * 30]}),
    "decimal256": (pa.array([Decimal("1.5")], pa.decimal256(60, 20)), {"money": [Decimal("1.50")]}),
    "bool": (pa.array([True, None, False]), {"flag": [True, None, False], "text": [_NO, None, _NO]}),
    "string": (
        pa.array(["5", "abc", None, "2024-01-01"]),
        {"text": ["5", "abc", None, "2024-01-01"], "long": [5, _NO, None, _NO], "day": [_NO, _NO, None, _DAY]},
    ),
    "large_string": (pa.array(["a"], pa.large_string()), {"text": ["a"], "json": ["a"]}),
    "string_view": (pa.array(["a", "b" * 20], pa.string_view()), {"text": ["a", "b" * 20]}),
    "dictionary": (pa.array(["a", "b", "a"]).dictionary_encode(), {"text": ["a", "b", "a"]}),
    "runs": (pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([7, 8])), {"long": [7, 7, 8]}),
    "binary": (pa.array([b"abc", b"\xff", None]), {"bytes": [b"abc", b"\xff", None], "three": [b"abc", _NO, None]}),
    "bytes for text": (pa.array([b"abc", b"\xff"]), {"text": ["abc", _NO], "long": [_NO, _NO]}),
    "fixed": (pa.array([_UUID], pa.binary(16)), {"uuid": [_UUID], "bytes": [_UUID]}),
    "uuid": (pa.array([_UUID], pa.binary(16)).cast(pa.uuid()), {"uuid": [_UUID]}),
    "date32": (
        pa.array([_DAY]),
        {"day": [_DAY], "text": ["2024-01-01"], "instant": [datetime(2024, 1, 1, tzinfo=UTC)]},
    ),
    "date64": (pa.array([_DAY], pa.date64()), {"day": [_DAY]}),
    "time32": (pa.array([time(10, 20, 30)], pa.time32("s")), {"clock": [time(10, 20, 30)]}),
    "time64": (pa.array([1, 1000], pa.time64("ns")), {"clock": [_NO, time(0, 0, 0, 1)]}),
    "naive": (pa.array([_AT]), {"moment": [_AT], "instant": [_INSTANT], "zoned": [_NO]}),
    "zoned": (pa.array([_AT], pa.timestamp("us", "+02:00")), {"instant": [_INSTANT], "moment": [_AT], "day": [_NO]}),
    "seconds": (pa.array([0], pa.timestamp("s", "UTC")), {"instant": [datetime(1970, 1, 1, tzinfo=UTC)]}),
    "nanos": (
        pa.array([1, 1000], pa.timestamp("ns", "UTC")),
        {"instant": [_NO, datetime(1970, 1, 1, 0, 0, 0, 1, UTC)]},
    ),
    "far": (pa.array([10**18], pa.timestamp("us", "UTC")), {"instant": [_NO]}),
    "midnight": (pa.array([0, 1], pa.timestamp("s")), {"day": [date(1970, 1, 1), _NO]}),
    "list": (
        pa.array([[1, None], [], None, [2**40]]),
        {"longs": [[1, None], [], None, [2**40]], "json": ["[1,null]", "[]", None, "[1099511627776]"]},
    ),
    "large_list": (pa.array([["1"], ["x"]], pa.large_list(pa.string())), {"longs": [[1], _NO]}),
    "fixed_list": (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), {"longs": [[1, 2], None]}),
    "struct": (
        pa.array([{"x": 1, "at": _AT}, {"x": None, "at": None}, None], _POINTS),
        {"point": [{"x": 1, "at": _INSTANT}, _NO, None]},
    ),
    "map": (
        pa.array([[("a", 1), ("b", None)], None, []], _MAP),
        {"counts": [[("a", 1), ("b", None)], None, []], "json": ['{"a":1,"b":null}', None, "{}"]},
    ),
    "twice in a map": (pa.array([[("a", 1), ("a", 2)], [("b", 1)]], _MAP), {"counts": [_NO, [("b", 1)]]}),
    "null": (pa.nulls(2), {"long": [None, None], "point": [None, None], "counts": [None, None]}),
}


def _read(kind: str, column: pa.Array) -> list[Any]:
    plan = Plan(Contract("stream", (Field("c", _KINDS[kind]),)), {}, bare=True)
    typed = read_arrow(plan, pa.record_batch({"c": column}))
    refused = {row for row, found in typed.findings.items() if found.violations}
    return [_NO if row in refused else value for row, value in enumerate(typed.batch["c"].to_pylist())]


@pytest.mark.parametrize("name", _COLUMNS)
def test_a_column_of_a_file_is_read_exactly_or_refused(name: str) -> None:
    column, expected = _COLUMNS[name]
    for kind, values in expected.items():
        assert _read(kind, column) == values
        # A part of a batch, and each row by itself, mean the same.
        for row in range(len(column)):
            assert _read(kind, column.slice(row, 1)) == values[row : row + 1]


@pytest.mark.parametrize(
    "name", sorted(_COLUMNS.keys() - {"float64", "float32", "bytes for text", "far", "twice in a map"})
)
def test_a_column_of_a_file_means_what_its_json_means(name: str) -> None:
    column, expected = _COLUMNS[name]
    for kind in expected.keys() - {"bytes", "three", "uuid"}:
        plan = Plan(Contract("stream", (Field("c", _KINDS[kind]),)), {}, bare=True)
        typed = read(plan, json_lines(pa.record_batch({"c": column})))
        refused = {row for row, found in typed.findings.items() if found.violations}
        found = [_NO if row in refused else value for row, value in enumerate(typed.batch["c"].to_pylist())]
        assert found == expected[kind]


def _digits(*numbers: int) -> pa.Array:
    """Decimals of whatever number of digits, as a writer may have put them into a file."""
    wide = pa.array(map(Decimal, numbers), pa.decimal128(38, 0))
    return pa.Array.from_buffers(pa.decimal128(12, 2), len(wide), wide.buffers())


# Columns of the contract's own types, the odd value between others, and whether all of it is the contract's.
_OWN: dict[str, tuple[pa.Array, str, bool]] = {
    "years": (pa.array([0, None, -719_162, 2_932_896], pa.date32()), "day", True),
    "before year 1": (pa.array([0, -719_163, 1], pa.date32()), "day", False),
    "after year 9999": (pa.array([0, 2_932_897, None], pa.date32()), "day", False),
    "instants": (pa.array([0, None, 253_402_300_799_999_999], pa.timestamp("us", "UTC")), "instant", True),
    "late instant": (pa.array([0, 253_402_300_800_000_000, 1], pa.timestamp("us", "UTC")), "instant", False),
    "early moment": (pa.array([0, -(2**62), 1], pa.timestamp("us")), "moment", False),
    "digits": (_digits(5, 10**12 - 1, 1 - 10**12), "money", True),
    "a digit more": (_digits(5, 10**12, 7), "money", False),
    "a digit more below": (_digits(5, -(10**12), 7), "money", False),
    "not a number": (pa.array([1.0, _NAN, 2.0]), "double", False),
    "nulls": (pa.nulls(3, pa.int64()), "long", True),
}


@pytest.mark.parametrize("name", _OWN)
def test_a_column_that_is_as_the_contract_has_it_is_told_from_one_that_is_not(name: str) -> None:
    column, kind, fits = _OWN[name]
    plan = Plan(Contract("stream", (Field("c", _KINDS[kind]),)), {}, bare=True)
    batch = pa.record_batch({"c": column})
    found = read_exactly(plan, batch, ends(batch))
    assert (found is not None) == fits
    assert found is None or found["c"].equals(column)


@pytest.mark.parametrize("name", ["a digit more", "a digit more below"])
def test_values_that_are_not_of_their_type_are_refused(name: str) -> None:
    batch = pa.record_batch({"a": _OWN["digits"][0], "c": _OWN[name][0]})
    with pytest.raises(pa.ArrowInvalid, match="does not fit in precision"):
        validate(batch, ends(batch))


# ---- files ----


def _pieces(
    format_: str, *paths: Path | str, roots: Iterable[Path], compression: str = "none"
) -> list[tuple[str, int, Any]]:
    message = BatchFiles("stream", format_, compression, tuple(str(p) for p in paths))
    return list(pieces(message, [Path(r).resolve() for r in roots], _LINE))


def _lines(found: list[tuple[str, int, Any]]) -> list[tuple[int, bytes]]:
    runs = [piece for _, _, piece in found]
    assert all(isinstance(run, Records) for run in runs)
    return [(run.line_number(row), line) for run in runs for row, line in enumerate(run.lines.to_pylist())]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_lines_keep_their_numbers_over_blank_lines_and_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    written = [b'{"c":%d}' % n if n % 3 else (b"" if n % 2 else b" \t ") for n in range(1, 200)]
    data = b"\r\n".join(written)
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(data) if compression == "gzip" else data)
    monkeypatch.setattr(batch_files, "_CHUNK", 50)
    found = _lines(_pieces("jsonl", path.as_uri(), roots=[tmp_path], compression=compression))
    assert [(n, line.strip()) for n, line in found] == [(n, x) for n, x in enumerate(written, 1) if x.strip()]


def _table(**columns: pa.Array) -> pa.Table:
    return pa.table(columns)


def _write_arrow(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)


@pytest.mark.parametrize("most", [1, 1 << 20], ids=["mapped", "read"])
def test_batches_of_an_arrow_file_come_in_order_however_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(batch_files, "_READ_BYTES", most)
    path = tmp_path / "a.arrow"
    rows = _table(c=pa.array(range(200_000)))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as out:
        out.write_table(rows, max_chunksize=150_000)
    found = _pieces("arrow", path, roots=[tmp_path])
    assert [row for _, row, _ in found] == [1, 131_073, 150_001]
    assert pa.Table.from_batches([piece for _, _, piece in found]).equals(rows)


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_pieces_of_wide_rows_are_as_small_as_those_of_narrow_ones(tmp_path: Path, format_: str) -> None:
    path = tmp_path / f"wide.{format_}"
    table = _table(**{f"c{number}": pa.array(range(30_000)) for number in range(300)})
    if format_ == "arrow":
        _write_arrow(path, table)
    else:
        pq.write_table(table, path)
    found = [piece for _, _, piece in _pieces(format_, path, roots=[tmp_path])]
    assert pa.Table.from_batches(found).equals(table)
    assert max(piece.nbytes for piece in found) <= 8 << 20


@pytest.mark.parametrize("nested", [False, True])
def test_pieces_of_long_texts_that_repeat_are_small_though_the_file_has_each_once(tmp_path: Path, nested: bool) -> None:
    path = tmp_path / "a.parquet"
    texts = pa.array(["a" * 3000, "b" * 3000]).take(pc.bit_wise_and(pa.array(range(20_000)), 1))
    column = pa.StructArray.from_arrays([pa.ListArray.from_arrays(range(20_001), texts)], ["l"]) if nested else texts
    table = _table(c=column)
    pq.write_table(table, path)
    assert path.stat().st_size < 20_000
    found = [piece for _, _, piece in _pieces("parquet", path, roots=[tmp_path])]
    assert pa.Table.from_batches(found).equals(table)
    assert max(piece.nbytes for piece in found) <= 9 << 20


def test_row_groups_that_are_small_come_together_and_one_with_long_rows_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    groups = [*[_table(c=pa.array(["a"] * 1000))] * 3, _table(c=pa.array([], pa.string()))]
    groups += [_table(c=pa.array(["b" * (6 << 20)] * 3)), _table(c=pa.array(["c"] * 500))]
    with pq.ParquetWriter(path, groups[0].schema) as out:
        for group in groups:
            out.write_table(group)
    found = _pieces("parquet", path, roots=[tmp_path])
    assert [(row, piece.num_rows) for _, row, piece in found] == [
        (1, 3000),
        (3001, 1),
        (3002, 1),
        (3003, 1),
        (3004, 500),
    ]
    assert pa.Table.from_batches([piece for _, _, piece in found]).equals(pa.concat_tables(groups).combine_chunks())


def _half_a_character() -> pa.Array:
    return pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")]
    )


def _broken(folder: Path) -> dict[str, tuple[str, str]]:
    """Files that are not what their message says: (format, what the error says)."""
    pq.write_table(_table(c=pa.array(range(1000))), folder / "whole.parquet")
    _write_arrow(folder / "whole.arrow", _table(c=pa.array(range(1000))))
    for name in ("whole.parquet", "whole.arrow"):
        (folder / f"cut-{name}").write_bytes((folder / name).read_bytes()[:-100])
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"c":1}\n' * 1000)[:-10])
    (folder / "plain.jsonl.gz").write_bytes(b'{"c":1}\n')
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "empty.arrow").write_bytes(b"")
    (folder / "text.parquet").write_bytes(b'{"c":1}\n')
    pq.write_table(_table(c=_half_a_character()), folder / "half.parquet")
    _write_arrow(folder / "half.arrow", _table(c=_half_a_character()))
    twins = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["c", "c"])
    _write_arrow(folder / "twins.arrow", twins)
    (folder / "long.jsonl").write_bytes(b'{"c":"' + b"x" * _LINE + b'"}\n')
    (folder / "folder.jsonl").mkdir()
    return {
        "cut-whole.parquet": ("parquet", "cannot be read as parquet"),
        "cut-whole.arrow": ("arrow", "cannot be read as arrow"),
        "cut.jsonl.gz": ("jsonl", "cannot be read as jsonl"),
        "plain.jsonl.gz": ("jsonl", "cannot be read as jsonl"),
        "empty.parquet": ("parquet", "cannot be read as parquet"),
        "empty.arrow": ("arrow", "cannot be read as arrow"),
        "text.parquet": ("parquet", "cannot be read as parquet"),
        "half.parquet": ("parquet", "cannot be read as parquet"),
        "half.arrow": ("arrow", "cannot be read as arrow"),
        "twins.arrow": ("arrow", "names columns \\['c'\\] more than once"),
        "long.jsonl": ("jsonl", "longer than max_line_mb"),
        "folder.jsonl": ("jsonl", "does not exist"),
        "none.jsonl": ("jsonl", "does not exist"),
    }


def test_a_file_that_is_not_what_its_message_says_is_refused_by_name(tmp_path: Path) -> None:
    for name, (format_, message) in _broken(tmp_path).items():
        compression = "gzip" if name.endswith(".gz") else "none"
        with pytest.raises(InputError, match=f"BATCH file {name}.*{message}"):
            _pieces(format_, tmp_path / name, roots=[tmp_path], compression=compression)


def test_only_files_under_the_roots_are_opened(tmp_path: Path) -> None:
    root, beside = tmp_path / "root", tmp_path / "root-2"
    root.mkdir()
    beside.mkdir()
    (beside / "a.jsonl").write_bytes(b'{"c":1}\n')
    (root / "link.jsonl").symlink_to(beside / "a.jsonl")
    (root / "circle.jsonl").symlink_to(root / "circle.jsonl")
    outside = [beside / "a.jsonl", root / ".." / "root-2" / "a.jsonl", root / "link.jsonl", "file:///etc/passwd"]
    for uri in [*outside, f"file://{root}/%2e%2e/root-2/a.jsonl"]:
        with pytest.raises(InputError, match="outside batch_roots"):
            _pieces("jsonl", uri, roots=[root])
    for uri in ["s3://bucket/a.jsonl", "http://host/a.jsonl", "file://[/a", f"{root}/\0", root / "circle.jsonl"]:
        with pytest.raises(InputError, match=r"a BATCH manifest names|does not exist"):
            _pieces("jsonl", uri, roots=[root])


@pytest.mark.parametrize("name", ["cut-whole.parquet", "cut.jsonl.gz", "twins.arrow"])
def test_a_broken_file_ends_the_run_in_one_line(target: Target, tmp_path: Path, name: str) -> None:
    format_, _ = _broken(tmp_path)[name]
    encoding = {"format": format_} | ({"compression": "gzip"} if name.endswith(".gz") else {})
    batch = {"type": "BATCH", "stream": "a", "encoding": encoding, "manifest": [(tmp_path / name).as_uri()]}
    ended = target.run([schema(c={"type": "integer"}, keys=()), state(1), batch, state(2)], batch_roots=[str(tmp_path)])
    assert ended.code == 1
    assert len(ended.errors) == 1
    assert f"BATCH file {name}" in ended.errors[0]
    assert ended.out == b""


@pytest.mark.parametrize(
    ("format_", "compression"),
    [("parquet", "zstd"), ("parquet", "snappy"), ("arrow", "lz4"), ("arrow", "zstd"), ("jsonl", "zstd")],
)
def test_what_a_file_does_inside_may_be_said_in_the_message(target: Target, format_: str, compression: str) -> None:
    """A file of columns says how it is compressed; one of lines does not, and is refused."""
    path, table = target.folder / "part", pa.table({"id": [1, 2]})
    if format_ == "parquet":
        pq.write_table(table, path, compression=compression)
    else:
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema, options=options) as out:
            out.write_table(table)
    encoding = {"format": format_, "compression": compression}
    child = target.start(batch_roots=[str(target.folder)])
    child.feed(
        schema("orders"), {"type": "BATCH", "stream": "orders", "encoding": encoding, "manifest": [path.as_uri()]}
    )
    ended = child.wait()
    if format_ == "jsonl":
        assert ended.code == 1
        assert "BATCH of stream 'orders' in an unknown encoding" in ended.log
    else:
        assert (ended.code, ended.report["totals"]["good"]) == (0, 2), ended.log

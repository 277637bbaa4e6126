"""Streams of many taps, each with the rows it means.

`cases/<name>.singer` is what a tap writes, `cases/<name>.json` what must come of it: exit code, STATE lines, every
table with its complete rows, quarantine, lines of the log. In both files `@FOLDER@` is the folder of the case's BATCH
files and `@MEBIBYTE@` a text of 2**20 bytes.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.readback import Tables
from tests.target.running import Ended, Target

FOLDER = Path(__file__).with_name("cases")
NAMES = sorted({path.stem for path in FOLDER.iterdir()})
MEBIBYTE = "0123456789abcdé" * 2**16
QUARANTINE = "__quarantine"
TYPES = {
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "decimal": pa.decimal128(12, 2),
    "int32": pa.int32(),
    "float": pa.float64(),
}


@dataclass(frozen=True)
class Case:
    """What must come of a stream.

    Attributes:
        tables: all rows by table, ordered by `id` where there is one, else as they came.
        code: exit code.
        settings: of the target.
        states: the lines of standard output.
        columns: by table, the columns in order with DuckDB's names of their types.
        log: texts that the log has.
        quarantine: by table, the rejected records in order: line, record, keys, reasons (path, class, rule).
        files: BATCH files by name: their rows, and the types of columns that JSON does not have.

    """

    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    code: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    states: Sequence[str] = ()
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    log: Sequence[str] = ()
    quarantine: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_becomes_the_rows_it_means(target: Target, name: str) -> None:
    case = Case(**json.loads(filled(FOLDER / f"{name}.json", target)))
    for file, content in case.files.items():
        write(batches(target) / file, content["rows"], content.get("types", {}))
    ended = target.run(filled(FOLDER / f"{name}.singer", target).encode(), env={"LOGLEVEL": "DEBUG"}, **case.settings)
    assert ended.code == case.code, ended.log
    assert ended.out.decode().splitlines() == list(case.states)
    check_tables(target, case)
    check_log(ended, case)


def batches(target: Target) -> Path:
    return target.folder / "batches"


def filled(path: Path, target: Target) -> str:
    text = path.read_bytes().decode()
    return text.replace("@FOLDER@", str(batches(target))).replace("@MEBIBYTE@", MEBIBYTE)


# ---- what came of it ----


def check_tables(target: Target, case: Case) -> None:
    published = target.published()
    bad = {name + QUARANTINE for name in case.quarantine}
    assert set(published) == {f"default.{name}" for name in {*case.tables, *bad}}
    tables = Tables(target.warehouse)
    for name, rows in case.tables.items():
        same([plain(row) for row in tables.rows(name, order(rows))], rows)
    for name, columns in case.columns.items():
        described = tables.sql(f"DESCRIBE SELECT * FROM {{{name}}}")
        assert [(row[0], row[1]) for row in described] == list(columns.items())
    for name, rejected in case.quarantine.items():
        same([reasoned(row) for row in tables.rows(name + QUARANTINE, "_seq")], rejected)


def check_log(ended: Ended, case: Case) -> None:
    for fragment in case.log:
        assert fragment in ended.log
    assert bool(ended.errors) == (case.code != 0), ended.log
    assert "CANARY" not in ended.log + json.dumps(ended.report)


def order(rows: Sequence[Mapping[str, Any]]) -> str | None:
    return '"id"' if rows and "id" in rows[0] else None


def same(found: Sequence[Any], expected: Sequence[Any]) -> None:
    """Equal, and 1, 1.0 and true are not each other."""
    assert found == list(expected)
    assert json.dumps(found) == json.dumps(expected)


def reasoned(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "line": row["_seq"],
        "record": row["_record"],
        "keys": row["_keys"],
        "reasons": [[error["path"], error["class"], error["rule"]] for error in row["_errors"]],
    }


def plain(value: Any) -> Any:
    """A value as JSON has it: moments as ISO text, decimals as text, bytes as base64."""
    match value:
        case dict():
            return {name: plain(member) for name, member in value.items()}
        case list():
            return [plain(item) for item in value]
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case bytes():
            return base64.b64encode(value).decode()
        case UUID():
            return str(value)
    return value


# ---- BATCH files ----


def write(path: Path, rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if ".jsonl" in path.name:
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return
    table = typed(rows, types)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
        return
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table, max_chunksize=2)


def typed(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> pa.Table:
    table = pa.Table.from_pylist([dict(row) for row in rows])
    for name, kind in types.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(TYPES[kind]))
    return table

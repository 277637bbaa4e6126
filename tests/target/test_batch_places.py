"""What breaks its contract in a BATCH file is named by file and row, in the error and in quarantine."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.readback import Tables
from tests.target.orders import SCHEMA, contract
from tests.target.running import Target

FORMATS = ["jsonl", "jsonl.gz", "parquet", "arrow"]
ROWS: list[dict[str, Any]] = [{"id": n, "amount": 5, "state": "new"} for n in range(1, 8)]
# Row and reason: the second and later rows of a file, and one past a row group.
BAD: dict[int, tuple[dict[str, Any], str]] = {
    2: ({"amount": -1}, "orders.amount.minimum"),
    4: ({"state": None}, "orders.state.required"),
    6: ({"id": 1}, "orders.primaryKey"),
}


def _spoilt(*rows: int, first: int = 0) -> list[dict[str, Any]]:
    clean = [row | {"id": row["id"] + first} for row in ROWS]
    return [row | (BAD[n][0] if n in rows else {}) for n, row in enumerate(clean, 1)]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    if ".jsonl" in path.name:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return
    table = pa.Table.from_pylist(rows)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=3)
        return
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table, max_chunksize=3)


def _batch(*paths: Path) -> dict[str, Any]:
    kind = paths[0].name.partition(".")[2]
    encoding = {"format": kind.removesuffix(".gz")} | ({"compression": "gzip"} if kind.endswith(".gz") else {})
    return {"type": "BATCH", "stream": "orders", "encoding": encoding, "manifest": [p.as_uri() for p in paths]}


def _settings(target: Target, **more: Any) -> dict[str, Any]:
    return {"contract_path": contract(target.folder), "batch_roots": [str(target.folder / "in")], **more}


@pytest.mark.parametrize("row", BAD)
@pytest.mark.parametrize("kind", FORMATS)
def test_the_error_that_ends_a_run_names_file_and_row(target: Target, kind: str, row: int) -> None:
    good, bad = target.folder / "in" / f"good.{kind}", target.folder / "in" / f"bad.{kind}"
    _write(good, _spoilt(first=100))
    _write(bad, _spoilt(row))
    ended = target.run([SCHEMA, _batch(good, bad)], **_settings(target))
    assert (ended.code, target.published()) == (1, {})
    word = "line" if "jsonl" in kind else "row"
    (error,) = ended.errors
    assert f"BATCH file bad.{kind}: {word} {row}: stream 'orders': the record breaks its contract: " in error
    assert f"(rule {BAD[row][1]})" in error


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mapped", [False, True], ids=["plain", "mapped"])
def test_quarantine_names_file_and_row_of_every_file(target: Target, kind: str, mapped: bool) -> None:
    one, two = target.folder / "in" / f"one.{kind}", target.folder / "in" / f"two.{kind}"
    _write(one, _spoilt(2, 6))
    _write(two, _spoilt(2, 4, first=100))
    record = {"type": "RECORD", "stream": "orders", "record": {"id": 500, "amount": -1, "state": "new"}}
    maps = {"stream_maps": {"orders": {"amount": "amount"}}} if mapped else {}
    lines = [SCHEMA, _batch(one, two), record]
    ended = target.run(lines, **_settings(target, on_violation="quarantine", **maps))
    assert ended.code == 0, ended.log
    found = Tables(target.warehouse).rows("orders__quarantine")
    assert {(r["_file"], r["_seq"], r["_errors"][0]["rule"]) for r in found} == {
        (one.name, 2, BAD[2][1]),
        (one.name, 6, BAD[6][1]),
        (two.name, 2, BAD[2][1]),
        (two.name, 4, BAD[4][1]),
        (None, 3, BAD[2][1]),
    }
    counts = ended.stream("orders")
    assert (counts["records"], counts["good"], counts["quarantined"]) == (15, 10, 5)


def test_lines_that_hold_no_record_are_named_by_file_and_line_over_blank_ones(target: Target) -> None:
    path = target.folder / "in" / "a.jsonl"
    path.parent.mkdir()
    good = json.dumps(ROWS[0])
    path.write_text(f'{good}\n\n{{"id": 2,}}\n \n[1]\n')
    ended = target.run([SCHEMA, _batch(path)], **_settings(target))
    assert "BATCH file a.jsonl: line 3: stream 'orders': " in ended.errors[0]
    ended = target.run([SCHEMA, _batch(path)], **_settings(target, on_violation="quarantine"))
    found = Tables(target.warehouse).rows("orders__quarantine", "_seq")
    assert [(r["_file"], r["_seq"], r["_errors"][0]["class"]) for r in found] == [
        ("a.jsonl", 3, "malformed"),
        ("a.jsonl", 5, "malformed"),
    ]
    assert ended.stream("orders")["good"] == 1

"""Scopes: the rows of an epoch, of the run, of the table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from target_dativo_iceberg.contract import load
from target_dativo_iceberg.contract.model import CheckKind
from target_dativo_iceberg.contract.quality.checks import Quality
from tests.quality.conftest import check, contract, rows, sql

COUNT, DUPLICATES, NULLS = CheckKind.ROW_COUNT, CheckKind.DUPLICATE_VALUES, CheckKind.NULL_VALUES


def opened(scratch: Path, *checks: object, **more: object) -> Quality:
    return Quality(contract(*checks), memory_bytes=1 << 20, scratch=scratch, **more)  # type: ignore[arg-type]


def test_an_epoch_starts_anew_and_the_run_goes_on(scratch: Path) -> None:
    kinds = [
        made(id=f"{name}-{scope}", scope=scope)
        for scope in ("batch", "run")
        for name, made in {
            "count": lambda **k: check(COUNT, **k),
            "same": lambda **k: check(DUPLICATES, "id", **k),
            "sql": lambda **k: sql("SELECT count(DISTINCT id) FROM {object}", **k),
        }.items()
    ]
    with closing(opened(scratch, *kinds)) as quality:
        quality.observe(rows([{"id": 1}, {"id": 1}, {"id": 2}]), 0)
        assert [r.measured for r in quality.results("batch")] == [3, 1, 2]
        assert [r.measured for r in quality.results("run")] == [3, 1, 2]
        quality.start_epoch()
        quality.observe(rows([{"id": 1}]), 0)
        quality.observe(rows([{"id": 3}]), 0)
        assert [r.measured for r in quality.results("batch")] == [2, 0, 2]
        assert [r.measured for r in quality.results("run")] == [5, 2, 3]
        assert [r.rows for r in quality.results("run")] == [5, 5, 5]
        assert list(scratch.iterdir())


def test_a_contract_whose_rows_need_no_look_is_false(scratch: Path) -> None:
    assert not opened(scratch)
    assert not opened(scratch, check(CheckKind.TEXT), check(CheckKind.CUSTOM, id="d"))
    assert not opened(scratch, check(NULLS, "id", scope="table"))
    assert opened(scratch, check(NULLS, "id"))


def test_a_key_that_is_watched_already_needs_no_second_memory(scratch: Path) -> None:
    checks = check(DUPLICATES, "id"), check(DUPLICATES, "id", "name", id="d"), check(DUPLICATES, "name", id="e")
    quality = opened(scratch, *checks, unique=[("id",)])
    quality.observe(rows([{"id": 1, "name": "a"}, {"id": 1, "name": "a"}]), 0)
    assert [r.measured for r in quality.results("run")] == [0, 0, 1]
    table = quality.table_result(checks[0], lambda _: iter([rows([{"id": 1}, {"id": 1}])]))
    assert table.measured == 1


@pytest.mark.parametrize(
    ("one", "asked", "measured"),
    [
        (check(COUNT, scope="table"), ["id"], 4),
        (check(NULLS, "name", scope="table"), ["name"], 1),
        (check(DUPLICATES, "id", "place.city", scope="table"), ["id", "place"], 1),
        (check(DUPLICATES, "ref", scope="table"), ["ref"], 2),
        (sql("SELECT count(*) FROM {object} WHERE {field} = 'b'", "name", scope="table"), ["name"], 1),
        (sql("SELECT sum(id) FROM {object} WHERE ref::VARCHAR LIKE '0101%'", scope="table"), ["id", "ref"], 5),
    ],
)
def test_a_table_is_scanned_for_the_columns_of_the_check(
    scratch: Path, one: object, asked: list[str], measured: int
) -> None:
    wanted: list[list[str]] = []

    def scan(columns: list[str]) -> Iterator[pa.RecordBatch]:
        wanted.append(columns)
        records = [(1, "a", 1, "x"), (1, None, 1, "x"), (2, "b", 2, "x"), (3, "c", 2, None)]
        made = [{"id": i, "name": n, "ref": bytes([3 - r]) * 16, "place": {"city": c}} for i, n, r, c in records]
        for record in made:
            batch = rows([record]).select(columns)
            for index, name in enumerate(columns):
                if name == "ref":  # as PyIceberg gives UUIDs
                    batch = batch.set_column(
                        index, name, pa.ExtensionArray.from_storage(pa.uuid(), batch.column(index))
                    )
                if name == "name":
                    batch = batch.set_column(index, name, batch.column(index).cast(pa.large_string()))
            yield batch

    quality = opened(scratch, one)
    (only,) = quality.table_checks
    assert quality.results("run") == []
    result = quality.table_result(only, scan)
    assert (result.measured, result.rows) == (measured, 4)
    assert wanted == [asked]


def test_a_contract_document_is_checked_from_end_to_end(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text(
        """
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
  - name: orders
    quality:
      - {id: enough, metric: rowCount, mustBeBetween: [2, 4]}
      - {id: pairs, metric: duplicateValues, mustBeLessThan: 50, unit: percent, arguments: {properties: [id, name]}}
      - {id: said, type: text, description: orders are nice}
      - {id: positive, type: sql, query: "SELECT count(*) FROM ${table} WHERE id < 0", mustBe: 0, severity: warning}
    properties:
      - {name: id, logicalType: integer}
      - name: name
        logicalType: string
        quality:
          - {id: some, metric: missingValues, mustBeLessThan: 2, arguments: {missingValues: [null, "", "-"]}}
          - {id: known, metric: invalidValues, mustBeLessOrEqualTo: 1, arguments: {validValues: [a, b]}}
"""
    )
    (of,) = load(path, {}).contracts
    with closing(Quality(of, memory_bytes=1 << 20, scratch=scratch)) as quality:
        quality.observe(rows([{"id": -1, "name": "a"}, {"id": -1, "name": "a"}, {"id": 3, "name": "-"}], of), 2)
        found = {r.id: (r.status, r.measured) for r in quality.results("run")}
    assert found == {
        "enough": ("pass", 3),
        "pairs": ("pass", pytest.approx(100 / 3)),
        "said": ("skip", None),
        "positive": ("warn", 2),
        "some": ("pass", 1),
        "known": ("pass", 1),
    }

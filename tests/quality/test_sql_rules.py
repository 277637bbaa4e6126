"""SQL rules: placeholders, numbers, shares, and every way in which there is no number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow import Table

from target_dativo_iceberg.contract.model import Field, Kind, Type
from target_dativo_iceberg.contract.quality.checks import Quality
from target_dativo_iceberg.contract.quality.sql_jail import SqlLimits
from target_dativo_iceberg.errors import ContractError, Interrupted, SettingsError
from tests.quality.conftest import Judge, contract, rows, sql

RECORDS = [
    {"id": n, "name": "canary-77", "amount": n, "ratio": n / 2, "ref": bytes([n]) * 16, "place": {"city": None}}
    | {"seen": datetime(2024, 1, 1 + n, tzinfo=UTC), "tags": ["a"] * n}
    for n in range(4)
]


def test_the_process_of_a_rule_imports_nothing_that_reads_contracts() -> None:
    code = "import sys, target_dativo_iceberg.contract.quality.sql_child; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"target_dativo_iceberg.contract.reader", "yaml"} & set(done.stdout.split())


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.parametrize(
    ("query", "field", "measured"),
    [
        ("SELECT count(*) FROM {object} WHERE {property} > 1", "id", 2),
        ("SELECT count(*) FROM ${table} WHERE ${column} IS NULL;", "place.city", 4),
        ('SELECT count(*) FROM "{model}" o WHERE o."{field}" = 1', "amount", 1),
        ("SELECT count(*) FROM {schema} WHERE {FIELD} >= TIMESTAMPTZ '2024-01-03 00:00:00+00'", "seen", 2),
        ("SELECT count(*) FROM orders a JOIN orders b USING (ref)", "ref", 4),
        ("WITH big AS (SELECT id FROM orders WHERE id > 0) SELECT sum(id) / count(*) FROM big", "id", 2.0),
        ("SELECT max(len(tags)) FROM {object}", "tags", 3),
        ("SELECT sum(ratio) FROM {object}", "ratio", 3),
        ("SELECT sum(amount) / 8 FROM {object}", "amount", 0.75),
        ("SELECT count(*) = 4 FROM {object}", "id", 1),
        ("SELECT sum(9223372036854775807) FROM {object}", "id", 4 * (2**63 - 1)),
    ],
)
def test_a_query_gives_its_number(judge: Judge, query: str, field: str, measured: Any) -> None:
    result = judge(sql(query, field, limits=(measured,)), RECORDS[:1], RECORDS[1:])
    assert (result.status, result.measured, result.rows) == ("pass", measured, 4)


def test_percent_is_of_the_rows_and_true_is_a_limit(judge: Judge) -> None:
    half = sql("SELECT count(*) FROM {object} WHERE id > 1", limits=(50,), unit="percent")
    assert (judge(half, RECORDS).status, judge(half, RECORDS[:3]).status) == ("pass", "fail")
    assert judge(sql("SELECT bool_and(id < 9) FROM {object}", limits=(True,)), RECORDS).status == "pass"
    assert judge(sql("SELECT bool_and(id < 1) FROM {object}", limits=("true",)), RECORDS).status == "fail"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT avg(id) FROM {object} WHERE id > 9", "null"),
        ("SELECT 'NaN'::DOUBLE + max(id) FROM {object}", "null"),
        ("SELECT 'inf'::DOUBLE + max(id) FROM {object}", "neither"),
        ("SELECT max(name) FROM {object}", "neither"),
        ("SELECT id FROM {object}", "one row"),
        ("SELECT min(id), max(id) FROM {object}", "one row"),
        ("SELECT id FROM {object} WHERE id > 9", "one row"),
        ("SELECT sum(name::INTEGER) FROM {object}", "failed"),
        ("SELECT max(id + 9223372036854775807) FROM {object}", "failed"),
    ],
)
def test_a_query_without_a_number_is_an_error_that_quotes_no_row(judge: Judge, query: str, reason: str) -> None:
    result = judge(sql(query), RECORDS)
    assert (result.status, result.measured) == ("error", None)
    assert reason in result.reason
    assert "canary" not in repr(result)


def test_no_rows_are_a_table_without_rows(judge: Judge) -> None:
    assert judge(sql("SELECT count(*) FROM {object}")).status == "pass"
    assert judge(sql("SELECT count(*) FROM {object} WHERE ref IS NULL", unit="percent"), []).status == "pass"


def test_columns_and_objects_with_awkward_names_are_quoted(scratch: Path) -> None:
    fields = (Field('the "name"', Type(Kind.STRING)), Field("order", Type(Kind.INTEGER)))
    one = sql("SELECT count(*) FROM {object} WHERE {field} = 'x' AND \"order\" = 1", 'the "name"', limits=(1,))
    of = contract(one, fields=fields)
    object.__setattr__(of, "name", 'my "orders"; --')
    with closing(Quality(of, memory_bytes=1 << 20, scratch=scratch)) as quality:
        quality.observe(rows([{'the "name"': "x", "order": 1}, {"order": 1}], of), 0)
        assert [r.status for r in quality.results("run")] == ["pass"]


def test_parquet_files_are_rows_too(scratch: Path, tmp_path: Path) -> None:
    one = sql("SELECT count(*) FROM {object} WHERE id > 0")
    files = []
    for index, records in enumerate((RECORDS[:2], RECORDS[2:])):
        files.append(str(tmp_path / f"{index}.parquet"))
        pq.write_table(Table.from_batches([rows(records)]), files[-1])
    quality = Quality(contract(one), memory_bytes=1 << 20, scratch=scratch)
    result = quality.sql_result(one, files)
    assert (result.measured, result.rows) == (3, 4)
    gone = quality.sql_result(one, [str(tmp_path / "gone.parquet")])
    assert (gone.status, "cannot be read" in gone.reason) == ("error", True)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM other",
        "SELECT count(nope) FROM {object}",
        "SELECT count(*) FROM {object} WHERE {field} IS NULL",
        "SELEC 1",
        "",
        "DELETE FROM {object}",
    ],
)
def test_a_query_that_cannot_run_is_refused_before_any_row(judge: Judge, query: str) -> None:
    with pytest.raises(ContractError, match="SQL rule 'c'"):
        judge(sql(query))


def test_without_duckdb_the_message_says_what_to_install(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(SettingsError, match=r"pip install 'target-dativo-iceberg\[quality\]'"):
        judge(sql("SELECT 1"))


# ---- limits ----

ENDLESS = """
    SELECT count(*) FROM {object} a, range(100000) b, range(100000) c, range(1000000) d
    WHERE a.id * b.range + c.range * d.range = -1
"""


def test_a_query_that_takes_too_long_is_ended(judge: Judge) -> None:
    before = children()
    result = judge(sql(ENDLESS), RECORDS, limits=SqlLimits(seconds=2))
    assert (result.status, "longer than 2 seconds" in result.reason) == ("error", True)
    assert children() == before


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM (SELECT DISTINCT repeat('x', 100) || a.range FROM range(20000000) a, {object} b)",
        "SELECT sum(length(repeat('abcdefgh', 250000000 + id))) FROM {object}",
    ],
)
def test_a_query_that_needs_too_much_memory_is_ended(judge: Judge, query: str) -> None:
    before = children()
    result = judge(sql(query), RECORDS, limits=SqlLimits(memory_mb=64))
    assert (result.status, "memory" in result.reason) == ("error", True)
    assert children() == before


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    def interrupt(number: int, _frame: object) -> None:
        raise Interrupted(number)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_run_that_is_interrupted_leaves_no_process_and_no_file(scratch: Path) -> None:
    before = children()
    with closing(Quality(contract(sql(ENDLESS)), memory_bytes=1 << 20, scratch=scratch)) as quality:
        quality.observe(rows(RECORDS), 0)
        with interrupted_after(1), pytest.raises(Interrupted):
            quality.results("run")
    assert children() == before

"""What a SQL rule cannot do: two walls, the grammar of rules and DuckDB's own locks, each tested alone."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import duckdb
import pytest

from target_dativo_iceberg.contract.quality import sql_child
from target_dativo_iceberg.contract.quality.sql_jail import SqlLimits, ask
from target_dativo_iceberg.contract.quality.sql_rows import sql_schema
from tests.quality.conftest import contract

REFUSED = [
    "COPY orders TO '/tmp/x.csv'",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "ATTACH '/tmp/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 2",
    "RESET lock_configuration",
    "PRAGMA version",
    "PRAGMA database_list",
    "CREATE TABLE x AS SELECT 1",
    "INSERT INTO orders VALUES (1)",
    "DELETE FROM orders",
    "DROP VIEW orders",
    "CALL pragma_version()",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE p AS SELECT 1",
    "EXPORT DATABASE '/tmp/x'",
    "VACUUM",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY orders TO '/tmp/x.csv'",
    "WITH d AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM d",
    "WITH d AS (SELECT 1), e AS (SELECT * FROM read_text('/etc/passwd')) SELECT count(*) FROM e",
    "SELECT count(*) FROM read_csv('/etc/passwd')",
    "SELECT count(*) FROM read_text('/etc/passwd')",
    "SELECT count(*) FROM read_blob('/etc/passwd')",
    "SELECT count(*) FROM read_json('/etc/passwd')",
    "SELECT count(*) FROM parquet_scan('/tmp/x.parquet')",
    "SELECT count(*) FROM glob('/etc/*')",
    "SELECT count(*) FROM '/etc/passwd'",
    "SELECT count(*) FROM 'https://example.org/x.parquet'",
    'SELECT count(*) FROM "/tmp/x.parquet"',
    "SELECT (SELECT count(*) FROM read_text('/etc/passwd'))",
    "SELECT count(*) FROM orders WHERE id IN (SELECT 1 FROM glob('/*'))",
    "SELECT count(*) FROM orders ORDER BY (SELECT 1 FROM glob('/*'))",
    "SELECT getenv('HOME')",
    "SELECT current_setting('memory_limit')",
    "SELECT getvariable('x')",
    "SELECT nextval('s')",
    "SELECT setseed(0.5)",
    "SELECT count(*) FROM duckdb_settings()",
    "SELECT count(*) FROM pragma_database_list()",
    "SELECT count(*) FROM query('SELECT 1')",
    "SELECT count(*) FROM query_table('orders')",
    "SELECT json_serialize_plan('SELECT 1')",
    "SELECT json_execute_serialized_sql('x')",
    "SELECT write_log('x')",
    "SELECT count(*) FROM information_schema.tables",
    "SELECT count(*) FROM pg_catalog.pg_tables",
    "SELECT count(*) FROM pg_tables",
    "SELECT count(*) FROM pg_tables, (WITH pg_tables AS (SELECT 1) SELECT * FROM pg_tables)",
    "SELECT count(*) FROM main.orders",
    "SELECT count(*) FROM memory.main.orders",
    "SELECT count(*) FROM sqlite_master",
    "SELECT count(*) FROM sys.path",
    "SELECT count(*) FROM pa",
    "SHOW TABLES",
    "DESCRIBE orders",
    "SUMMARIZE orders",
    "SELECT count(*) FROM (DESCRIBE orders)",
    "PIVOT orders ON id USING count(*)",
    "SELECT ?",
    "SELECT $name",
    "FROM orders SELECT getenv('X') OVER ()",
    "SELECT list_transform(['HOME'], lambda n: getenv(n))",
    "",
    "-- nothing",
]
ALLOWED = [
    "SELECT count(*) FROM orders",
    "SELECT count(DISTINCT id) FILTER (WHERE id > 1) FROM Orders AS o",
    "SELECT max(n) FROM (SELECT count(*) AS n FROM orders GROUP BY ALL HAVING count(*) > 1)",
    "SELECT sum(CASE WHEN name ILIKE 'a%' OR name SIMILAR TO 'b.*' THEN 1 ELSE 0 END) FROM orders",
    "SELECT count(*) FROM orders WHERE seen < now() - INTERVAL 1 DAY AND day BETWEEN DATE '2024-01-01' AND today()",
    "SELECT count(*) FROM (SELECT row_number() OVER (PARTITION BY id ORDER BY seen DESC) AS r FROM orders) WHERE r > 1",
    "WITH a AS (SELECT id FROM orders), b AS MATERIALIZED (FROM a) SELECT count(*) FROM a LEFT JOIN b USING (id)",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT max(n) FROM t",
    "SELECT count(*) FROM orders WHERE id NOT IN (SELECT id FROM orders WHERE ratio IS NULL) AND EXISTS (SELECT 1)",
    "SELECT COALESCE(avg(amount), 0)::DECIMAL(10,2) / NULLIF(count(*), 0) FROM orders",
    "SELECT count(*) FROM orders, unnest(tags) AS t(tag) WHERE regexp_matches(tag, '^x') AND length(trim(tag)) > 2",
    "SELECT count(*) FROM orders WHERE place.city = upper(place['city']) AND tags[1] = 'x' AND len(tags) > 0",
    "SELECT count(*) FROM (SELECT id FROM orders UNION SELECT 1 EXCEPT SELECT 2 LIMIT 5)",
    "SELECT date_diff('day', min(day), max(day)) + extract(year FROM max(seen)) FROM orders QUALIFY rank() OVER () = 1",
    "SELECT list_sum(list_transform(list_filter([1, 2], lambda x: x > 1), lambda y: y + 1)), median(ratio) FROM orders",
]


def answer(task: dict[str, Any]) -> Any:
    schema = base64.b64encode(sql_schema(contract()).serialize()).decode()
    return ask({"tables": ["orders"], "schema": schema} | task, SqlLimits(memory_mb=128))


def test_only_a_select_over_the_object_is_allowed() -> None:
    answers = answer({"task": "check", "queries": REFUSED + ALLOWED})
    verdicts = dict(zip(REFUSED + ALLOWED, answers, strict=True))
    assert [query for query in REFUSED if "refused" not in verdicts[query]] == []
    assert {query: verdicts[query] for query in ALLOWED if "refused" in verdicts[query]} == {}


def test_the_columns_that_a_query_may_read_are_known() -> None:
    queries = {
        "SELECT count(*) FROM orders": [],
        "SELECT max(o.ID) FROM orders o JOIN orders p USING (name) WHERE p.place.city > ''": [
            "city",
            "id",
            "name",
            "o",
            "p",
            "place",
        ],
        "SELECT count(*) FROM (SELECT * FROM orders)": None,
        "SELECT count(o) FROM orders o": None,
        "SELECT count(orders) FROM orders": None,
        "SELECT count(*) FROM orders NATURAL JOIN orders p": None,
    }
    answers = answer({"task": "check", "queries": list(queries)})
    assert [found["columns"] for found in answers] == list(queries.values())


def test_a_refused_query_is_refused_at_the_run_as_well() -> None:
    found = answer({"task": "run", "query": "SELECT count(*) FROM glob('/*')", "files": []})
    assert found["error"] == "refused"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/hostname'",
        "SELECT * FROM 'https://127.0.0.1:1/x.parquet'",
        "COPY (SELECT 1) TO '{folder}/x.csv'",
        "ATTACH '{folder}/x.db'",
        "EXPORT DATABASE '{folder}/x'",
        "INSTALL httpfs",
        "LOAD '{folder}/x'",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET threads = 8",
        "RESET lock_configuration",
        "PRAGMA temp_directory='{folder}'",
        "SELECT getenv('HOME')",
        "SELECT * FROM secret_rows",
    ],
)
def test_duckdb_itself_is_locked_even_if_a_statement_got_through(tmp_path: Path, statement: str) -> None:
    secret_rows = sql_schema(contract()).empty_table()
    assert secret_rows.num_rows == 0
    with sql_child.locked_database(128, secret_rows, ["orders"]) as database, pytest.raises(duckdb.Error):
        database.execute(statement.replace("{folder}", str(tmp_path))).fetchall()
    assert list(tmp_path.iterdir()) == []

"""PostgreSQL by meltanolabs-tap-postgres into real tables: first load, changes, incremental second load."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tap_adapters.extractor import Extractor
from tap_adapters.source import Incremental, Source
from tap_adapters.sources import adapt
from tests.readback import Tables
from tests.sources.conftest import OpenPipe
from tests.sources.contracts import contract
from tests.sources.postgresql import PASSWORD, PostgreSql

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("sources")]
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 # a `timestamp` of dativo's contracts has no zone
COLUMNS = {
    "id": "bigint",
    "customer": "string",
    "total": "decimal(12,2)",
    "paid": "boolean",
    "day": "date",
    "updated_at": "timestamp",
}


def source(server: PostgreSql, *, password: str = PASSWORD, **more: Any) -> Extractor:
    tables = ({"name": "sales.orders"}, {"name": "people", "cursor_field": "seen"})
    given = {"connection": server.connection, "credentials": {"password": password}, "tables": tables} | more
    return adapt(Source("postgres", "meltano", Path("/"), **given))


def test_first_load_then_only_what_changed(
    postgres_server: PostgreSql, open_pipe: OpenPipe, tables: Tables, tmp_path: Path
) -> None:
    server = postgres_server
    server.sql(
        "CREATE SCHEMA sales",
        "CREATE TABLE sales.orders (id bigint PRIMARY KEY, customer text, total numeric(12, 2), paid boolean, "
        "day date, note jsonb, updated_at timestamptz NOT NULL)",
        "INSERT INTO sales.orders SELECT n, 'c' || n, n * 1.25, n % 2 = 0, date '2024-01-01' + n, "
        "jsonb_build_object('n', n), timestamptz '2024-05-01 10:00+02' + n * interval '1 minute' "
        "FROM generate_series(1, 2500) n",
        "INSERT INTO sales.orders VALUES (0, 'Zoë 😀', null, null, null, null, '2024-04-30 23:59:59.123456+00')",
        "CREATE TABLE people (id int PRIMARY KEY, name text, phone text, seen timestamp)",
        "INSERT INTO people VALUES (1, 'a', '5', '2024-01-01'), (2, 'b', '6', '2024-01-05'), (3, 'c', '7', null)",
    )
    extractor = source(
        server,
        columns={"orders": tuple(COLUMNS), "people": ("name",)},
        incremental=Incremental("updated_at", "updated_at", lookback_days=1),
    )
    settings = contract(tmp_path, "orders", **COLUMNS) | {
        "contract_map": {"sales-orders": "orders"},
        "load_method": "upsert",
    }
    pipe = open_pipe("postgres")
    first = pipe.run(extractor, **settings)
    assert first.tap_code == 0, first.tap_log
    assert len(first.records("sales-orders")) == 2501
    # of people only the contract's column, the key and the cursor; a row without a cursor comes in the first load
    assert first.records("public-people") == [
        {"id": 3, "name": "c", "seen": None},
        {"id": 1, "name": "a", "seen": "2024-01-01T00:00:00.000000+00:00"},
        {"id": 2, "name": "b", "seen": "2024-01-05T00:00:00.000000+00:00"},
    ]
    server.sql(
        "UPDATE sales.orders SET customer = 'renamed', updated_at = '2024-06-01' WHERE id IN (3, 5)",
        "INSERT INTO sales.orders VALUES (9000, 'new', 9999999999.99, true, '2024-06-02', '[1]', '2024-06-02')",
    )
    second = pipe.run(extractor, first.state, **settings)
    assert second.tap_code == 0, second.tap_log
    # the rows at the cursor are read again, since others may have come at that very moment
    assert sorted(row["id"] for row in second.records("sales-orders")) == [3, 5, 2500, 9000]
    (name,) = (one for one in tables.pointers() if one.endswith("orders"))
    assert tables.sql(f"SELECT {', '.join(COLUMNS)} FROM {{{name}}} ORDER BY id") == _rows(server)
    entries = extractor.cursors.entries(second.state, "now")
    assert datetime.fromisoformat(entries["object_orders"]["cursor"]) == datetime(2024, 6, 2, tzinfo=UTC)
    assert entries["object_people"]["cursor"].startswith("2024-01-05T00:00:00")
    third = pipe.run(extractor, extractor.cursors.shifted(second.state, 1), **settings)
    assert sorted(row["id"] for row in third.records("sales-orders")) == [3, 5, 9000]


def _rows(server: PostgreSql) -> list[tuple[Any, ...]]:
    found = server.sql(
        "SELECT id, customer, total, paid, day, (extract(epoch from updated_at) * 1000000)::bigint "
        "FROM sales.orders ORDER BY id"
    )
    return [
        (
            int(i),
            customer,
            Decimal(total) if total else None,
            {"t": True, "f": False, "": None}[paid],
            date.fromisoformat(day) if day else None,
            EPOCH + timedelta(microseconds=int(micros)),
        )
        for i, customer, total, paid, day, micros in found
    ]


def test_a_wrong_password_ends_the_tap_and_is_not_shown(postgres_server: PostgreSql, open_pipe: OpenPipe) -> None:
    _, failed = open_pipe("postgres").discover(source(postgres_server, password="wr0ng-canary"))
    assert failed is not None
    assert "password authentication failed" in failed.stderr
    assert "wr0ng-canary" not in failed.stderr


def test_a_date_is_a_cursor_if_the_tap_reads_dates_as_text(
    postgres_server: PostgreSql, open_pipe: OpenPipe, tables: Tables, tmp_path: Path
) -> None:
    postgres_server.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, seen date, came timestamptz)",
        "INSERT INTO visits VALUES (1, '2024-01-01', '2024-01-01 10:00:00.5+02'), (2, '2024-01-05', null)",
    )
    extractor = source(
        postgres_server,
        tables=({"name": "visits", "cursor_field": "seen"},),
        incremental=Incremental("updated_at"),
        options={"settings": {"dates_as_string": True}},
    )
    settings = contract(tmp_path, "visits", id="integer", seen="date", came="timestamp") | {
        "contract_map": {"public-visits": "visits"},
        "load_method": "upsert",
    }
    pipe = open_pipe("postgres")
    first = pipe.run(extractor, **settings)
    postgres_server.sql("INSERT INTO visits VALUES (3, '2024-01-06', null)")
    second = pipe.run(extractor, extractor.cursors.shifted(first.state, 1), **settings)
    assert second.tap_code == 0, second.tap_log
    assert [row["id"] for row in second.records("public-visits")] == [2, 3]
    (name,) = tables.pointers()
    assert tables.sql(f"SELECT id, seen, came FROM {{{name}}} ORDER BY id") == [
        (1, date(2024, 1, 1), datetime(2024, 1, 1, 8, 0, 0, 500000)),  # noqa: DTZ001
        (2, date(2024, 1, 5), None),
        (3, date(2024, 1, 6), None),
    ]

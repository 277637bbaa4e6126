"""MariaDB by pipelinewise-tap-mysql into real tables: by cursor, and from the binary log."""

from __future__ import annotations

from datetime import datetime, timedelta
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
from tests.sources.mariadb import PASSWORD, MariaDb

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("sources")]
COLUMNS = {
    "id": "bigint",
    "customer": "string",
    "total": "decimal(12,2)",
    "paid": "boolean",
    "day": "timestamp",
    "updated_at": "timestamp",
}
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 # a `timestamp` of dativo's contracts has no zone
MAKE = (
    "CREATE TABLE {t} (id bigint PRIMARY KEY, customer varchar(80), total decimal(12, 2), paid tinyint(1), day date, "
    "note text, updated_at datetime(6) NOT NULL) CHARACTER SET utf8mb4"
)


def source(server: MariaDb, table: str, *, password: str = PASSWORD, **more: Any) -> Extractor:
    given = {
        "connection": server.connection,
        "credentials": {"password": password},
        "tables": ({"name": table},),
    } | more
    return adapt(Source("mysql", "singer", Path("/"), **given))


def test_first_load_then_only_what_changed(
    mysql_server: MariaDb, open_pipe: OpenPipe, tables: Tables, tmp_path: Path
) -> None:
    server = mysql_server
    server.sql(
        MAKE.format(t="orders"),
        "INSERT INTO orders SELECT seq, concat('c', seq), seq * 1.25, seq % 2, '2024-01-01' + interval seq day, 'n', "
        "'2024-05-01 10:00' + interval seq minute FROM seq_1_to_2500",
        "INSERT INTO orders VALUES (0, 'Zoë 😀', null, null, null, null, '2024-04-30 23:59:59.123456')",
    )
    extractor = source(
        server, "orders", columns={"orders": tuple(COLUMNS)}, incremental=Incremental("updated_at", "updated_at")
    )
    settings = contract(tmp_path, "orders", **COLUMNS) | {
        "contract_map": {"shop-orders": "orders"},
        "load_method": "upsert",
    }
    pipe = open_pipe("mysql")
    first = pipe.run(extractor, **settings)
    assert first.tap_code == 0, first.tap_log
    records = first.records("shop-orders")
    assert len(records) == 2501
    assert records[0].keys() == COLUMNS.keys()
    server.sql(
        "UPDATE orders SET customer = 'renamed', updated_at = '2024-06-01' WHERE id IN (3, 5)",
        "INSERT INTO orders VALUES (9000, 'new', 9999999999.99, 1, '2024-06-02', '', '2024-06-02')",
    )
    second = pipe.run(extractor, first.state, **settings)
    assert second.tap_code == 0, second.tap_log
    assert sorted(row["id"] for row in second.records("shop-orders")) == [3, 5, 2500, 9000]
    (name,) = tables.pointers()
    assert tables.sql(f"SELECT {', '.join(COLUMNS)} FROM {{{name}}} ORDER BY id") == _rows(server, "orders")
    entry = extractor.cursors.entries(second.state, "now")["object_orders"]
    assert entry == {"cursor": "2024-06-02T00:00:00+00:00", "last_sync": "now"}
    third = pipe.run(extractor, extractor.cursors.shifted(second.state, 1), **settings)
    assert sorted(row["id"] for row in third.records("shop-orders")) == [3, 5, 9000]


def test_the_binary_log_tells_of_updates_and_deletions(
    mysql_server: MariaDb, open_pipe: OpenPipe, tables: Tables, tmp_path: Path
) -> None:
    server = mysql_server
    server.sql(
        MAKE.format(t="items"),
        "INSERT INTO items SELECT seq, 'c', seq, 1, null, null, '2024-05-01' FROM seq_1_to_5",
    )
    extractor = source(server, "items", incremental=Incremental("cdc"), options={"settings": {"server_id": 4711}})
    # the tap's SCHEMA does not have the column that says what was deleted: the contract must
    columns = COLUMNS | {"note": "string", "_sdc_deleted_at": "timestamp"}
    settings = contract(tmp_path, "items", **columns) | {"contract_map": {"shop-items": "items"}}
    pipe = open_pipe("mysql")
    first = pipe.run(extractor, **settings)
    assert first.tap_code == 0, first.tap_log
    assert [row["id"] for row in first.records("shop-items")] == [1, 2, 3, 4, 5]
    server.sql(
        "UPDATE items SET customer = 'Zoë 😀' WHERE id = 2",
        "DELETE FROM items WHERE id = 4",
        "INSERT INTO items VALUES (6, 'new', 6, 0, null, null, '2024-06-01')",
    )
    second = pipe.run(extractor, first.state, **settings)
    assert second.tap_code == 0, second.tap_log
    changes = [(row["id"], row["customer"], bool(row.get("_sdc_deleted_at"))) for row in second.records("shop-items")]
    assert changes == [(2, "Zoë 😀", False), (4, "c", True), (6, "new", False)]
    (name,) = tables.pointers()
    assert tables.sql(f"SELECT count(*), count(_sdc_deleted_at) FROM {{{name}}}") == [(8, 1)]
    assert extractor.cursors.entries(second.state, "now")["object_items"]["cursor"].startswith("binlog:bin.0")
    third = pipe.run(extractor, second.state, **settings)
    # the place that the tap notes is the one before the last change, which is told again
    assert [row["id"] for row in third.records("shop-items")] == [6]


def test_a_wrong_password_ends_the_tap_and_is_not_shown(mysql_server: MariaDb, open_pipe: OpenPipe) -> None:
    _, failed = open_pipe("mysql").discover(source(mysql_server, "orders", password="wr0ng-canary"))
    assert failed is not None
    assert "Access denied" in failed.stderr
    assert "wr0ng-canary" not in failed.stderr


def _rows(server: MariaDb, table: str) -> list[tuple[Any, ...]]:
    found = server.sql(
        f"SELECT id, customer, total, paid, timestampdiff(second, '1970-01-01', day), "
        f"timestampdiff(microsecond, '1970-01-01', updated_at) FROM {table} ORDER BY id"
    )
    return [
        (
            int(i),
            customer,
            None if total == "NULL" else Decimal(total),
            {"1": True, "0": False, "NULL": None}[paid],
            None if day == "NULL" else EPOCH + timedelta(seconds=int(day)),
            EPOCH + timedelta(microseconds=int(micros)),
        )
        for i, customer, total, paid, day, micros in found
    ]

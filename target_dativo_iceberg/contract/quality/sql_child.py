"""The process in which a SQL rule runs: one request on standard input, one answer on standard output.

Limits of address space, processor time, wall time and file size are set before DuckDB sees anything; DuckDB itself has
no files, no network and a locked configuration. The rows come from files that are opened by PyArrow.
"""

from __future__ import annotations

import base64
import json
import resource
import signal
import sys
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from target_dativo_iceberg.contract.quality.sql_grammar import RefusedError, check_tree, columns_in

# What Python, Arrow and DuckDB map before they hold any row is about 300 MB.
_BASE_MB = 1024
_STARTUP_SECONDS = 10
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "temp_directory": "",
}


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin.buffer)
    _limit(request["memory_mb"], request["seconds"])
    answer = _checked(request) if request["task"] == "check" else _run(request)
    json.dump(answer, sys.stdout)


def _limit(memory_mb: int, seconds: int) -> None:
    pa.set_cpu_count(1)
    # With a single one, counting the rows of Arrow files waits for itself (PyArrow 24).
    pa.set_io_thread_count(2)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    for limit, value in (
        (resource.RLIMIT_AS, (memory_mb + _BASE_MB) << 20),
        (resource.RLIMIT_CPU, seconds + _STARTUP_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def locked_database(memory_mb: int, rows: Any, tables: list[str]) -> duckdb.DuckDBPyConnection:
    """Open a database that holds the rows under the object's names, and lock it."""
    connection = duckdb.connect(config={**_CONFIG, "memory_limit": f"{memory_mb}MiB"})
    connection.execute("SET TimeZone = 'UTC'")
    # This one hands join keys of any type to PyArrow, which cannot compare all of them.
    connection.execute("SET disabled_optimizers = 'join_filter_pushdown'")
    for table in tables:
        connection.register(table, rows)
    connection.execute("SET lock_configuration = true")
    return connection


# ---- before the run ----


def _checked(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Judge queries, and plan them on an empty object."""
    schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(request["schema"])))
    connection = locked_database(request["memory_mb"], schema.empty_table(), request["tables"])
    return [_checked_query(connection, query, request["tables"]) for query in request["queries"]]


def _checked_query(connection: duckdb.DuckDBPyConnection, query: str, tables: list[str]) -> dict[str, Any]:
    names = {table.lower() for table in tables}
    try:
        tree = _tree(connection, query)
        check_tree(tree, names)
        connection.execute(f"EXPLAIN {query}").fetchall()
    except RefusedError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": "planning it needs too much memory"}
    except duckdb.Error as error:
        return {"refused": str(error).strip().partition("\n")[0][:200]}
    return {"columns": columns_in(tree, names)}


def _tree(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise RefusedError("it is not exactly one statement")
    if statements[0].type.name != "SELECT":
        raise RefusedError("it is not a SELECT")
    answer = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchone()
    return json.loads(answer[0]) if answer else {"error": True}


# ---- the run ----


def _run(request: dict[str, Any]) -> dict[str, Any]:
    try:
        rows = _rows(request)
        connection = locked_database(request["memory_mb"], rows, request["tables"])
        check_tree(_tree(connection, request["query"]), {table.lower() for table in request["tables"]})
        connection.execute(request["query"])
        count = rows.count_rows() if isinstance(rows, ds.Dataset) else rows.num_rows
        return _answer(connection) | {"rows": count}
    except RefusedError as error:
        return {"error": "refused", "detail": str(error)}
    except (MemoryError, duckdb.OutOfMemoryException):
        return {"error": "memory"}
    except duckdb.Error as error:
        # DuckDB's text may quote a value of a row, its class cannot.
        return {"error": "query", "detail": type(error).__name__}
    except (OSError, pa.ArrowException):
        return {"error": "files"}


def _rows(request: dict[str, Any]) -> Any:
    if not request["files"]:
        return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(request["schema"]))).empty_table()
    return ds.dataset(request["files"], format="parquet" if request["files"][0].endswith(".parquet") else "ipc")


def _answer(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    rows = connection.fetchmany(2)
    if len(rows) != 1 or len(rows[0]) != 1:
        return {"error": "shape"}
    value = rows[0][0]
    if value is None or value != value:  # noqa: PLR0124 - NaN differs from itself
        return {"error": "null"}
    if not isinstance(value, (bool, int, float, Decimal)) or abs(value) == float("inf"):
        return {"error": "type"}
    return {"value": str(int(value) if isinstance(value, bool) else value)}


if __name__ == "__main__":
    main()

"""Reading tables with an engine that is not ours: DuckDB and its Iceberg extension."""

from __future__ import annotations

import sqlite3
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB with the Iceberg extension from its wheel; nothing is fetched."""
    spec = find_spec("duckdb_ext")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations))) / "extensions"
    con = duckdb.connect()
    con.execute(f"SET extension_directory='{folder}'")
    con.execute("SET TimeZone='UTC'")
    con.execute("LOAD avro")
    con.execute("LOAD iceberg")
    return con


def cursor() -> duckdb.DuckDBPyConnection:
    """A connection to a DuckDB that all readers of this process share: loading the extensions takes half a second.

    Nothing may be attached or set globally on it; who does that calls `connect`.
    """
    con = _shared().cursor()
    con.execute("SET TimeZone='UTC'")
    return con


@cache
def _shared() -> duckdb.DuckDBPyConnection:
    con = connect()
    # A file that a test writes anew is read anew.
    con.execute("SET enable_external_file_cache=false")
    return con


class Tables:
    """The tables of an embedded warehouse (SQLite catalog), as they are now."""

    def __init__(self, warehouse: Path, catalog: str = "default") -> None:
        self.warehouse = warehouse
        self._catalog = catalog

    def pointers(self) -> dict[str, str]:
        """Metadata location by table name (dotted)."""
        path = self.warehouse / "catalog.db"
        if not path.exists():
            return {}
        with sqlite3.connect(path, timeout=60) as con:
            made = con.execute("SELECT count(*) FROM sqlite_master WHERE name = 'iceberg_tables'").fetchone()[0]
            found = (
                con.execute(
                    "SELECT table_namespace || '.' || table_name, metadata_location "
                    "FROM iceberg_tables WHERE catalog_name = ?",
                    [self._catalog],
                ).fetchall()
                if made
                else []
            )
        con.close()
        return dict(found)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query in which `{name}` stands for a table of namespace `default`, or `{ns.name}` for any."""
        pointers = self.pointers()

        class Scan(dict[str, str]):
            def __missing__(self, name: str) -> str:
                return f"iceberg_scan('{pointers[name if '.' in name else f'default.{name}']}')"

        import re

        text = re.sub(r"\{([\w.]+)\}", lambda m: Scan()[m[1]], query)
        with cursor() as con:
            return con.execute(text).fetchall()

    def rows(self, table: str, order: str | None = None) -> list[dict[str, Any]]:
        """All rows of a table as dicts."""
        name = table if "." in table else f"default.{table}"
        with cursor() as con:
            result = con.execute(
                f"SELECT * FROM iceberg_scan('{self.pointers()[name]}')" + (f" ORDER BY {order}" if order else "")
            )
            columns = [d[0] for d in result.description]
            return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def count(self, table: str) -> int:
        """Number of rows, 0 when there is no such table."""
        if f"default.{table}" not in self.pointers():
            return 0
        return int(self.sql(f"SELECT count(*) FROM {{{table}}}")[0][0])

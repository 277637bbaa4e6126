"""Show what the demo landed: what was read, what went to quarantine and why, and a few rows of each table.

Usage: python -m examples.nycflights13.show FOLDER, after `make demo`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.table import Table

_SHOWN_COLUMNS = 7
_SHOWN_ROWS = 3


def main(folder: Path) -> None:
    """Print the last run's report and the tables as they are."""
    report = json.loads((folder / "report.json").read_text())
    warehouse = (folder / "warehouse").absolute()
    catalog = load_catalog(
        "default", type="sql", uri=f"sqlite:///{warehouse / 'catalog.db'}", warehouse=warehouse.as_uri()
    )
    _show_run(report)
    tables = [catalog.load_table(i) for n in catalog.list_namespaces() for i in sorted(catalog.list_tables(n))]
    print("\nThe tables now")
    print(_aligned([("table", "rows", "files", "MB"), *(_size(t) for t in tables)]))
    _show_quarantine(catalog, tables)
    for table in tables:
        if not table.name()[-1].endswith("__quarantine"):
            _show_rows(table)
    print(f"\nRead them with any Iceberg engine: SQLite catalog {os.path.relpath(warehouse / 'catalog.db')}")


def _show_run(report: dict[str, Any]) -> None:
    totals = report["totals"]
    print(f"\nThis run: {report['status']}, {totals['records']:,} records in {report['seconds']:.1f} s")
    rows = [
        (s["stream"], f"{s['records']:,}", f"{s['good']:,}", f"{s['quarantined']:,}", str(s["files"]),
         f"{s['file_bytes'] / 1e6:.2f}", f"{s['seconds']:.1f}")
        for s in report["streams"]
        if s["records"]
    ]  # fmt: skip
    if not rows:
        print("Nothing new to read; the tables are as they were.")
        return
    print(_aligned([("stream", "in", "good", "quarantined", "files", "MB", "s"), *rows]))


def _size(table: Table) -> tuple[str, ...]:
    files = table.inspect.files()
    rows, nbytes = sum(files["record_count"].to_pylist()), sum(files["file_size_in_bytes"].to_pylist())
    return ".".join(table.name()), f"{rows:,}", str(len(files)), f"{nbytes / 1e6:.2f}"


def _show_quarantine(catalog: Catalog, tables: Iterable[Table]) -> None:
    """Print the commonest reasons, with one record of each."""
    for table in tables:
        if not table.name()[-1].endswith("__quarantine"):
            continue
        found: dict[str, list[dict[str, Any]]] = {}
        for row in table.scan().to_arrow().to_pylist():
            for error in row["_errors"]:
                found.setdefault(f"{error['rule']}: {error['path']} {error['message']}", []).append(row)
        print(f"\nWhy {'.'.join(table.name())} holds what it holds")
        for reason, rows in sorted(found.items(), key=lambda item: -len(item[1])):
            print(f"  {len(rows):>5,}  {reason}")
            print(f"         e.g. line {rows[0]['_seq']}: {rows[0]['_record'][:110]}")


def _show_rows(table: Table) -> None:
    names = [f.name for f in table.schema().fields][:_SHOWN_COLUMNS]
    rows = table.scan(selected_fields=tuple(names), limit=_SHOWN_ROWS).to_arrow().to_pylist()
    print(f"\n{'.'.join(table.name())} ({len(table.schema().fields)} columns)")
    print(_aligned([tuple(names), *(tuple(str(row[n]) for n in names) for row in rows)]))


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

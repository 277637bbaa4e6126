"""What a run leaves on the machine: files, temporary files and processes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq


def check_files(reader: duckdb.DuckDBPyConnection, folder: Path, pointers: Iterable[str], *, killed: bool) -> None:
    """Check that every file a table refers to is there and whole, and that no other file is left.

    Args:
        reader: DuckDB with its Iceberg extension.
        folder: of the test: the warehouse and the runs' reports.
        pointers: metadata locations of all tables.
        killed: a run that was killed may leave files, under its own name.

    """
    used = set[Path]()
    for pointer in pointers:
        for name, rows in reader.execute(
            f"SELECT file_path, record_count FROM iceberg_metadata('{pointer}')"
        ).fetchall():
            path = Path(name.removeprefix("file://"))
            assert pq.read_table(path, partitioning=None).num_rows == rows, path.name
            used.add(path)
    others = set((folder / "warehouse").rglob("*.parquet")) - used
    if killed:
        runs = [json.loads(path.read_text())["run_id"] for path in folder.glob("run*.report")]
        others = {path for path in others if not any(path.name.startswith(run) for run in runs)}
    assert not others


def check_machine(folder: Path, temporary: Path) -> None:
    """Check that no process works in the test's folder any more and that no temporary file is left."""
    assert processes_in(folder) == []
    assert list(temporary.iterdir()) == []


def processes_in(folder: Path) -> list[int]:
    """Ids of the processes whose working directory is a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found

"""What a run left behind, read by DuckDB: an engine that none of the writers is."""

import json
import sqlite3
import sysconfig
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.data import Stream


class Mismatch(Exception):
    """A table does not hold what was sent: the figures of this run mean nothing."""


@dataclass(frozen=True)
class Loaded:
    """What was found.

    Attributes:
        rows: rows in the tables of the stream's names.
        id_sum: sum of their `id`, or None where it was not looked at.
        quarantined: rows in quarantine tables.
        files: data files of the current snapshots.
        snapshots: snapshots kept.

    """

    rows: int
    id_sum: int | None = None
    quarantined: int = 0
    files: int | None = None
    snapshots: int | None = None


def check(loaded: Loaded, stream: Stream) -> None:
    """Raise Mismatch unless every good row is there once and every bad one is in quarantine."""
    expected = {"rows": stream.good, "quarantined": stream.bad}
    found = {"rows": loaded.rows, "quarantined": loaded.quarantined}
    if loaded.id_sum is not None:
        expected["sum of id"], found["sum of id"] = stream.id_sum, loaded.id_sum
    wrong = [
        f"{what} {found[what]:,}, expected {expected[what]:,}" for what in expected if found[what] != expected[what]
    ]
    if wrong:
        raise Mismatch(f"read back from {stream.shape}: {'; '.join(wrong)}")


def iceberg(work: Path, stream: Stream) -> Loaded:
    """Count the rows of the stream's tables, found through the SQL catalog or, without one, by their metadata files."""
    tables = _catalogued(work) or _uncatalogued(work)
    main = [location for name, location in tables.items() if name in stream.good_by_stream]
    aside = [location for name, location in tables.items() if name.endswith("quarantine")]
    metadata = [json.loads(location.read_text()) for location in main]
    with closing(connect()) as connection:
        counts = [_count(connection, location, "count(*), coalesce(sum(id), 0)") for location in main]
        quarantined = sum(_count(connection, location, "count(*)")[0] for location in aside)
    return Loaded(
        rows=sum(rows for rows, _ in counts),
        id_sum=sum(int(ids) for _, ids in counts),
        quarantined=quarantined,
        files=sum(_current_files(each) for each in metadata),
        snapshots=sum(len(each.get("snapshots", [])) for each in metadata),
    )


def query(work: Path, table: str, what: str) -> tuple[int, ...]:
    """Return aggregates over a table of the SQL catalog in the work folder."""
    with closing(connect()) as connection:
        return tuple(int(value) for value in _count(connection, _catalogued(work)[table], what))


def parquet(work: Path, stream: Stream) -> Loaded:
    """Count the rows of the Parquet files in the work folder."""
    with closing(duckdb.connect()) as connection:
        query = "SELECT count(*), sum(id) FROM read_parquet(?)"
        rows, ids = connection.execute(query, [f"{work}/*.parquet"]).fetchone()
    return Loaded(rows, int(ids), files=len(list(work.glob("*.parquet"))))


def lines(work: Path, stream: Stream) -> Loaded:
    """Count the lines of the JSONL files in the work folder."""
    files = list(work.glob("*.jsonl"))
    return Loaded(sum(path.read_bytes().count(b"\n") for path in files), files=len(files))


def connect() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB that reads Iceberg tables; its extensions are of this environment."""
    extensions = Path(sysconfig.get_path("platlib")) / "duckdb_ext" / "extensions"
    connection = duckdb.connect(config={"extension_directory": str(extensions)})
    connection.execute("LOAD avro; LOAD iceberg")
    return connection


def _count(connection: duckdb.DuckDBPyConnection, location: Path, what: str) -> tuple[int, ...]:
    return connection.execute(f"SELECT {what} FROM iceberg_scan(?)", [str(location)]).fetchone()


def _catalogued(work: Path) -> dict[str, Path]:
    tables: dict[str, Path] = {}
    for path in work.rglob("*"):
        if path.is_file() and _is_sqlite(path):
            with closing(sqlite3.connect(path)) as connection:
                rows = connection.execute("SELECT table_name, metadata_location FROM iceberg_tables").fetchall()
            tables |= {name: Path(location.removeprefix("file://")) for name, location in rows}
    return tables


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"


def _uncatalogued(work: Path) -> dict[str, Path]:
    newest: dict[str, Path] = {}
    for path in sorted(work.rglob("metadata/*.metadata.json"), key=_version):
        newest[path.parent.parent.name] = path
    return newest


def _version(path: Path) -> int:
    return int(path.name.removeprefix("v").split("-")[0].split(".")[0])


def _current_files(metadata: dict) -> int:
    current = metadata.get("current-snapshot-id")
    summaries = [each["summary"] for each in metadata.get("snapshots", []) if each["snapshot-id"] == current]
    return sum(int(summary.get("total-data-files", 0)) for summary in summaries)

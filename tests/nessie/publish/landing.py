"""The target on a branch of Nessie, and readers of that branch that are not ours: DuckDB, Nessie's API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from dativo_ingest.stack import LocalStack
from examples.nycflights13.on_nessie import attach
from target_dativo_iceberg.nessie import Commit, NessieClient
from tests.readback import connect
from tests.target.running import Child, Ended, Server, Target, record, schema, state

NAMESPACE = "ns"  # DuckDB reads `ns."table@branch"` only of a namespace that `main` has too
EACH = 200  # rows of a stream before a STATE
PAD = "x" * 1300


class Landing:
    """Runs of the target on one branch, and what there is to read after them."""

    def __init__(
        self,
        server: Server,
        stack: LocalStack,
        nessie: NessieClient,
        reader: duckdb.DuckDBPyConnection,
        folder: Path,
        branch: str,
    ) -> None:
        self.stack = stack
        self.nessie = nessie
        self.branch = branch
        self.server = server
        self.target = Target(server, folder)
        self.reader = reader
        self._folder = folder

    def settings(self, **settings: Any) -> dict[str, Any]:
        """Settings of a run on the branch, over the stack's own."""
        return {
            **self.stack.target_settings(self.branch),
            "namespace": NAMESPACE,
            "request_timeout_seconds": 20,
            **settings,
        }

    def run(self, lines: Any, **settings: Any) -> Ended:
        """A whole run."""
        return self.target.run(lines, **self.settings(**settings))

    def start(self, **settings: Any) -> Child:
        return self.target.start(**self.settings(**settings))

    def contract(self, version: str, *properties: dict[str, Any], table: str = "a", **more: Any) -> str:
        """Path of a contract of one table."""
        path = self._folder / f"contract-{table}.yaml"
        head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": table, "version": version, "status": "active"}
        schema_ = {"name": table, "logicalType": "object", "properties": list(properties), **more}
        path.write_text(json.dumps(head | {"schema": [schema_]}))
        return str(path)

    # ---- what Nessie shows ----

    def head(self, branch: str | None = None) -> str:
        return self.nessie.reference(branch or self.branch).hash

    def commits(self, since: str, branch: str | None = None) -> list[Commit]:
        """Commits after `since` that changed tables, newest first."""
        found: list[Commit] = []
        for commit in self.nessie.log(branch or self.branch, with_changes=True):
            if commit.commit_meta.hash == since:
                return found
            if any(len(path) > 1 for path in commit.changed):
                found.append(commit)
        raise AssertionError(f"{since} is not on the branch")

    def tables(self, reference: str | None = None) -> dict[str, str]:
        """Metadata location by table name, all as of one commit."""
        entries = self.nessie.entries(reference or self.branch, with_content=True)
        return {
            e.path[-1]: e.content.metadata_location or "" for e in entries if e.type == "ICEBERG_TABLE" and e.content
        }

    def branches(self, prefix: str) -> list[str]:
        return [r.name for r in self.nessie.references(prefix)]

    # ---- what an engine reads ----

    def query(self, table: str, columns: str, branch: str | None = None) -> list[tuple[Any, ...]]:
        """Columns of all rows of a table, read by DuckDB through Nessie's catalog, in order."""
        place = f'lake.{NAMESPACE}."{table}@{branch or self.branch}"'
        return self.reader.execute(f"SELECT {columns} FROM {place} ORDER BY ALL").fetchall()

    def ids(self, table: str, branch: str | None = None) -> list[int]:
        return [row[0] for row in self.query(table, "id", branch)]


def duckdb_on(stack: LocalStack) -> duckdb.DuckDBPyConnection:
    """DuckDB on the stack's S3 store, with Nessie attached as `lake`."""
    con = connect()
    con.execute("LOAD httpfs")
    attach(con, stack)
    return con


def epochs(streams: Iterable[str], first: int, count: int) -> Iterator[bytes]:
    """SCHEMAs, then `count` times rows of all streams and a STATE: ids from `first`, the same in each stream."""
    names = list(streams)
    yield _lines(schema(s, keys=()) for s in names)
    for start in range(first, first + count * EACH, EACH):
        rows = [record(n, s, s=PAD) for n in range(start, start + EACH) for s in names]
        yield _lines([*rows, state({"id": start + EACH - 1})])


def _lines(messages: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(m) + "\n" for m in messages).encode()

"""The main job on a Nessie of its own: five CSV files onto the branch of tenant `acme`, read back by DuckDB.

Starts a local stack in FOLDER, runs MELTANO there, shows branch, log and tables, and stops the stack.

Usage: python -m examples.nycflights13.on_nessie FOLDER MELTANO, in the checkout (`make demo-nessie`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import duckdb
from pyiceberg.catalog import load_catalog

from dativo_ingest.stack import LocalStack
from target_dativo_iceberg.nessie import Commit, NessieClient

TENANT = "acme"
NAMESPACE = "nycflights13"
FLIGHTS = "SELECT carrier, count(*) AS flights FROM {table} GROUP BY carrier ORDER BY flights DESC LIMIT 3"


def main(folder: Path, meltano: str) -> None:
    """Run the job and show what it did."""
    print("Starting Nessie and an S3 store on this machine …", flush=True)
    with LocalStack.start(folder / "stack") as stack, NessieClient(stack.nessie_uri) as nessie:
        _set_up(stack)
        before = nessie.reference("main")
        _load(stack, folder, meltano)
        print(f"\nBranches: {', '.join(r.name for r in nessie.references())}")
        print(f"The log of {TENANT}, newest first")
        for commit in nessie.log(TENANT, with_changes=True):
            _show(commit)
        _show_tables(stack, nessie)
        untouched = nessie.reference("main") == before and not list(_tables(nessie, "main"))
        print(f"\nmain: {'untouched, no table on it' if untouched else 'CHANGED'}")
        if not untouched:
            sys.exit(1)


def _set_up(stack: LocalStack) -> None:
    """Do once what an administrator does: the namespace on main, where DuckDB looks for it and branches get it from."""
    properties = {"type": "rest", "uri": stack.iceberg_uri("main"), "warehouse": stack.nessie_warehouse}
    load_catalog("nessie", **properties).create_namespace_if_not_exists(NAMESPACE)


def _load(stack: LocalStack, folder: Path, meltano: str) -> None:
    """Run the job as anyone would, with the loader's settings in the environment."""
    settings = {
        **stack.target_settings(TENANT),
        "namespace": NAMESPACE,
        "tenant_id": TENANT,
        "report_path": str(folder / "report.json"),
    }
    environment = {f"TARGET_DATIVO_ICEBERG_{name.upper()}": value for name, value in settings.items()}
    command = [meltano, "--log-level", "warning", "run", "--no-install", "--full-refresh", "--state-id-suffix", TENANT]
    subprocess.run([*command, "tap-csv", "target-dativo-iceberg"], env=os.environ | environment, check=True)


def _show(commit: Commit) -> None:
    meta = commit.commit_meta
    tables = sorted(path[-1] for path in commit.changed if len(path) > 1)
    what = f"{len(tables)} tables: {', '.join(tables)}" if tables else meta.message
    print(f"  {meta.hash[:12]}  {meta.commit_time:%H:%M:%S}  {what}")
    for name, values in sorted(meta.all_properties.items()):
        if name.startswith(("dativo-run-id", "dativo-rows-quarantined")):
            print(f"{'':26}{name} = {values[0]}")


def _tables(nessie: NessieClient, branch: str) -> Iterator[str]:
    return (entry.path[-1] for entry in nessie.entries(branch) if entry.type == "ICEBERG_TABLE")


def _show_tables(stack: LocalStack, nessie: NessieClient) -> None:
    """Count and read the rows with DuckDB, which finds a branch's table by the name "table@branch"."""
    with _duckdb(stack) as con:
        print(f"\nThe tables of {TENANT}, read by DuckDB")
        for name in sorted(_tables(nessie, TENANT)):
            (rows,) = con.execute(f"SELECT count(*) FROM {_at(name)}").fetchone() or (0,)  # noqa: S608 - our names
            print(f"  {NAMESPACE}.{name:<24}{rows:>9,}")
        query = FLIGHTS.format(table=_at("flights"))
        print(f"\n{query}")
        for carrier, flights in con.execute(query).fetchall():
            print(f"  {carrier}  {flights:>7,}")


def _at(table: str) -> str:
    return f'lake.{NAMESPACE}."{table}@{TENANT}"'


def _duckdb(stack: LocalStack) -> duckdb.DuckDBPyConnection:
    spec = find_spec("duckdb_ext")
    places = list(spec.submodule_search_locations or []) if spec else []
    con = duckdb.connect(config={"extension_directory": str(Path(places[0]) / "extensions")} if places else {})
    con.execute("LOAD httpfs; LOAD avro; LOAD iceberg")
    attach(con, stack)
    return con


def attach(con: duckdb.DuckDBPyConnection, stack: LocalStack) -> None:
    """Give DuckDB, its extensions loaded, the stack's S3 store and its Nessie as `lake`."""
    con.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{stack.s3_access_key_id}', SECRET '{stack.s3_secret_access_key}', "
        f"ENDPOINT '{stack.s3_endpoint.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false, "
        f"REGION '{stack.s3_region}')"
    )
    con.execute(
        f"ATTACH '{stack.nessie_warehouse}' AS lake (TYPE iceberg, ENDPOINT '{stack.iceberg_uri('').rstrip('/')}', "
        "AUTHORIZATION_TYPE 'none', ACCESS_DELEGATION_MODE 'none')"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

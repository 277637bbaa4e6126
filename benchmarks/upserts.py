"""Upsert: 100,000 changes into a table of a million rows, beside PyIceberg's own `Table.upsert`, in one run.

Half of the changes are of rows that are there, spread over the whole table, half are new. Every runner gets a copy of
the same table and the same Singer messages; what it leaves is read back by DuckDB and compared with what must be there.
"""

import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import data, measure, readback
from benchmarks.cases import PYCACHE, SCRATCH
from benchmarks.data import FIRST_ID, Stream
from benchmarks.measure import Usage
from benchmarks.runners import OURS, PEERS

CHANGES = 100_000
PATIENCE = 240.0  # seconds; forty times what we take


@dataclass(frozen=True)
class Figure:
    """One run: who, with which key, into how many rows; `usage` is None when it did not get through."""

    runner: str
    key: str
    base: int
    usage: Usage | None
    reason: str = ""


def cases(*, large: bool) -> Iterator[Figure]:
    """Yield our runs and PyIceberg's, single and composite key; `large` adds a table of ten million rows for us."""
    for key in ("id", "id,status"):
        yield _run("ours", key, 1_000_000)
        yield _run("Table.upsert", key, 1_000_000)
    if large:
        yield _run("ours", "id", 10_000_000)


def lines(figures: list[Figure]) -> list[str]:
    """Return the figures as lines of text, ours against PyIceberg's of the same key."""
    found = [f"upsert of {CHANGES:,} changes, half of them new", ""]
    theirs = {f.key: f.usage for f in figures if f.runner != "ours" and f.usage}
    for f in figures:
        head = f"  {f.runner:13} key {f.key:10} into {f.base:>10,} rows: "
        if f.usage is None:
            found.append(head + f.reason)
            continue
        other = theirs.get(f.key)
        times = f", {other.wall / f.usage.wall:.1f} times as fast" if f.runner == "ours" and other else ""
        found.append(head + f"{f.usage.wall:6.2f} s, {f.usage.cpu:6.2f} s CPU, {f.usage.peak_mib:5.0f} MiB{times}")
    return found


def _run(runner: str, key: str, base: int) -> Figure:
    table, changes = _base(base), _changes(base)
    work = SCRATCH.absolute() / f"upsert-{runner}-{key}".replace(",", "-")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(table / "warehouse", work / "warehouse")
    _move(work / "warehouse", table / "warehouse")
    usage = measure.run(_command(runner, key, work), changes, work, PYCACHE, timeout=PATIENCE)
    if usage.exit_code:
        reason = "did not end in time" if usage.timed_out else f"ended with exit code {usage.exit_code}"
        return Figure(runner, key, base, None, reason)
    _check(work, base)
    shutil.rmtree(work)
    return Figure(runner, key, base, usage)


def _command(runner: str, key: str, work: Path) -> list[str]:
    if runner != "ours":
        return [sys.executable, str(PEERS / "table_upsert.py"), str(work / "warehouse"), key]
    config = {"warehouse": str(work / "warehouse"), "load_method": "upsert", "contract_path": str(_contract(key))}
    (work / "config.json").write_text(json.dumps(config))
    return [str(Path(sys.executable).with_name(OURS)), "--config", str(work / "config.json")]


def _contract(key: str) -> Path:
    """The contract of the shape with another primary key."""
    stream = data.make("ten", 1000)
    if key == "id":
        return stream.contract.absolute()
    path = stream.contract.with_name("ten-composite.odcs.yaml").absolute()
    text = stream.contract.read_text()
    second = "  - name: status\n    logicalType: string\n    required: true\n"
    text = text.replace(second, second + "    primaryKey: true\n    primaryKeyPosition: 2\n")
    path.write_text(text.replace("version: 1.0.0", "version: 2.0.0"))  # another key is another major version
    return path


def _base(records: int) -> Path:
    """A table of so many rows, made once: where it was made is where its metadata says that its files are."""
    work = (SCRATCH.parent / f"upsert-base-{records}").absolute()
    if not (work / "done").exists():
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        stream = data.make("ten", records)
        config = {"warehouse": str(work / "warehouse"), "contract_path": str(stream.contract.absolute())}
        (work / "config.json").write_text(json.dumps(config))
        command = [str(Path(sys.executable).with_name(OURS)), "--config", str(work / "config.json")]
        usage = measure.run(command, stream.path, work, PYCACHE)
        if usage.exit_code:
            raise readback.Mismatch(f"the table to upsert into could not be made: exit code {usage.exit_code}")
        (work / "done").touch()
    return work


def _move(copy: Path, origin: Path) -> None:
    """Have a copied catalog name the copied metadata; data files are read where they are, and never changed."""
    with closing(sqlite3.connect(copy / "catalog.db")) as catalog:
        catalog.execute(
            "UPDATE iceberg_tables SET metadata_location = replace(metadata_location, ?, ?)", (str(origin), str(copy))
        )
        catalog.commit()
    for metadata in copy.glob("**/*.metadata.json"):
        found = json.loads(metadata.read_text())
        found["location"] = found["location"].replace(str(origin), str(copy))
        metadata.write_text(json.dumps(found))


def _changes(base: int) -> Path:
    """Singer messages: every n-th row of the table with another quantity, and as many rows that it does not have."""
    path = (data.CACHE / f"upsert-changes-{base}.singer").absolute()
    if path.exists():
        return path
    half = CHANGES // 2
    step = base // half
    stream: Stream = data.make("ten", base)
    with stream.path.open("rb") as source, path.open("wb") as out:
        row = 0
        for line in source:
            message = json.loads(line) if row % step == 0 or not line.startswith(b'{"type": "RECORD"') else {}
            if message.get("type") == "SCHEMA":
                out.write(line)
            if not line.startswith(b'{"type": "RECORD"'):
                continue
            if message and row < step * half:
                record = message["record"]
                changed = record | {"quantity": record["quantity"] % 1000 + 1}
                new = record | {"id": FIRST_ID + base + row // step}
                out.writelines(json.dumps(message | {"record": r}).encode() + b"\n" for r in (changed, new))
            row += 1
    return path


def _check(work: Path, base: int) -> None:
    half = CHANGES // 2
    ids = sum(range(FIRST_ID, FIRST_ID + base + half))
    found = readback.query(work, "orders", "count(*), sum(id), count(DISTINCT id)")
    if found != (base + half, ids, base + half):
        raise readback.Mismatch(f"upsert: rows, sum of id and ids are {found}, not {(base + half, ids, base + half)}")

"""Files that are staged side by side give the tables that they give one after the other."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from target_dativo_iceberg.settings import parse
from tests.readback import Tables
from tests.spread.files import SCHEMA, batch, contract, rows, write
from tests.target.running import Ended, Target, state

_FOLDERS = itertools.count()
QUARANTINE = {"on_violation": "quarantine"}


def _other(target: Target) -> Target:
    """The target over a second warehouse."""
    folder = target.folder / f"other{next(_FOLDERS)}"
    folder.mkdir()
    return Target(target._server, folder)


def _run(target: Target, folder: Path, *messages: Any, code: int = 0, **settings: Any) -> Ended:
    ended = target.run([SCHEMA, *messages], **({"batch_roots": [str(folder)]} | settings))
    assert ended.code == code, ended.log
    return ended


def _counted(ended: Ended) -> dict[str, Any]:
    found = ended.stream("orders")
    # How many files there are is not the same, and snapshots have numbers of their own.
    differ = ("seconds", "snapshot_id", "files", "file_bytes")
    return {k: v for k, v in found.items() if k not in differ}


def _rejected(tables: Tables) -> list[tuple[Any, ...]]:
    if "default.orders__quarantine" not in tables.pointers():
        return []
    return tables.sql(
        "SELECT _file, _seq, _keys, _record_sha256, to_json(_errors) FROM {orders__quarantine} ORDER BY _file, _seq"
    )


def _data_files(target: Target) -> list[str]:
    return sorted(p.name for p in target.warehouse.rglob("*.parquet"))


def _agree(target: Target, messages: Iterable[Any], **settings: Any) -> tuple[Ended, Tables]:
    """Load messages both ways, compare, and return what was spread."""
    spread, plain = _other(target), _other(target)
    shared: dict[str, Any] = {"target_file_size_mb": 1} | settings
    first = _run(spread, target.folder, *messages, spread_batches="threads", **shared)
    second = _run(plain, target.folder, *messages, **shared)
    ours, theirs = Tables(spread.warehouse), Tables(plain.warehouse)
    columns = [c for c in theirs.rows("orders")[0] if not c.startswith("_sdc")]
    query = f"SELECT {', '.join(columns)} FROM {{orders}} ORDER BY ALL"
    assert ours.sql(query) == theirs.sql(query)
    assert _rejected(ours) == _rejected(theirs)
    assert _counted(first) == _counted(second)
    assert first.states == second.states
    assert ours.pointers().keys() == theirs.pointers().keys()
    return first, ours


@pytest.mark.parametrize("kind", ["parquet", "jsonl.gz"])
def test_rows_rejects_and_counts_are_the_same(target: Target, kind: str) -> None:
    paths = [write(target.folder / f"{n}.{kind}", rows(n * 3000, 3000)) for n in range(5)]
    messages = [batch(*paths[:3]), state(1), batch(*paths[3:]), state(2)]
    ended, tables = _agree(target, messages, contract_path=contract(target.folder), **QUARANTINE)
    stream = ended.stream("orders")
    assert (stream["records"], stream["good"], stream["quarantined"]) == (15_000, 14_850, 150)
    assert tables.count("orders") == 14_850
    assert ended.states == [state(2)["value"]]
    assert ended.report["lost_attempts"] == []


def test_a_key_that_repeats_is_turned_away_in_the_order_of_the_input(target: Target) -> None:
    first = write(target.folder / "a.parquet", rows(0, 3000))
    second = write(target.folder / "b.parquet", [*rows(2990, 20, note="late"), *rows(2990, 5, note="later")])
    third = write(target.folder / "c.jsonl.gz", rows(3005, 10, note="last"))
    alone = {"type": "RECORD", "stream": "orders", "record": rows(3011, 1, note="alone")[0]}
    messages = [batch(first), batch(second), alone, batch(third), state(1)]
    ended, tables = _agree(target, messages, contract_path=contract(target.folder), **QUARANTINE)
    assert ended.stream("orders")["by_rule"]["orders.primaryKey"] == 15 + 6
    assert tables.sql("SELECT note FROM {orders} WHERE id IN (2995, 3005, 3011, 3012) ORDER BY id") == [
        (rows(0, 3000)[2995]["note"],),
        ("late",),
        ("alone",),
        ("last",),
    ]


def test_marks_of_rows_that_are_kept_get_their_columns(target: Target) -> None:
    good = write(target.folder / "a.parquet", rows(0, 2000, bad=10**9))
    marked = write(target.folder / "b.jsonl.gz", rows(5000, 300, extra="x"))
    again = write(target.folder / "c.jsonl.gz", rows(5200, 300, extra="y"))
    policy = {"constraint": "null_value", "unknown_field": "rescue"}
    settings = {"on_violation": {"preset": "quarantine", **policy}}
    messages = [batch(good), batch(marked), batch(again), state(1)]
    _, tables = _agree(target, messages, contract_path=contract(target.folder), **settings)
    assert tables.sql("SELECT count(*) FROM {orders} WHERE _rescued_data IS NOT NULL") == [(500,)]


@pytest.mark.parametrize(
    "settings",
    [
        {"partition_by": ["day"], "sort_by": ["amount"]},
        {"partition_by": ["bucket[4](id)"], "add_record_metadata": True},
        {"load_method": "overwrite"},
        {"unique_check": "table"},
        {"load_method": "upsert"},
        {"stream_maps": {"orders": {"amount": "record['amount']"}}},
    ],
    ids="+".join,
)
def test_other_ways_to_load(target: Target, settings: dict[str, Any]) -> None:
    paths = [write(target.folder / f"{n}.parquet", rows(n * 2000, 2000)) for n in range(3)]
    messages = [batch(*paths), state(1)]
    _agree(target, messages, contract_path=contract(target.folder), **QUARANTINE, **settings)


def test_aggregate_checks_still_see_all_rows(target: Target) -> None:
    path = contract(target.folder)
    text = Path(path).read_text() + "    quality:\n      - {metric: rowCount, mustBe: 6000}\n"
    Path(path).write_text(text)
    paths = [write(target.folder / f"{n}.parquet", rows(n * 3000, 3000, bad=10**9)) for n in range(2)]
    ended, _ = _agree(target, [batch(*paths), state(1)], contract_path=path)
    assert "aggregate checks" in ended.log
    assert [c["status"] for c in ended.stream("orders")["checks"]] == ["pass"]


def test_small_files_share_a_data_file(target: Target) -> None:
    paths = [write(target.folder / f"{n}.jsonl.gz", rows(n * 50, 50)) for n in range(30)]
    messages = [batch(path) for path in paths]
    ended = _run(target, target.folder, *messages, state(1), spread_batches="threads")
    assert ended.stream("orders")["files"] == 1


def test_a_record_that_ends_the_run_leaves_nothing(target: Target) -> None:
    paths = [
        write(target.folder / f"{n}.parquet", rows(n * 30_000, 30_000, bad=25_000 if n == 1 else 10**9))
        for n in range(4)
    ]
    settings = {"target_file_size_mb": 1, "contract_path": contract(target.folder), "spread_batches": "threads"}
    ended = _run(target, target.folder, batch(*paths), state(1), code=1, **settings)
    assert "1.parquet: row 25000: stream 'orders': the record breaks its contract" in ended.log
    assert (ended.states, _data_files(target)) == ([], [])
    assert ended.report["error"]["code"] == "violation"
    assert "-1.5" not in ended.log


def test_more_bad_records_than_allowed_end_the_run(target: Target) -> None:
    # Each file repeats keys of the one before, so that it is staged twice.
    paths = [write(target.folder / f"{n}.parquet", rows(n * 30_000, 30_010)) for n in range(3)]
    settings = {"contract_path": contract(target.folder), "spread_batches": "threads", "max_violations": 500}
    messages = [batch(p) for p in paths]
    ended = _run(target, target.folder, *messages, code=1, target_file_size_mb=1, **settings, **QUARANTINE)
    assert "max_violations" in ended.log
    assert _data_files(target) == []


@pytest.mark.parametrize("wrong", ["missing", "outside", "broken"])
def test_a_file_that_cannot_be_read_ends_the_run(target: Target, tmp_path: Path, wrong: str) -> None:
    good = write(target.folder / "a.parquet", rows(0, 5000))
    inside = target.folder / "in"
    inside.mkdir()
    path = {"missing": inside / "no.parquet", "outside": good, "broken": inside / "b.parquet"}[wrong]
    if wrong == "broken":
        path.write_bytes(good.read_bytes()[:-40])
    ended = _run(target, inside, batch(path), state(1), code=1, spread_batches="threads")
    assert "InputError" not in ended.log
    assert ended.report["error"]["code"] == "input"
    assert _data_files(target) == []


def test_a_signal_leaves_no_file(target: Target) -> None:
    paths = [write(target.folder / f"{n}.parquet", rows(n * 40_000, 40_000)) for n in range(6)]
    child = target.start(batch_roots=[str(target.folder)], spread_batches="threads", target_file_size_mb=1)
    child.feed(SCHEMA, batch(*paths))
    child.until(lambda: _data_files(target), "a data file")
    child.signal(signal.SIGTERM)
    ended = child.wait()
    assert ended.code == 128 + signal.SIGTERM
    assert _data_files(target) == []
    again = _run(target, target.folder, batch(*paths), state(1), spread_batches="threads")
    assert again.stream("orders")["good"] == 240_000
    assert Tables(target.warehouse).sql("SELECT count(*), count(DISTINCT id) FROM {orders}") == [(240_000, 240_000)]


def test_a_kill_costs_nothing_but_files_that_no_snapshot_names(target: Target) -> None:
    paths = [write(target.folder / f"{n}.parquet", rows(n * 40_000, 40_000)) for n in range(6)]
    child = target.start(batch_roots=[str(target.folder)], spread_batches="threads", target_file_size_mb=1)
    child.feed(SCHEMA, batch(*paths))
    child.until(lambda: _data_files(target), "a data file")
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    left = _data_files(target)
    _run(target, target.folder, batch(*paths), state(1), spread_batches="threads")
    assert Tables(target.warehouse).sql("SELECT count(*), count(DISTINCT id) FROM {orders}") == [(240_000, 240_000)]
    assert set(left) <= set(_data_files(target))


def test_a_bare_no_of_yaml_is_no() -> None:
    assert parse({"spread_batches": yaml.safe_load("no")}).spread_batches == "no"

"""Publishing on a real SQL catalog: whole or not at all, once whatever the answer, never over another run's head."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from target_dativo_iceberg import commit as committing
from target_dativo_iceberg import publish as publishing
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.errors import StoreError, UnknownOutcomeError
from target_dativo_iceberg.files import FileWriter
from target_dativo_iceberg.publish import Checkpoint, TableChange, publish
from target_dativo_iceberg.settings import parse
from target_dativo_iceberg.tables import Store, open_store
from tests.readback import Tables

ORDERS = Contract("orders", (Field("id", Type(Kind.INTEGER), required=True),), primary_key=("id",), inferred=True)
ITEMS = replace(ORDERS, name="items")
POINT = Checkpoint(job="j", run_id="r1", epoch=1, state="s1", previous="", at=1_700_000_000)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[], Store]:
    return lambda: open_store(parse({"warehouse": str(tmp_path / "warehouse")}))


def _change(store: Store, ids: Sequence[int], contract: Contract = ORDERS, **texts: str) -> TableChange:
    identifier = ("default", contract.name)
    destination = store.destination(identifier, contract, None)
    writer = FileWriter(store.file_target(destination, "test"))
    if ids:
        schema = pa.schema([("id", pa.int64()), *((name, pa.string()) for name in texts)])
        columns = {"id": list(ids)} | {name: [text] * len(ids) for name, text in texts.items()}
        writer.write([pa.RecordBatch.from_pydict(columns, schema)])
    return TableChange(destination, writer.finish())


def _ids(tables: Tables, table: str = "orders") -> list[int]:
    return [r["id"] for r in tables.rows(table, "id")]


def test_all_tables_of_an_epoch_appear_with_the_checkpoint(opened: Callable[[], Store], tables: Tables) -> None:
    store = opened()
    snapshots = publish(store, [_change(store, [1, 2]), _change(store, [3], ITEMS)], POINT)
    assert (_ids(tables), _ids(tables, "items")) == ([1, 2], [3])
    for name in ("orders", "items"):
        table = store.load(("default", name))
        assert table is not None
        assert table.properties[POINT.key] == POINT.text()
        assert table.metadata.current_snapshot_id == snapshots[f"default.{name}"]


def test_a_conflict_on_one_table_publishes_none_and_is_tried_again(
    opened: Callable[[], Store], tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, rival = opened(), opened()
    publish(store, [_change(store, [1]), _change(store, [1], ITEMS)], POINT)
    changes = [_change(store, [2]), _change(store, [2], ITEMS)]
    seen: list[tuple[list[int], list[int]]] = []
    real = publishing.commit

    def rival_first(*args: Any) -> None:
        if not seen:
            monkeypatch.setattr(publishing, "commit", real)
            publish(rival, [_change(rival, [9], ITEMS)], replace(POINT, job="other"))
            monkeypatch.setattr(publishing, "commit", rival_first)
            try:
                real(*args)
            finally:
                seen.append((_ids(tables), _ids(tables, "items")))
        else:
            real(*args)

    monkeypatch.setattr(publishing, "commit", rival_first)
    publish(store, changes, replace(POINT, epoch=2))
    assert seen == [([1], [1, 9])]
    assert (_ids(tables), _ids(tables, "items")) == ([1, 2], [1, 2, 9])


def test_a_commit_that_landed_without_an_answer_is_not_made_twice(
    opened: Callable[[], Store], tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    real = publishing.commit
    calls = []

    def lose_the_answer(*args: Any) -> None:
        calls.append(1)
        real(*args)
        raise UnknownOutcomeError("no answer")

    monkeypatch.setattr(publishing, "commit", lose_the_answer)
    publish(store, [_change(store, [1])], POINT)
    assert (_ids(tables), len(calls)) == ([1], 1)


def test_a_commit_that_did_not_land_without_an_answer_is_made_again(
    opened: Callable[[], Store], tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    real = publishing.commit
    calls: list[int] = []

    def lose_the_request(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise UnknownOutcomeError("no answer")
        real(*args)

    monkeypatch.setattr(publishing, "commit", lose_the_request)
    publish(store, [_change(store, [1])], POINT)
    assert (_ids(tables), len(calls)) == ([1], 2)


def test_a_commit_that_lands_late_is_not_doubled_by_the_second_try(
    opened: Callable[[], Store], tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    publish(store, [_change(store, [1])], POINT)
    real = publishing.commit
    held: list[tuple[Any, ...]] = []

    def land_late(*args: Any) -> None:
        if not held:
            held.append(args)
            raise UnknownOutcomeError("no answer")
        if len(held) == 1:
            held.append(())
            real(*held[0])  # the first try lands just before the second
        real(*args)

    monkeypatch.setattr(publishing, "commit", land_late)
    publish(store, [_change(store, [2])], replace(POINT, epoch=2))
    assert _ids(tables) == [1, 2]


def test_unknown_outcomes_are_bounded_and_leave_the_files(
    opened: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    change = _change(store, [1])

    def silent(*_: Any) -> None:
        raise UnknownOutcomeError("no answer")

    monkeypatch.setattr(publishing, "commit", silent)
    with pytest.raises(UnknownOutcomeError):
        publish(store, [change], POINT)
    assert all(Path(f.file_path.removeprefix("file://")).exists() for f in change.files)


def test_the_same_job_started_twice_publishes_once(opened: Callable[[], Store], tables: Tables) -> None:
    first, second = opened(), opened()
    publish(first, [_change(first, [0])], replace(POINT, run_id="r0"))
    first, second = opened(), opened()
    one, two = _change(first, [1]), _change(second, [1])
    publish(first, [one], POINT)
    with pytest.raises(StoreError, match="another run of job 'j'"):
        publish(second, [two], replace(POINT, run_id="r2"))
    assert _ids(tables) == [0, 1]


def test_the_same_job_started_twice_on_a_new_table_publishes_once(opened: Callable[[], Store], tables: Tables) -> None:
    first, second = opened(), opened()
    one, two = _change(first, [1]), _change(second, [1])
    publish(first, [one], POINT)
    with pytest.raises(StoreError, match="another run of job 'j'"):
        publish(second, [two], replace(POINT, run_id="r2"))
    assert _ids(tables) == [1]


def test_a_table_dropped_during_the_run_is_not_made_anew(opened: Callable[[], Store]) -> None:
    store = opened()
    publish(store, [_change(store, [1])], POINT)
    change = _change(store, [2])
    store.catalog.drop_table(("default", "orders"))
    with pytest.raises(StoreError, match="was dropped during the run"):
        publish(store, [change], replace(POINT, epoch=2))


def test_a_table_dropped_and_made_anew_is_refused(opened: Callable[[], Store]) -> None:
    store, rival = opened(), opened()
    publish(store, [_change(store, [1])], POINT)
    change = _change(store, [2])
    rival.catalog.drop_table(("default", "orders"))
    publish(rival, [_change(rival, [7])], replace(POINT, job="other"))
    with pytest.raises(StoreError, match="made anew"):
        publish(store, [change], replace(POINT, epoch=2))


def test_columns_another_writer_added_meanwhile_are_kept_and_never_mixed_up(
    opened: Callable[[], Store], tables: Tables
) -> None:
    wider = replace(ORDERS, fields=(*ORDERS.fields, Field("mine", Type(Kind.STRING))))
    theirs = replace(ORDERS, fields=(*ORDERS.fields, Field("theirs", Type(Kind.STRING))))
    store, rival = opened(), opened()
    publish(store, [_change(store, [1])], POINT)
    change = _change(store, [2], wider, mine="m")
    publish(rival, [_change(rival, [9], theirs, theirs="t")], replace(POINT, job="other"))
    publish(store, [change], replace(POINT, epoch=2))
    assert tables.rows("orders", "id") == [
        {"id": 1, "theirs": None, "mine": None},
        {"id": 2, "theirs": None, "mine": "m"},
        {"id": 9, "theirs": "t", "mine": None},
    ]


def test_four_writers_on_one_table_all_land(opened: Callable[[], Store], tables: Tables) -> None:
    store = opened()
    publish(store, [_change(store, [])], POINT)
    barrier = threading.Barrier(4)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        own = opened()
        try:
            for epoch in range(1, 6):
                change = _change(own, [number * 100 + epoch])
                barrier.wait()
                publish(own, [change], replace(POINT, job=f"w{number}", run_id=f"w{number}", epoch=epoch))
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert _ids(tables) == sorted(n * 100 + e for n in range(4) for e in range(1, 6))


def test_checkpoints_of_nameless_runs_are_swept_after_a_day(opened: Callable[[], Store]) -> None:
    store = opened()
    for run, at in (("old", 1_700_000_000), ("new", 1_700_200_000)):
        publish(store, [_change(store, [at])], replace(POINT, job=None, run_id=run, at=at))
    table = store.load(("default", "orders"))
    assert table is not None
    assert [k for k in table.properties if k.startswith("dativo.checkpoint")] == ["dativo.checkpoint.run.new"]


def test_a_sql_transaction_that_breaks_off_is_an_unknown_outcome(
    opened: Callable[[], Store], tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    publish(store, [_change(store, [1])], POINT)
    change = _change(store, [2])
    real = committing._move_pointer
    broken: list[int] = []

    def break_once(catalog: Any, session: Any, *args: Any) -> None:
        real(catalog, session, *args)
        if not broken:
            broken.append(1)
            session.execute(__import__("sqlalchemy").text("SELECT * FROM no_such_table"))

    monkeypatch.setattr(committing, "_move_pointer", break_once)
    publish(store, [change], replace(POINT, epoch=2))
    assert _ids(tables) == [1, 2]
    assert broken

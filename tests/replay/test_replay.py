"""Replay on real tables: what the contract accepts now lands once, what it does not stays, and it adds up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.replay.orders import DEFECTS, LENGTH, MINIMUM, RELAXED, REQUIRED, STRICT, Lake, order, planted

ALL = list(range(1, 401))


def test_all_planted_defects_land_once_the_contract_is_relaxed(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    """The issue's check: 5 % defects of several kinds, all of them replayed clean."""
    rules = [MINIMUM, LENGTH, REQUIRED]
    loaded = lake.load(planted(400, *rules)).streams["orders"]
    assert (loaded.records, loaded.good, loaded.quarantined) == (400, 380, 20)
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay("--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["tried"], report["replayed"], report["still_broken"], report["broken_by"]) == (20, 20, 0, {})
    assert report["by_rule"] == {r: {"tried": n, "replayed": n} for r, n in zip(rules, (7, 7, 6), strict=True)}
    assert lake.ids() == ALL
    assert (lake.waiting(), lake.replayed()) == (0, 20)
    bad = lake.sql("SELECT id, amount, code, note FROM {orders} WHERE amount < 0 OR note IS NULL ORDER BY id LIMIT 2")
    assert bad == [(7, -1, "abc", "n7"), (47, 47, "abc", None)]


def test_records_in_are_good_and_waiting_after_every_replay(lake: Lake) -> None:
    loaded = lake.load(planted(400, *DEFECTS)).streams["orders"]
    for dropped_rules in ([MINIMUM], [MINIMUM, LENGTH], [MINIMUM, LENGTH, REQUIRED]):
        lake.contract(without(*dropped_rules), f"{1 + len(dropped_rules)}.0.0")
        assert lake.replay() == 1
        good = lake.ids()
        assert len(good) + lake.waiting() + loaded.dropped == loaded.records
        assert len(good) == loaded.good + lake.replayed()
        assert good == sorted(set(good))


def without(*rules: str) -> list[dict[str, Any]]:
    """The strict contract without some of its rules."""
    names = {rule.split(".")[1] for rule in rules}
    return [relaxed if relaxed["name"] in names else strict for relaxed, strict in zip(RELAXED, STRICT, strict=True)]


def test_what_still_breaks_the_contract_stays_as_it_was(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    lake.load(planted(80, "type", LENGTH))
    before = lake.tables.rows("orders__quarantine", "_seq")
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay() == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == (
        "default.orders__quarantine: 4 records tried, 2 replayed into default.orders, 2 still break the contract"
    )
    assert [line.split() for line in out[1:]] == [
        ["rejected", "by", LENGTH, "2", "tried,", "2", "replayed"],
        ["rejected", "by", "type", "2", "tried,", "0", "replayed"],
        ["broken", "now:", "type", "2"],
    ]
    after = lake.tables.rows("orders__quarantine", "_seq")
    assert [r for r in after if r["_replayed_at"] is None] == [r for r in before if "many" in r["_record"]]
    assert [r | {"_replayed_at": None} for r in after] == before


def test_a_second_replay_changes_nothing(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    lake.load(planted(40, MINIMUM))
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay() == 0
    pointers = lake.tables.pointers()
    capsys.readouterr()
    assert lake.replay() == 0
    assert capsys.readouterr().out == "nothing to replay in default.orders__quarantine\n"
    assert lake.tables.pointers() == pointers


def test_a_replay_under_the_same_contract_changes_nothing(lake: Lake) -> None:
    lake.load(planted(40, MINIMUM))
    pointers, files = lake.tables.pointers(), files_of(lake)
    assert lake.replay() == 1
    assert (lake.tables.pointers(), files_of(lake)) == (pointers, files)


def files_of(lake: Lake) -> set[str]:
    return {str(p) for p in (lake.folder / "warehouse").rglob("*") if p.is_file()}


def test_a_file_without_replayed_rows_is_not_written_anew(lake: Lake) -> None:
    lake.load([order(1, amount=-1)], "first")
    lake.load([order(2, amount="many")], "second")
    before = live_files(lake)
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay() == 1
    after = live_files(lake)
    assert (len(before & after), len(after)) == (1, 2)


def live_files(lake: Lake) -> set[tuple[str]]:
    """Data files of the quarantine table's snapshot."""
    metadata = lake.tables.pointers()["default.orders__quarantine"]
    query = f"SELECT file_path FROM iceberg_metadata('{metadata}') WHERE status != 'DELETED'"
    return set(lake.sql(query))


def test_only_records_that_broke_the_rule_are_tried(lake: Lake) -> None:
    lake.load([order(1, amount=-1), order(2, code="toolong"), order(3, amount=-1, code="toolong")])
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay("--rule", LENGTH) == 0
    assert lake.ids() == [2, 3]
    assert lake.waiting() == 1
    assert lake.replay("--rule", "no.such.rule") == 0
    assert lake.replay("--rule", "no.such.rule", "--rule", MINIMUM) == 0
    assert lake.ids() == [1, 2, 3]


def test_only_records_of_the_run_are_tried(lake: Lake) -> None:
    lake.load([order(1, amount=-1)], "monday")
    lake.load([order(2, amount=-1)], "tuesday")
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay("--run", "tuesday") == 0
    assert lake.ids() == [2]
    assert lake.replay("--run", "nobody") == 0
    assert lake.waiting() == 1


def test_a_limit_replays_that_many_and_the_rest_waits(lake: Lake) -> None:
    lake.load([order(n, amount=-1) for n in range(1, 6)])
    lake.contract(RELAXED, "2.0.0")
    for done in (2, 4, 5, 5):
        assert lake.replay("--limit", "2") == 0
        assert (len(lake.ids()), lake.waiting()) == (done, 5 - done)


def test_a_column_that_the_contract_has_since_gained_is_added_and_filled(lake: Lake) -> None:
    lake.load([order(1), order(2, amount=-1, more="kept")])
    lake.contract([*RELAXED, {"name": "more", "logicalType": "string"}], "2.0.0")
    assert lake.replay() == 0
    assert lake.sql("SELECT id, more FROM {orders} ORDER BY id") == [(1, None), (2, "kept")]


def test_without_a_contract_the_tables_own_columns_decide(lake: Lake) -> None:
    del lake.settings["contract_path"]
    properties = {"id": {"type": "integer"}, "amount": {"type": ["null", "integer"], "minimum": 0}}
    lake.load([order(1), order(2, amount=-1), order(3, amount="many")], properties=properties)
    assert lake.waiting() == 2
    assert lake.replay() == 1
    assert lake.ids() == [1, 2]
    assert lake.waiting() == 1


def test_numbers_keep_their_digits_on_the_way_back(lake: Lake) -> None:
    exact = {"name": "price", "logicalType": "number", "physicalType": "DECIMAL(30,12)"}
    lake.contract([*STRICT, exact])
    lake.load([json.dumps(order(1, amount=-1))[:-1] + ', "price": 123456789012345678.012345678901}'])
    lake.contract([*RELAXED, exact], "2.0.0")
    assert lake.replay() == 0
    assert lake.sql("SELECT price::VARCHAR FROM {orders}") == [("123456789012345678.012345678901",)]


def test_a_text_that_is_no_record_waits_and_stops_no_other(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    lake.load([order(1, amount=-1), order(2, amount=-1)])
    spoil(lake, "not JSON")
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay("--json") == 1
    assert json.loads(capsys.readouterr().out)["broken_by"] == {"malformed": 1}
    assert (lake.ids(), lake.waiting()) == ([1, 2], 1)


def spoil(lake: Lake, text: str) -> None:
    """Append to the quarantine table a row whose record is some other text."""
    import pyarrow as pa

    from target_dativo_iceberg.arranged import writer_of
    from target_dativo_iceberg.contract.values.arrow import arrow_schema
    from target_dativo_iceberg.publish import Checkpoint, TableChange, publish
    from target_dativo_iceberg.quarantine import contract_of
    from target_dativo_iceberg.settings import parse
    from target_dativo_iceberg.tables import open_store

    store, identifier = open_store(parse({"warehouse": lake.settings["warehouse"]})), ("default", "orders__quarantine")
    table, contract = store.load(identifier), contract_of("orders__quarantine")
    assert table is not None
    row = table.scan(limit=1).to_arrow().to_pylist()[0] | {"_record": text, "_seq": 99}
    destination = store.destination(identifier, contract, None)
    writer = writer_of(store.file_target(destination, "spoilt"), store.waiting)
    writer.write([pa.RecordBatch.from_pylist([row], arrow_schema(contract))])
    publish(store, [TableChange(destination, writer.finish())], Checkpoint(None, "spoilt", 1, "", "", 0))


@pytest.mark.parametrize("table", ["default.nothing", "orders__quarantine", "a b.c"])
def test_a_table_that_is_not_there_is_one_error_line_and_makes_nothing(
    lake: Lake, caplog: pytest.LogCaptureFixture, table: str
) -> None:
    assert lake.replay(table=table) == 2
    assert len(caplog.records) == 1
    assert not (lake.folder / "warehouse").exists()


def test_a_table_without_quarantine_has_nothing_to_replay(lake: Lake) -> None:
    lake.load([order(1)])
    assert lake.replay() == 0


def test_a_retired_contract_is_refused(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    lake.load([order(1, amount=-1)])
    lake.contract(RELAXED, "2.0.0", status="retired")
    assert lake.replay() == 2
    assert "retired" in caplog.text
    assert lake.waiting() == 1


def test_an_older_contract_than_the_tables_is_refused(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    lake.contract(STRICT, "2.0.0")
    lake.load([order(1, amount=-1)])
    lake.contract(RELAXED, "1.9.0")
    files = files_of(lake)
    assert lake.replay() == 2
    assert "written by version 2.0.0 of the contract, this is 1.9.0" in caplog.text
    assert files_of(lake) == files

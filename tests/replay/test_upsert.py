"""Replay of streams that are loaded by upsert: a record of long ago never replaces a row that may be newer."""

from __future__ import annotations

from tests.replay.orders import ANY, LENGTH, MINIMUM, RELAXED, Lake, order, planted


def test_records_land_whose_key_the_table_has_not_and_the_others_stay(lake: Lake) -> None:
    lake.settings["load_method"] = "upsert"
    lake.load(planted(80, MINIMUM, LENGTH))
    assert lake.waiting() == 4
    lake.load([{"id": 7, "amount": 70, "code": "new", "note": "newer"}], "r2")
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay() == 1
    assert lake.ids() == list(range(1, 81))
    assert lake.waiting() == 1
    assert lake.sql("SELECT amount, code FROM {orders} WHERE id = 7") == [(70, "new")]


def test_a_record_of_a_deleted_row_does_not_bring_it_back_to_life(lake: Lake) -> None:
    lake.settings["load_method"] = "upsert"
    moment = {"_sdc_deleted_at": {"type": ["string", "null"], "format": "date-time"}}
    records = [order(1), order(2, amount=-1, _sdc_deleted_at="2024-05-06T07:08:09Z")]
    lake.load(records, properties=ANY | moment)
    lake.contract(RELAXED, "2.0.0")
    assert lake.replay() == 0
    assert lake.ids("_sdc_deleted_at IS NULL") == [1]

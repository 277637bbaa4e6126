"""Replay of streams that are loaded by upsert: a record of long ago never replaces a row that may be newer."""

from __future__ import annotations

from tests.replay.orders import LENGTH, MINIMUM, RELAXED, Lake, planted


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

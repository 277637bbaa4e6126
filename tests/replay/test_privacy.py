"""Replays of records with protected values: what was hashed stays the same hash, what is lost stays in quarantine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.replay.orders import Lake

KEY = bytes(range(32)).hex()
ANY = {"id": {}, "amount": {}, "email": {}, "nick": {}}
ID = {"name": "id", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 1, "required": True}
AMOUNT = {"name": "amount", "logicalType": "integer", "logicalTypeOptions": {"minimum": 0}}
EMAIL = {"name": "email", "logicalType": "string", "logicalTypeOptions": {"pattern": "^[^@]+@[^@]+$"}}
FREE = {"name": "amount", "logicalType": "integer"}


def _order(number: int, **members: Any) -> dict[str, Any]:
    return {"id": number, "amount": number, "email": "ada@example.org"} | members


@pytest.fixture
def hashed(lake: Lake) -> Lake:
    """Orders 1 to 4 under a hashed e-mail address; 2 has a bad amount, 3 a bad address, 4 one of another type."""
    lake.settings["privacy"] = {"rules": [{"match": {"name": "email"}, "action": "hash"}]}
    lake.settings["privacy_key"] = KEY
    lake.contract([ID, AMOUNT, EMAIL])
    records = [_order(1), _order(2, amount=-2), _order(3, email="nobody"), _order(4, email={"at": "x@example.org"})]
    lake.load(records, properties=ANY)
    assert lake.waiting() == 3
    return lake


def _emails(lake: Lake) -> dict[int, Any]:
    return dict(lake.sql("SELECT id, email FROM {orders}"))  # type: ignore[arg-type]


def test_a_protected_value_lands_as_the_hash_that_a_load_would_write(hashed: Lake) -> None:
    hashed.contract([ID, FREE, EMAIL], "1.1.0")
    assert hashed.replay() == 1
    emails = _emails(hashed)
    assert emails.keys() == {1, 2}
    assert emails[1] == emails[2] != "ada@example.org"
    assert hashed.waiting() == 2


def test_a_protected_value_that_broke_a_rule_stays_as_long_as_the_rule_does(
    hashed: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hashed.replay("--rule", "orders.email.pattern") == 1
    assert "orders.email.pattern  1" in capsys.readouterr().out
    hashed.contract([ID, AMOUNT, {"name": "email", "logicalType": "string"}], "1.1.0")
    assert hashed.replay("--rule", "orders.email.pattern") == 0
    assert _emails(hashed).keys() == {1, 3}


def test_a_protected_value_that_was_not_of_its_type_is_lost_and_its_record_stays(hashed: Lake) -> None:
    hashed.contract([ID, FREE, {"name": "email", "logicalType": "string"}], "1.1.0")
    assert hashed.replay() == 1
    assert hashed.ids() == [1, 2, 3]
    assert hashed.sql(
        "SELECT json_extract_string(_record, '$.email') FROM {orders__quarantine} WHERE _replayed_at IS NULL"
    ) == [("[redacted]",)]


def test_a_member_that_was_hidden_since_nobody_had_declared_it_does_not_become_data(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.settings["privacy"] = {"rules": [{"match": {"name": "email"}, "action": "hash"}]}
    lake.settings["privacy_key"] = KEY
    lake.contract([ID, AMOUNT, EMAIL])
    lake.load([_order(1), _order(2, amount=-2, nick="ada"), _order(3, amount=-3)], properties=ANY)
    lake.contract([ID, FREE, EMAIL, {"name": "nick", "logicalType": "string"}], "1.1.0")
    assert lake.replay() == 1
    assert "broken now: redacted" in " ".join(capsys.readouterr().out.split())
    assert lake.ids() == [1, 3]


def test_a_column_that_is_redacted_holds_what_a_load_would_write(lake: Lake) -> None:
    lake.settings["privacy"] = {"rules": [{"match": {"name": "email"}, "action": "redact"}]}
    lake.contract([ID, AMOUNT, EMAIL])
    lake.load([_order(1), _order(2, amount=-2)], properties=ANY)
    lake.contract([ID, FREE, EMAIL], "1.1.0")
    assert lake.replay() == 0
    assert _emails(lake) == {1: "[redacted]", 2: "[redacted]"}


@pytest.mark.parametrize("action", ["null", "drop", "token", "partial:2", "encrypt"])
def test_every_action_leaves_what_a_load_would_leave(lake: Lake, action: str) -> None:
    lake.settings["privacy"] = {"rules": [{"match": {"name": "email"}, "action": action}]}
    lake.settings["privacy_key"] = KEY
    lake.contract([ID, AMOUNT, EMAIL])
    lake.load([_order(1), _order(2, amount=-2)], properties=ANY)
    lake.contract([ID, FREE, EMAIL], "1.1.0")
    assert lake.replay() == 0
    rows = lake.sql("SELECT * FROM {orders} ORDER BY id")
    assert [row[0] for row in rows] == [1, 2]
    if action != "encrypt":  # which gives another ciphertext each time
        assert rows[0][2:] == rows[1][2:]
    assert "ada@example.org" not in str(rows)


def test_without_the_privacy_rules_of_the_table_nothing_is_replayed(
    hashed: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    del hashed.settings["privacy"]
    hashed.contract([ID, FREE, EMAIL], "1.1.0")
    assert hashed.replay() == 2
    assert "column 'email' is protected by 'hash'" in caplog.text
    assert (hashed.ids(), hashed.waiting()) == ([1], 3)


def test_protected_records_are_not_printed_as_if_they_came_from_the_source(
    hashed: Lake, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert hashed.replay("--singer") == 2
    assert capsys.readouterr().out == ""
    assert "would protect again" in caplog.text


# ---- keys ----


def test_a_record_that_repeats_a_key_stays_as_long_as_the_contract_has_the_key(lake: Lake) -> None:
    lake.contract([ID, AMOUNT])
    lake.load([_order(1), _order(1, amount=5)], properties=ANY)
    assert lake.replay() == 1
    assert (lake.ids(), lake.waiting()) == ([1], 1)
    lake.contract([ID | {"primaryKey": False}, AMOUNT], "2.0.0")
    assert lake.replay() == 0
    assert lake.ids() == [1, 1]


def test_of_two_waiting_records_with_one_key_the_first_is_replayed(lake: Lake) -> None:
    lake.contract([ID, AMOUNT])
    lake.load([_order(7, amount=-1), _order(7, amount=-2)], properties=ANY)
    lake.contract([ID, FREE], "1.1.0")
    assert lake.replay() == 1
    assert lake.sql("SELECT id, amount FROM {orders}") == [(7, -1)]
    assert lake.waiting() == 1


def test_keys_that_only_the_schema_names_may_come_again(lake: Lake) -> None:
    lake.contract([ID | {"primaryKey": False}, AMOUNT])
    lake.load([_order(1), _order(1, amount=5)], properties=ANY)
    assert lake.ids() == [1, 1]
    assert "orders__quarantine" not in str(lake.tables.pointers())

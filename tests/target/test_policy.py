"""What violations cause: presets, classes, fields, rules, keys and checks, each on real tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.contract.policy import PRESETS, VALID, Action, Klass, policy_of
from target_dativo_iceberg.errors import SettingsError
from tests.readback import Tables
from tests.target.orders import ALL, CONSTRAINT, GOOD, MISSING, REPEATED, TYPE, UNKNOWN, contract, lines
from tests.target.running import Ended, Target


def _load(target: Target, records: list[dict[str, Any]], **settings: Any) -> Ended:
    if "contract_path" not in settings:
        settings["contract_path"] = contract(target.folder)
    child = target.start(**settings)
    child.feed(*lines(records))
    return child.wait()


@pytest.fixture
def rows(target: Target) -> Any:
    return lambda: Tables(target.warehouse).rows("orders", "id, amount")


@pytest.mark.parametrize("record", [TYPE, CONSTRAINT, MISSING], ids=["type", "constraint", "missing"])
def test_strict_ends_the_run_and_publishes_nothing(target: Target, record: dict[str, Any]) -> None:
    ended = _load(target, [GOOD, record])
    assert (ended.code, target.published()) == (1, {})
    assert "line 3" in ended.errors[0]


def test_quarantine_keeps_every_bad_record_with_its_class(target: Target, rows: Any) -> None:
    ended = _load(target, ALL, on_violation="quarantine")
    assert ended.code == 0
    assert [(r["id"], r["_rescued_data"]) for r in rows()] == [(1, None), (5, '{"extra":"e","more":[1]}')]
    found = Tables(target.warehouse).rows("orders__quarantine", "_seq")
    assert [(r["_seq"], [e["class"] for e in r["_errors"]]) for r in found] == [
        (3, ["type"]),
        (4, ["constraint"]),
        (5, ["missing_required"]),
        (7, ["duplicate_key"]),
    ]
    counts = ended.stream("orders")
    assert (counts["records"], counts["good"], counts["quarantined"]) == (6, 2, 4)


def test_warn_nulls_or_keeps_what_it_can_and_says_so_in_the_row(target: Target, rows: Any) -> None:
    ended = _load(target, ALL, on_violation="warn")
    assert ended.code == 0
    found = {(r["id"], r["amount"]): r for r in rows()}
    assert set(found) == {(1, 5), (1, 6), (2, None), (3, -5), (5, 5)}
    assert json.loads(found[2, None]["_dativo_meta"])["changes"][0]["field"] == "amount"
    assert json.loads(found[3, -5]["_dativo_meta"]) == {"flags": ["orders.amount.minimum"]}
    assert found[1, 5]["_dativo_meta"] is None
    assert ended.stream("orders")["quarantined"] == 1


def test_drop_loses_the_record_but_counts_it(target: Target, rows: Any) -> None:
    ended = _load(target, [GOOD, CONSTRAINT], on_violation={"preset": "strict", "constraint": "drop"})
    assert [r["id"] for r in rows()] == [1]
    counts = ended.stream("orders")
    assert (counts["records"], counts["good"], counts["dropped"]) == (2, 1, 1)
    assert "default.orders__quarantine" not in target.published()


def test_a_type_violation_can_be_rescued(target: Target, rows: Any) -> None:
    _load(target, [GOOD, TYPE], on_violation={"preset": "quarantine", "type": "rescue"})
    found = [(r["id"], r["amount"], r["_rescued_data"]) for r in rows()]
    assert found == [(1, 5, None), (2, None, '{"amount":"many"}')]


@pytest.mark.parametrize(("action", "code", "ids"), [("fail", 1, None), ("quarantine", 0, [1]), ("drop", 0, [1, 5])])
def test_an_unknown_member_can_fail_quarantine_or_be_left_out(
    target: Target, rows: Any, action: str, code: int, ids: list[int] | None
) -> None:
    ended = _load(target, [GOOD, UNKNOWN], on_violation={"preset": "strict", "unknown_field": action})
    assert ended.code == code
    if ids is None:
        assert target.published() == {}
        assert "$.extra" in ended.errors[0]
    else:
        assert [r["id"] for r in rows()] == ids


def test_a_field_overrides_its_class_and_a_rule_overrides_both(target: Target, rows: Any) -> None:
    ended = _load(
        target,
        [GOOD, TYPE, CONSTRAINT, MISSING],
        on_violation={"preset": "quarantine", "fields": {"amount": "drop"}, "rules": {"orders.amount.minimum": "keep"}},
    )
    assert [(r["id"], r["amount"]) for r in rows()] == [(1, 5), (3, -5)]
    counts = ended.stream("orders")
    assert (counts["dropped"], counts["quarantined"]) == (1, 1)


def test_a_critical_element_is_never_nulled_or_kept(target: Target, rows: Any) -> None:
    contract_path = contract(target.folder, amount={"criticalDataElement": True})
    _load(target, [GOOD, TYPE, CONSTRAINT], on_violation="warn", contract_path=contract_path)
    assert [r["id"] for r in rows()] == [1]
    assert Tables(target.warehouse).count("orders__quarantine") == 2


def test_the_contract_says_what_a_property_causes(target: Target, rows: Any) -> None:
    own = {"customProperties": [{"property": "dativo.onViolation", "value": "drop"}]}
    ended = _load(target, [GOOD, TYPE], contract_path=contract(target.folder, amount=own))
    assert [r["id"] for r in rows()] == [1]
    assert ended.stream("orders")["dropped"] == 1


def test_a_primary_key_that_repeats_fails_when_strict(target: Target) -> None:
    ended = _load(target, [GOOD, REPEATED])
    assert (ended.code, target.published()) == (1, {})
    assert "orders.primaryKey" in ended.errors[0]


def test_keys_of_a_schema_without_contract_may_repeat(target: Target) -> None:
    child = target.start()
    child.feed(*lines([GOOD, REPEATED]))
    assert child.wait().code == 0
    assert Tables(target.warehouse).count("orders") == 2


def _check(**more: Any) -> list[dict[str, Any]]:
    return [{"id": "few", "metric": "rowCount", **more}]


def test_a_check_of_the_run_that_fails_publishes_nothing(target: Target) -> None:
    contract_path = contract(target.folder, quality=_check(mustBeGreaterThan=5))
    ended = _load(target, [GOOD], contract_path=contract_path)
    assert (ended.code, target.published()) == (1, {})
    assert "quality check 'few' failed: measured 1, expected" in ended.errors[0]


def test_a_check_of_severity_warning_is_reported(target: Target) -> None:
    contract_path = contract(target.folder, quality=_check(mustBeGreaterThan=5, severity="warning"))
    ended = _load(target, [GOOD], contract_path=contract_path)
    assert ended.code == 0
    assert [(c["id"], c["status"], c["measured"]) for c in ended.stream("orders")["checks"]] == [("few", "warn", 1)]


def test_a_sql_rule_sees_the_rows_of_the_run(target: Target) -> None:
    rule = {"id": "sum", "type": "sql", "query": "SELECT sum(amount) FROM {object}", "mustBe": 5}
    contract_path = contract(target.folder, quality=[rule])
    assert _load(target, [GOOD], contract_path=contract_path).code == 0
    ended = _load(target, [{**GOOD, "amount": 6}], contract_path=contract_path)
    assert ended.code == 1
    assert "'sum' failed" in ended.errors[0]
    assert Tables(target.warehouse).count("orders") == 1


def test_protected_columns_are_written_protected_everywhere(target: Target, rows: Any) -> None:
    contract_path = contract(target.folder, state={"classification": "pii"})
    privacy = {"rules": [{"match": {"classification": "pii"}, "action": "hash"}]}
    secret = "c4n4ry-state"
    ended = _load(
        target,
        [{**GOOD, "state": secret}, {"id": 2, "amount": -1, "state": secret}],
        contract_path=contract_path,
        on_violation="quarantine",
        privacy=privacy,
        privacy_key="00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    )
    assert ended.code == 0, ended.log
    (row,) = rows()
    (turned_away,) = Tables(target.warehouse).rows("orders__quarantine")
    assert json.loads(turned_away["_record"])["state"] == row["state"]
    written = b"".join(p.read_bytes() for p in target.warehouse.rglob("*") if p.is_file())
    for place in (written, ended.log.encode(), json.dumps(ended.report).encode()):
        assert secret.encode() not in place


def test_protection_cannot_end_unnoticed(target: Target) -> None:
    contract_path = contract(target.folder, state={"classification": "pii"})
    privacy = {"rules": [{"match": {"classification": "pii"}, "action": "redact"}]}
    assert _load(target, [GOOD], contract_path=contract_path, privacy=privacy).code == 0
    ended = _load(target, [{**GOOD, "id": 2}], contract_path=contract_path)
    assert ended.code == 1
    assert "column 'state' is protected by 'redact'" in ended.errors[0]


# ---- the matrix ----

_CONTRACT = Contract("c", (Field("a", Type(Kind.STRING)),))


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_are_valid(name: str) -> None:
    assert all(action in VALID[klass] for klass, action in PRESETS[name].items())
    assert set(PRESETS[name]) == set(Klass)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("lenient", "not a preset"),
        ({"colour": "fail"}, "no class 'colour'"),
        ({"type": "explode"}, "unknown action"),
        ({"missing_required": "null_value"}, "cannot have action"),
        ({"constraint": "evolve"}, "cannot have action"),
        ({"quality": "quarantine"}, "cannot have action"),
    ],
)
def test_what_cannot_be_is_refused_at_start(stated: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        policy_of(stated, _CONTRACT)


def test_a_required_column_is_never_nulled() -> None:
    required = Field("a", Type(Kind.STRING), required=True)
    policy = policy_of({"type": "null_value"}, _CONTRACT)
    assert policy.action(Klass.TYPE, [("a", required)], "type") is Action.QUARANTINE

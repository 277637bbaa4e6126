"""Every class of violation with every action that it can have, each on a real table; all other pairs are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from target_dativo_iceberg.contract.policy import PRESETS, VALID, Action, Klass
from tests.readback import Tables
from tests.target.orders import BROKEN, CONSTRAINT, GOOD, MISSING, REPEATED, TYPE, contract, lines
from tests.target.running import Ended, Target

FAIL, QUARANTINE, DROP = Action.FAIL, Action.QUARANTINE, Action.DROP
NULL, RESCUE, KEEP, EVOLVE = Action.NULL_VALUE, Action.RESCUE, Action.KEEP, Action.EVOLVE
# As the specification has it; the code has its own table.
MATRIX = {
    "malformed": {FAIL, QUARANTINE, DROP},
    "missing_required": {FAIL, QUARANTINE, DROP},
    "type": {FAIL, QUARANTINE, DROP, NULL, RESCUE},
    "constraint": {FAIL, QUARANTINE, DROP, NULL, KEEP},
    "duplicate_key": {FAIL, QUARANTINE, DROP, KEEP},
    "unknown_field": {FAIL, QUARANTINE, DROP, RESCUE, EVOLVE},
    "quality": {FAIL, KEEP},
}
UNKNOWN = {"id": 5, "amount": 5, "state": "new", "extra": "e"}
LAST = {"id": 9, "amount": 9, "state": "old"}
# What breaks the contract, and the reason that is given: path and rule.
BAD: dict[str, tuple[dict[str, Any] | str, str, str]] = {
    "malformed": (BROKEN, "$", "json"),
    "missing_required": (MISSING, "$.state", "orders.state.required"),
    "type": (TYPE, "$.amount", "type"),
    "constraint": (CONSTRAINT, "$.amount", "orders.amount.minimum"),
    "duplicate_key": (REPEATED, "$.id", "orders.primaryKey"),
    "unknown_field": (UNKNOWN, "$.extra", "unknown_field"),
}
FEW = {"id": "few", "metric": "rowCount", "mustBeGreaterThan": 5}


def _row(record: dict[str, Any], **marks: Any) -> dict[str, Any]:
    return {**record, **marks}


def _run(target: Target, stated: Any, *records: dict[str, Any] | str, **more: Any) -> Ended:
    path = contract(target.folder, **more)
    return target.run(lines(records), on_violation=stated, contract_path=path)


def _without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _rows(target: Target) -> list[dict[str, Any]]:
    """All rows of the good table, without what is null in them."""
    return [_without_nulls(row) for row in Tables(target.warehouse).rows("orders", "id, amount")]


def _reasons(target: Target) -> list[tuple[Any, ...]]:
    """Line, record and reasons of every row in quarantine."""
    if "default.orders__quarantine" not in target.published():
        return []
    names = ("path", "class", "rule", "action")
    found = Tables(target.warehouse).rows("orders__quarantine", "_seq")
    return [(r["_seq"], r["_record"], [tuple(e[n] for n in names) for e in r["_errors"]]) for r in found]


def _counts(ended: Ended) -> tuple[int, ...]:
    counts = ended.stream("orders")
    return tuple(counts[name] for name in ("records", "good", "quarantined", "dropped"))


# ---- the pairs that are possible ----


def test_the_matrix_is_as_specified() -> None:
    assert {klass.value: set(actions) for klass, actions in VALID.items()} == MATRIX


@pytest.mark.parametrize("klass", BAD)
def test_fail_ends_the_run_and_publishes_nothing(target: Target, klass: str) -> None:
    bad, path, rule = BAD[klass]
    ended = _run(target, {"preset": "quarantine", klass: "fail"}, GOOD, bad, LAST)
    assert (ended.code, target.published(), ended.report["status"]) == (1, {}, "failed")
    (said,) = ended.errors
    assert "line 3: stream 'orders'" in said
    assert klass == "malformed" or f"{path} " in said
    assert klass == "malformed" or f"(rule {rule})" in said
    (counts,) = ended.report["unpublished"]
    assert (counts["records"], counts["rejected"], counts["by_rule"]) == (3, 1, {rule: 1})


@pytest.mark.parametrize("klass", BAD)
def test_quarantine_keeps_the_record_with_its_reason(target: Target, klass: str) -> None:
    bad, path, rule = BAD[klass]
    ended = _run(target, {"preset": "strict", klass: "quarantine"}, GOOD, bad, LAST)
    assert (ended.code, ended.report["status"]) == (0, "partial")
    assert _rows(target) == [GOOD, LAST]
    kept = bad if isinstance(bad, str) else json.dumps(bad)
    ((line, record, reasons),) = _reasons(target)
    assert (line, reasons) == (3, [(path, klass, rule, "quarantine")])
    assert json.loads(record) == bad if isinstance(bad, dict) else record == kept
    assert _counts(ended) == (3, 2, 1, 0)
    assert ended.stream("orders")["by_rule"] == {rule: 1}


@pytest.mark.parametrize("klass", BAD)
def test_drop_leaves_out_the_record_or_the_member_nobody_declared(target: Target, klass: str) -> None:
    bad, _, rule = BAD[klass]
    ended = _run(target, {"preset": "strict", klass: "drop"}, GOOD, bad, LAST)
    assert ended.code == 0
    assert _reasons(target) == []
    counts = ended.stream("orders")
    if klass == "unknown_field":
        assert _rows(target) == [GOOD, {"id": 5, "amount": 5, "state": "new"}, LAST]
        assert (_counts(ended), counts["unknown_fields"]) == ((3, 3, 0, 0), ["extra"])
        assert "members ['extra'] are not in the contract and are not written" in ended.log
    else:
        assert _rows(target) == [GOOD, LAST]
        assert (_counts(ended), counts["by_rule"]) == ((3, 2, 0, 1), {rule: 1})


_NULLED = {"field": "amount", "change": "nulled"}
_RESCUED = {"field": "amount", "change": "rescued"}
_FLAGGED = {
    ("type", NULL): ({"id": 2, "state": "new"}, {"changes": [_NULLED]}, None),
    ("constraint", NULL): ({"id": 3, "state": "new"}, {"changes": [_NULLED]}, None),
    ("type", RESCUE): ({"id": 2, "state": "new"}, {"changes": [_RESCUED]}, {"amount": "many"}),
    ("constraint", KEEP): (CONSTRAINT, {"flags": ["orders.amount.minimum"]}, None),
    ("duplicate_key", KEEP): (REPEATED, {"flags": ["orders.primaryKey"]}, None),
    ("unknown_field", RESCUE): ({"id": 5, "amount": 5, "state": "new"}, None, {"extra": "e"}),
}


@pytest.mark.parametrize(("klass", "action"), _FLAGGED)
def test_a_row_that_is_written_all_the_same_says_what_was_done(target: Target, klass: str, action: Action) -> None:
    bad, _, rule = BAD[klass]
    ended = _run(target, {"preset": "strict", klass: action.value}, GOOD, bad, LAST)
    assert ended.code == 0
    (row,) = [row for row in _rows(target) if row not in (GOOD, LAST)]
    values, note, rescued = _FLAGGED[klass, action]
    meta = json.loads(row.pop("_dativo_meta", "null"))
    for change in (meta or {}).get("changes", ()):
        reason = change.pop("reason")
        assert reason.startswith(f"{rule}: ")
        assert "many" not in reason
    assert (row.pop("_rescued_data", None), row) == (rescued and json.dumps(rescued, separators=(",", ":")), values)
    assert meta == note
    assert _reasons(target) == []
    assert _counts(ended) == (3, 3, 0, 0)
    assert ended.stream("orders")["warnings"] == {rule: 1}


def test_evolve_adds_the_column_that_only_the_schema_has(target: Target) -> None:
    ended = _run(target, {"preset": "strict", "unknown_field": "evolve"}, GOOD, UNKNOWN, LAST)
    assert ended.code == 0
    assert _rows(target) == [GOOD, UNKNOWN, LAST]
    assert _counts(ended) == (3, 3, 0, 0)


def test_a_check_that_fails_ends_the_run(target: Target) -> None:
    ended = _run(target, {"preset": "warn", "quality": "fail"}, GOOD, LAST, quality=[FEW])
    assert (ended.code, target.published()) == (1, {})
    assert "stream 'orders': quality check 'few' failed: measured 2, expected" in ended.errors[0]


def test_a_check_that_is_kept_is_reported(target: Target) -> None:
    ended = _run(target, {"preset": "strict", "quality": "keep"}, GOOD, LAST, quality=[FEW])
    assert ended.code == 0
    assert _rows(target) == [GOOD, LAST]
    assert [(c["id"], c["status"], c["measured"]) for c in ended.stream("orders")["checks"]] == [("few", "fail", 2)]
    assert "quality check 'few' failed" in ended.log


def test_each_possible_pair_is_shown_here() -> None:
    shown = {(klass, action) for klass in BAD for action in (FAIL, QUARANTINE, DROP)} | set(_FLAGGED)
    shown |= {("unknown_field", EVOLVE), ("quality", FAIL), ("quality", KEEP)}
    assert shown == {(klass, action) for klass, actions in MATRIX.items() for action in actions}


# ---- the pairs that are not ----


def _refused_unread(target: Target, stated: Any, *said: str) -> None:
    """The run ends by itself, without its input having been looked at."""
    child = target.start(on_violation=stated, contract_path=contract(target.folder))
    child.feed(*lines([GOOD]))
    child.until(lambda: child.log.endswith("\n"), "it ends")
    unread = child.unread()
    ended = child.wait()
    assert (ended.code, target.published()) == (1, {})
    assert unread == sum(len(json.dumps(line)) + 1 for line in lines([GOOD]))
    (message,) = ended.errors
    assert all(part in message for part in said), message


@pytest.mark.parametrize("klass", Klass)
def test_a_class_refuses_every_other_action_before_any_input_is_read(target: Target, klass: Klass) -> None:
    allowed = [action for action in Action if action in MATRIX[klass]]
    for action in set(Action) - set(allowed):
        said = f"settings: on_violation: class '{klass}' cannot have action '{action}': use one of "
        _refused_unread(target, {"preset": "warn", klass: action}, said + ", ".join(allowed))


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("lenient", "on_violation is not a preset: use one of strict, quarantine, warn, evolve, freeze"),
        ({"preset": ["strict"]}, "on_violation is not a preset"),
        ({"typ": "fail"}, "on_violation has no class 'typ': did you mean 'type'?"),
        ({"colour": "fail"}, "on_violation has no class 'colour': classes are malformed, missing_required"),
        ({"type": "explode"}, "class 'type' has an unknown action: use one of fail, quarantine, drop, null_value"),
        ({"type": None}, "class 'type' has an unknown action"),
        ({"fields": {"amount": "explode"}}, "field 'amount' has an unknown action: use one of fail, quarantine"),
        ({"rules": {"type": 1}}, "rule 'type' has an unknown action"),
        ({"fields": ["amount"]}, "on_violation.fields must be an object"),
        ({"rules": "keep"}, "on_violation.rules must be an object"),
    ],
)
def test_words_that_nobody_knows_are_refused_before_any_input_is_read(target: Target, stated: Any, said: str) -> None:
    _refused_unread(target, stated, said)


# ---- presets ----

# missing_required, type, constraint, duplicate_key, unknown_field, quality
TABLE = {
    "strict": (FAIL, FAIL, FAIL, FAIL, DROP, FAIL),
    "quarantine": (QUARANTINE, QUARANTINE, QUARANTINE, QUARANTINE, RESCUE, FAIL),
    "warn": (QUARANTINE, NULL, KEEP, KEEP, DROP, KEEP),
    "evolve": (QUARANTINE, QUARANTINE, QUARANTINE, QUARANTINE, EVOLVE, FAIL),
    "freeze": (FAIL, FAIL, FAIL, FAIL, FAIL, FAIL),
    "discard_row": (QUARANTINE, QUARANTINE, QUARANTINE, QUARANTINE, QUARANTINE, FAIL),
    "discard_value": (QUARANTINE, NULL, QUARANTINE, QUARANTINE, DROP, FAIL),
}
MALFORMED = {"strict": FAIL, "freeze": FAIL}


def test_presets_are_as_specified() -> None:
    names = [klass.value for klass in Klass if klass is not Klass.MALFORMED]
    found = {name: tuple(preset[Klass(klass)] for klass in names) for name, preset in PRESETS.items()}
    assert found == TABLE
    assert {name: preset[Klass.MALFORMED] for name, preset in PRESETS.items()} == {
        name: MALFORMED.get(name, QUARANTINE) for name in TABLE
    }


@pytest.mark.parametrize("preset", sorted(TABLE.keys() - {"strict", "freeze"}))
def test_a_preset_does_with_each_class_what_its_row_says(target: Target, preset: str) -> None:
    records = [GOOD, *(bad for bad, _, _ in BAD.values())]
    ended = _run(target, preset, *records)
    assert ended.code == 0
    said = dict(zip([k for k in MATRIX if k != "malformed"], TABLE[preset], strict=True)) | {"malformed": QUARANTINE}
    away = [(line, klass) for line, klass in enumerate(BAD, 3) if said[klass] is QUARANTINE]
    assert [(line, reasons[0][1]) for line, _, reasons in _reasons(target)] == away
    rows = {(row["id"], row.get("amount")): row for row in _rows(target)}
    written = {(5, 5)} if said["unknown_field"] is not QUARANTINE else set()
    written |= {(2, None)} if said["type"] is NULL else set()
    written |= {(3, -5), (1, 6)} if said["constraint"] is KEEP else set()
    assert rows.keys() == {(1, 5), *written}
    assert _counts(ended) == (7, 1 + len(written), len(away), 0)
    extra = {RESCUE: ("_rescued_data", '{"extra":"e"}'), EVOLVE: ("extra", "e")}.get(said["unknown_field"])
    assert extra is None or rows[5, 5][extra[0]] == extra[1]


@pytest.mark.parametrize("klass", BAD)
def test_freeze_ends_the_run_on_every_class(target: Target, klass: str) -> None:
    ended = _run(target, "freeze", GOOD, BAD[klass][0])
    assert (ended.code, target.published()) == (1, {})
    assert "line 3: stream 'orders'" in ended.errors[0]


@pytest.mark.parametrize("klass", sorted(BAD.keys() - {"unknown_field"}))
def test_strict_is_the_default_and_ends_the_run_on_every_class_but_unknown_members(target: Target, klass: str) -> None:
    path = contract(target.folder)
    ended = target.run(lines([GOOD, BAD[klass][0]]), contract_path=path)
    assert (ended.code, target.published()) == (1, {})
    assert "line 3: stream 'orders'" in ended.errors[0]


# ---- what counts more ----


def _says(value: str) -> list[dict[str, str]]:
    return [{"property": "dativo.onViolation", "value": value}]


_CHAIN = [
    ("class", [-5], "quarantine"),
    ("the contract's property", [], "drop"),
    ("the setting's field", [-5], "keep"),
    ("the contract's rule", [None], "null_value"),
    ("the setting's rule", [], "fail"),
]


@pytest.mark.parametrize("depth", range(1, 6), ids=[name for name, _, _ in _CHAIN])
def test_what_is_said_more_closely_counts_more_and_the_setting_before_the_contract(target: Target, depth: int) -> None:
    own: dict[str, Any] = {"logicalTypeOptions": {}}
    rule = {"type": "custom", "engine": "dativo", "id": "positive", "implementation": {"minimum": 0}}
    stated: dict[str, Any] = {"preset": "strict", "constraint": "quarantine"}
    own["quality"] = [rule]
    if depth > 1:
        own["customProperties"] = _says("drop")
    if depth > 2:
        stated["fields"] = {"amount": "keep"}
    if depth > 3:
        rule["customProperties"] = _says("null_value")
    if depth > 4:
        stated["rules"] = {"positive": "fail"}
    ended = _run(target, stated, GOOD, CONSTRAINT, amount=own)
    expected = _CHAIN[depth - 1][2]
    if expected == "fail":
        assert (ended.code, target.published()) == (1, {})
        assert "(rule positive)" in ended.errors[0]
        return
    assert ended.code == 0
    found = [row.get("amount") for row in _rows(target) if row["id"] == 3]
    assert found == {"keep": [-5], "null_value": [None]}.get(expected, [])
    assert [reasons for _, _, reasons in _reasons(target)] == (
        [[("$.amount", "constraint", "positive", "quarantine")]] if expected == "quarantine" else []
    )
    assert _counts(ended)[2:] == {"quarantine": (1, 0), "drop": (0, 1)}.get(expected, (0, 0))


def test_the_contracts_preset_counts_more_than_the_settings_and_a_class_of_the_setting_more_than_both(
    target: Target,
) -> None:
    own = {"customProperties": _says("quarantine")}
    assert _run(target, "strict", GOOD, TYPE, **own).code == 0
    assert len(_reasons(target)) == 1
    ended = _run(target, {"preset": "warn", "type": "drop"}, {**GOOD, "id": 8}, TYPE, CONSTRAINT, **own)
    assert _counts(ended) == (3, 1, 1, 1)
    assert [row["id"] for row in _rows(target)] == [1, 8]


def test_an_action_that_a_class_cannot_have_leaves_it_to_the_class(target: Target) -> None:
    stated = {"preset": "quarantine", "fields": {"amount": "rescue", "state": "keep"}}
    ended = _run(target, stated, GOOD, TYPE, CONSTRAINT, MISSING)
    assert _counts(ended) == (4, 2, 2, 0)
    assert [reasons for _, _, reasons in _reasons(target)] == [
        [("$.amount", "constraint", "orders.amount.minimum", "quarantine")],
        [("$.state", "missing_required", "orders.state.required", "quarantine")],
    ]
    assert _rows(target)[1]["_rescued_data"] == '{"amount":"many"}'


# ---- how many are too many ----


@pytest.mark.parametrize("action", ["quarantine", "drop"])
@pytest.mark.parametrize(("bad", "code"), [(3, 0), (4, 1)])
def test_max_violations_is_the_largest_number_that_passes(target: Target, action: str, bad: int, code: int) -> None:
    records = [{"id": n, "amount": -1 if n <= bad else 1, "state": "s"} for n in range(1, 11)]
    stated = {"preset": "quarantine", "constraint": action}
    path = contract(target.folder)
    ended = target.run(lines(records), on_violation=stated, contract_path=path, max_violations=3)
    assert ended.code == code
    if code:
        assert target.published() == {}
        assert "stream 'orders': more than max_violations (3) records break their contract" in ended.errors[0]
    else:
        assert [row["id"] for row in _rows(target)] == [4, 5, 6, 7, 8, 9, 10]
        assert _counts(ended)[2:] == ((3, 0) if action == "quarantine" else (0, 3))


@pytest.mark.parametrize("action", ["quarantine", "drop"])
@pytest.mark.parametrize(("bad", "code"), [(5, 0), (6, 1)])
def test_max_violation_pct_is_the_largest_share_that_passes(target: Target, action: str, bad: int, code: int) -> None:
    records = [{"id": n, "amount": -1 if n <= bad else 1, "state": "s"} for n in range(1, 201)]
    stated = {"preset": "quarantine", "constraint": action}
    path = contract(target.folder)
    ended = target.run(lines(records), on_violation=stated, contract_path=path, max_violation_pct=2.5)
    assert ended.code == code
    if code:
        assert target.published() == {}
        assert "more than max_violation_pct (2.5 %) of its records break their contract" in ended.errors[0]
    else:
        assert _counts(ended)[:2] == (200, 195)
        assert Tables(target.warehouse).count("orders") == 195

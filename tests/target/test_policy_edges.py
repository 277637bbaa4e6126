"""Policies where it gets narrow: inside columns, with several errors, on required columns, over epochs, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.readback import Tables
from tests.target.running import Ended, Target, record, schema, state

SECRET = "c4n4ry"
NUMBER = {"logicalType": "integer"}
PLACE: dict[str, Any] = {
    "name": "place",
    "logicalType": "object",
    "properties": [
        {"name": "zip", "logicalType": "string", "required": True, "logicalTypeOptions": {"maxLength": 5}},
        {"name": "floor", "logicalType": "integer", "logicalTypeOptions": {"minimum": 0}},
    ],
}
LINES: dict[str, Any] = {
    "name": "lines",
    "logicalType": "array",
    "items": {
        "logicalType": "object",
        "properties": [
            {"name": "sku", "logicalType": "string", "required": True},
            {"name": "count", "logicalType": "integer", "logicalTypeOptions": {"minimum": 1}},
        ],
    },
}
MARKS: dict[str, Any] = {
    "name": "marks",
    "logicalType": "map",
    "map": {"key": {"logicalType": "string"}, "value": {**NUMBER, "logicalTypeOptions": {"maximum": 9}}},
}
ID = {"name": "id", "logicalType": "integer", "primaryKey": True, "required": True}
ALL = [ID, PLACE, LINES, MARKS, {"name": "code", "logicalType": "string", "logicalTypeOptions": {"maxLength": 3}}]
CLEAN: dict[str, Any] = {
    "place": {"zip": "12345", "floor": 1},
    "lines": [{"sku": "a", "count": 1}],
    "marks": {"m": 1},
    "code": "abc",
}
SPOILT: dict[str, dict[str, Any]] = {
    "zip": {"place": {"zip": SECRET, "floor": 1}},
    "floor": {"place": {"zip": "12345", "floor": SECRET}},
    "count": {"lines": [{"sku": "a", "count": 1}, {"sku": "b", "count": 0}]},
    "mark": {"marks": {"m": 10}},
    "code": {"code": SECRET},
}


def _contract(folder: Path, properties: list[dict[str, Any]], name: str = "a", **root: Any) -> str:
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": name, "version": "1.0.0", "status": "active"}
    path = folder / "contracts" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({**head, "schema": [{"name": name, "properties": properties}], **root}))
    return str(path.parent)


def _says(property_: dict[str, Any], action: str = "", **more: Any) -> dict[str, Any]:
    own = [{"property": "dativo.onViolation", "value": action}] if action else []
    return {**property_, "customProperties": own, **more}


def _load(target: Target, stated: Any, records: dict[int, dict[str, Any]], **settings: Any) -> Ended:
    if "contract_path" not in settings:
        settings["contract_path"] = _contract(target.folder, ALL)
    names = {name: {} for members in records.values() for name in members}
    ended = target.run(
        [schema(**names), *(record(n, **members) for n, members in records.items())], on_violation=stated, **settings
    )
    assert SECRET not in ended.log + json.dumps(ended.report)
    return ended


def _ids(target: Target) -> list[int]:
    return [row["id"] for row in Tables(target.warehouse).rows("a", "id")]


def _reasons(target: Target) -> dict[int, set[tuple[str, str, str]]]:
    found = Tables(target.warehouse).rows("a__quarantine", "_seq")
    assert not any(SECRET in e["message"] for row in found for e in row["_errors"])
    return {
        json.loads(row["_record"])["id"]: {(e["path"], e["class"], e["rule"]) for e in row["_errors"]} for row in found
    }


# ---- inside columns ----


def test_every_error_of_a_record_is_reported_with_its_path_and_never_the_value(target: Target) -> None:
    bad = {
        "place": {"floor": SECRET, "zz": SECRET},
        "lines": [{"sku": None, "count": 0}, SECRET, {"sku": "b", "count": -3}],
        "marks": {SECRET: 99, "n": SECRET},
        "code": SECRET,
        "more": SECRET,
    }
    ended = _load(target, {"preset": "quarantine", "unknown_field": "quarantine"}, {1: CLEAN, 2: bad})
    assert (ended.code, _ids(target)) == (0, [1])
    (found,) = _reasons(target).values()
    assert found == {
        ("$.place.zip", "missing_required", "required"),
        ("$.place.floor", "type", "type"),
        ("$.place.zz", "unknown_field", "unknown_field"),
        ("$.lines[0].sku", "missing_required", "required"),
        ("$.lines[1]", "type", "type"),
        ("$.lines[*].count", "constraint", "a.lines[].count.minimum"),
        ("$.marks.*", "type", "type"),
        ("$.marks.*", "constraint", "a.marks[].maximum"),
        ("$.code", "constraint", "a.code.maxLength"),
        ("$.more", "unknown_field", "unknown_field"),
    }
    rules = {rule for _, _, rule in found}
    assert ended.stream("a")["by_rule"] == dict.fromkeys(rules, 1)


def test_a_record_that_ends_the_run_names_all_its_errors(target: Target) -> None:
    bad = CLEAN | SPOILT["floor"] | SPOILT["mark"] | SPOILT["code"]
    ended = _load(target, "strict", {1: CLEAN, 2: bad})
    assert (ended.code, target.published()) == (1, {})
    assert "line 3: stream 'a': the record breaks its contract: " in ended.errors[0]
    for part in ("$.place.floor expected an integer", "(rule a.marks[].maximum)", "(rule a.code.maxLength)"):
        assert part in ended.errors[0]


@pytest.mark.parametrize(
    ("field", "spoilt"),
    [
        ("place.zip", "zip"),
        ("place.floor", "floor"),
        ("place", "zip"),
        ("lines[].count", "count"),
        ("lines[]", "count"),
        ("marks[]", "mark"),
        ("code", "code"),
    ],
)
@pytest.mark.parametrize("said_by", ["setting", "contract"])
def test_a_field_inside_a_column_has_its_own_action(target: Target, field: str, spoilt: str, said_by: str) -> None:
    records = {n: CLEAN | members for n, members in enumerate(SPOILT.values(), 1)}
    which = list(SPOILT).index(spoilt) + 1
    also = {"place": {1, 2}}.get(field, {which})
    if said_by == "setting":
        ended = _load(target, {"preset": "quarantine", "fields": {field: "drop"}}, records)
    else:
        path = _contract(target.folder, _with_action(field, "drop"))
        ended = _load(target, "quarantine", records, contract_path=path)
    assert ended.code == 0
    assert _reasons(target).keys() == records.keys() - also
    assert (ended.stream("a")["dropped"], ended.stream("a")["quarantined"]) == (len(also), 5 - len(also))


def _with_action(field: str, action: str) -> list[dict[str, Any]]:
    """The properties with an action for the one at a path."""
    sku, number = LINES["items"]["properties"]
    count = LINES["items"] | {"properties": [sku, _says(number, action)]}
    zip_, floor = PLACE["properties"]
    changed: dict[str, dict[str, Any]] = {
        "place": _says(PLACE, action),
        "place.zip": PLACE | {"properties": [_says(zip_, action), floor]},
        "place.floor": PLACE | {"properties": [zip_, _says(floor, action)]},
        "lines[]": LINES | {"items": _says(LINES["items"], action)},
        "lines[].count": LINES | {"items": count},
        "marks[]": MARKS | {"map": {**MARKS["map"], "value": _says(MARKS["map"]["value"], action)}},
        "code": _says(ALL[4], action),
    }
    new = changed[field]
    return [new if p["name"] == new["name"] else p for p in ALL]


def test_the_innermost_field_counts_and_the_setting_before_the_contract(target: Target) -> None:
    path = _contract(target.folder, _with_action("place.floor", "fail"))
    stated = {"preset": "quarantine", "fields": {"place": "drop", "place.zip": "keep"}}
    ended = _load(target, stated, {1: CLEAN, 2: CLEAN | SPOILT["zip"], 3: CLEAN | SPOILT["floor"]}, contract_path=path)
    assert (ended.code, _ids(target)) == (0, [1, 2])
    assert ended.stream("a")["dropped"] == 1


def test_a_critical_member_is_never_kept_or_nulled(target: Target) -> None:
    zip_, floor = PLACE["properties"]
    place = PLACE | {"properties": [{**zip_, "criticalDataElement": True}, floor]}
    path = _contract(target.folder, [ID, place, *ALL[2:]])
    records = {1: CLEAN | SPOILT["zip"], 2: CLEAN | SPOILT["floor"]}
    ended = _load(target, {"preset": "warn", "fields": {"place": "keep"}}, records, contract_path=path)
    assert (ended.code, _ids(target)) == (0, [2])
    assert _reasons(target) == {1: {("$.place.zip", "constraint", "a.place.zip.maxLength")}}


# ---- nulling and rescuing ----


def test_what_is_wrong_inside_a_column_nulls_the_whole_column_and_says_where(target: Target) -> None:
    records = {1: CLEAN | SPOILT["floor"] | SPOILT["mark"], 2: CLEAN}
    ended = _load(target, {"preset": "strict", "type": "null_value", "constraint": "null_value"}, records)
    assert ended.code == 0
    first, second = Tables(target.warehouse).rows("a", "id")
    assert (first["place"], first["marks"], first["lines"]) == (None, None, [{"sku": "a", "count": 1}])
    changes = {(c["field"], c["change"], c["reason"].partition(":")[0]) for c in _meta(first)["changes"]}
    assert changes == {("place", "nulled", "type"), ("marks", "nulled", "a.marks[].maximum")}
    assert (second["place"], second["_dativo_meta"]) == ({"zip": "12345", "floor": 1}, None)


def _meta(row: dict[str, Any]) -> Any:
    return json.loads(row["_dativo_meta"])


@pytest.mark.parametrize("action", ["null_value", "rescue"])
def test_a_required_column_is_never_nulled(target: Target, action: str) -> None:
    code = {"name": "code", **NUMBER, "required": True}
    optional = {"name": "other", **NUMBER}
    path = _contract(target.folder, [ID, code, optional, PLACE | {"required": True}])
    good = {"code": 1, "other": 1, "place": CLEAN["place"]}
    records = {
        1: good,
        2: good | {"code": SECRET},
        3: good | {"other": SECRET},
        4: good | SPOILT["floor"],
        5: good | {"code": SECRET, "other": SECRET},
    }
    stated = {"preset": "quarantine", "type": action}
    ended = _load(target, stated, records, contract_path=path)
    assert (ended.code, _ids(target)) == (0, [1, 3])
    assert _reasons(target) == {
        2: {("$.code", "type", "type")},
        4: {("$.place.floor", "type", "type")},
        5: {("$.code", "type", "type"), ("$.other", "type", "type")},
    }
    assert Tables(target.warehouse).rows("a", "id")[1]["other"] is None


def test_an_override_that_nulls_a_required_column_quarantines(target: Target) -> None:
    path = _contract(target.folder, [ID, _says({"name": "code", **NUMBER, "required": True}, "null_value")])
    ended = _load(target, "strict", {1: {"code": 1}, 2: {"code": SECRET}}, contract_path=path)
    assert (ended.code, _ids(target)) == (0, [1])
    assert _reasons(target) == {2: {("$.code", "type", "type")}}


def test_a_nested_value_is_rescued_as_it_came(target: Target) -> None:
    odd = CLEAN | {"place": {"zip": "1", "floor": 1.5}, "lines": [{"sku": "a", "zz": [1]}], "more": {"deep": [None]}}
    ended = _load(target, {"preset": "quarantine", "type": "rescue"}, {1: odd, 2: CLEAN})
    assert ended.code == 0
    row, clean = Tables(target.warehouse).rows("a", "id")
    # A type violation takes the column's value away; members that nobody declared leave their column as it is.
    assert (row["place"], row["lines"]) == (None, [{"sku": "a", "count": None}])
    assert json.loads(row["_rescued_data"]) == {name: odd[name] for name in ("lines", "more", "place")}
    assert [c["field"] for c in _meta(row)["changes"]] == ["place"]
    assert clean["_rescued_data"] is None
    assert ended.stream("a")["quarantined"] == 0


def test_a_member_that_nobody_declared_is_dropped_and_its_neighbours_stay(target: Target) -> None:
    odd = CLEAN | {"place": {"zip": "1", "zz": SECRET}, "lines": [{"sku": "a", "zz": 1}], "more": SECRET}
    ended = _load(target, "strict", {1: odd, 2: CLEAN})
    assert (ended.code, ended.stream("a")["unknown_fields"]) == (0, ["lines[0].zz", "more", "place.zz"])
    row = Tables(target.warehouse).rows("a", "id")[0]
    assert (row["place"], row["lines"]) == ({"zip": "1", "floor": None}, [{"sku": "a", "count": None}])
    written = b"".join(p.read_bytes() for p in target.warehouse.rglob("*") if p.is_file())
    assert SECRET.encode() not in written


def test_an_action_of_a_column_is_not_one_of_members_that_nobody_declared(target: Target) -> None:
    odd = CLEAN | {"place": {"zip": "1", "zz": 1}}
    ended = _load(target, {"preset": "quarantine", "fields": {"place": "drop"}}, {1: odd})
    assert (ended.code, _ids(target), ended.stream("a")["dropped"]) == (0, [1], 0)


# ---- severity ----


def test_a_warning_that_has_an_action_is_acted_on(target: Target) -> None:
    def rule(name: str, **more: Any) -> dict[str, Any]:
        bounds = {"type": "custom", "engine": "dativo", "implementation": {"maxLength": 3}}
        return {**bounds, "id": f"short-{name}", "severity": "warning", **more}

    said = {"customProperties": [{"property": "dativo.onViolation", "value": "drop"}]}
    properties = [
        ID,
        {"name": "a", "logicalType": "string", "quality": [rule("a")]},
        {"name": "b", "logicalType": "string", "quality": [rule("b")]},
        {"name": "c", "logicalType": "string", "quality": [rule("c", **said)]},
        {"name": "d", "logicalType": "string", "quality": [rule("d")], "criticalDataElement": True},
    ]
    path = _contract(target.folder, properties)
    records: dict[int, dict[str, Any]] = {n: {name: SECRET} for n, name in enumerate("abcd", 1)}
    ended = _load(target, {"preset": "warn", "rules": {"short-b": "quarantine"}}, records, contract_path=path)
    counts = ended.stream("a")
    assert (ended.code, _ids(target), counts["warnings"]) == (0, [1], {"short-a": 1})
    assert counts["by_rule"] == {"short-b": 1, "short-c": 1, "short-d": 1}
    assert _reasons(target).keys() == {2, 4}


def test_a_check_of_severity_warning_that_is_to_fail_fails(target: Target) -> None:
    few = {"id": "few", "metric": "rowCount", "mustBeGreaterThan": 5, "severity": "warning"}
    path = _contract(target.folder, ALL)
    document = yaml.safe_load((Path(path) / "a.yaml").read_text())
    document["schema"][0]["quality"] = [few]
    (Path(path) / "a.yaml").write_text(yaml.safe_dump(document))
    assert _load(target, "strict", {1: CLEAN}, contract_path=path).code == 0
    ended = _load(target, {"rules": {"few": "fail"}}, {2: CLEAN}, contract_path=path)
    assert (ended.code, _ids(target)) == (1, [1])
    assert "quality check 'few'" in ended.errors[0]


# ---- how many, over epochs ----


def _epochs(target: Target, *bad: int, size: int = 10, **settings: Any) -> Ended:
    """One epoch for each number of bad records among `size`."""
    child = target.start(
        contract_path=_contract(target.folder, ALL), on_violation="quarantine", epoch_max_mb=1, **settings
    )
    child.feed(schema(code={}, pad={}))
    for epoch, count in enumerate(bad):
        for n in range(size):
            # Enough bytes that the epoch ends with its STATE.
            child.feed(record(epoch * size + n, code=SECRET if n < count else "abc", pad="x" * (1 << 17)))
        child.feed(state({"epoch": epoch}))
        if epoch + 1 < len(bad):
            child.until(lambda seen=epoch + 1: len(child.states) == seen, "the epoch is published")
    ended = child.wait()
    assert SECRET not in ended.log
    return ended


def test_max_violations_counts_over_the_epochs_of_a_run(target: Target) -> None:
    ended = _epochs(target, 2, 1, 1, max_violations=3)
    assert (ended.code, ended.states) == (1, [{"epoch": 0}, {"epoch": 1}])
    assert "more than max_violations (3) records" in ended.errors[0]
    assert len(_ids(target)) == 17
    assert len(_reasons(target)) == 3


def test_max_violations_is_not_passed_by_exactly_that_many_over_the_epochs(target: Target) -> None:
    ended = _epochs(target, 2, 0, 1, max_violations=3)
    assert (ended.code, len(ended.states), len(_ids(target))) == (0, 3, 27)


def test_max_violation_pct_is_of_each_epoch(target: Target) -> None:
    ended = _epochs(target, 2, 0, 3, max_violation_pct=20)
    assert (ended.code, ended.states) == (1, [{"epoch": 0}, {"epoch": 1}])
    assert len(_ids(target)) == 18


def test_a_small_epoch_is_judged_with_those_before_it(target: Target) -> None:
    ended = _epochs(target, 0, 4, 4, max_violation_pct=25, max_violation_min_rows=20)
    assert (ended.code, ended.states) == (1, [{"epoch": 0}, {"epoch": 1}])
    assert "more than max_violation_pct (25 %)" in ended.errors[0]
    assert len(_ids(target)) == 16


def test_records_that_a_stream_map_filters_out_are_no_violations(target: Target) -> None:
    records = {n: CLEAN | (SPOILT["code"] if n == 10 else {}) for n in range(1, 11)}
    maps = {"a": {"__filter__": "id > 5"}}
    ended = _load(target, "quarantine", records, stream_maps=maps, max_violations=1, max_violation_pct=10)
    assert ended.code == 0, ended.log
    counts = ended.stream("a")
    assert [counts[name] for name in ("records", "good", "quarantined", "dropped")] == [10, 4, 1, 5]
    again = _load(target, "quarantine", records, stream_maps=maps, max_violations=0)
    assert "more than max_violations (0)" in again.errors[0]


# ---- names ----


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"fields": {"coed": "drop"}}, "field 'coed', which contract 'a' does not have: did you mean 'code'?"),
        (
            {"fields": {"place.zp": "drop"}},
            "field 'place.zp', which contract 'a' does not have: did you mean 'place.",
        ),
        ({"fields": {"lines.count": "drop"}}, "did you mean 'lines[].count'?"),
        (
            {"fields": {"code": "evolve"}},
            "field 'code' cannot have action 'evolve': use one of fail, quarantine, drop,",
        ),
        ({"rules": {"a.code.maxLen": "drop"}}, "rule 'a.code.maxLen', which contract 'a' does not have: did you mean"),
        ({"rules": {"a.code.maxLen": "drop"}}, "did you mean 'a.code.maxLength'?"),
        (
            {"rules": {"known-stat": "drop"}},
            "rule 'known-stat', which contract 'a' does not have: did you mean 'known-",
        ),
        ({"rules": {"typ": "drop"}}, "did you mean 'type'?"),
        (
            {"rules": {"a.marks[].maximum": "rescue"}},
            "is of class 'constraint' and cannot have action 'rescue': use one",
        ),
        ({"rules": {"a.primaryKey": "null_value"}}, "is of class 'duplicate_key' and cannot have action 'null_value'"),
        ({"rules": {"required": "keep"}}, "is of class 'missing_required' and cannot have action 'keep': use one of"),
    ],
)
def test_a_name_that_no_contract_has_is_an_error_with_the_nearest(target: Target, stated: Any, said: str) -> None:
    state_rule = {"id": "known-state", "metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["x"]}}
    properties = [*ALL, {"name": "state", "logicalType": "string", "quality": [state_rule]}]
    path = _contract(target.folder, properties)
    ended = _load(target, {"preset": "quarantine", **stated}, {1: CLEAN}, contract_path=path)
    assert (ended.code, target.published()) == (1, {})
    (message,) = ended.errors
    assert "line 1: " in message or "settings: " in message
    assert said in message


def test_one_setting_may_name_fields_and_rules_of_several_contracts(target: Target) -> None:
    _contract(target.folder, ALL)
    b = [ID, {"name": "email", "logicalType": "string", "logicalTypeOptions": {"maxLength": 3}}]
    path = _contract(target.folder, b, "b")
    stated = {"preset": "strict", "fields": {"email": "drop"}, "rules": {"a.code.maxLength": "quarantine"}}
    ended = target.run(
        [
            schema(code={}),
            schema("b", email={}),
            record(1, code=SECRET),
            record(1, "b", email=SECRET),
            record(2, "b", email="x"),
        ],
        contract_path=path,
        on_violation=stated,
    )
    assert ended.code == 0, ended.log
    assert (ended.stream("a")["quarantined"], ended.stream("b")["dropped"]) == (1, 1)


def test_a_contracts_own_preset_evolve_adds_the_schemas_columns(target: Target) -> None:
    own = [{"property": "dativo.onViolation", "value": "evolve"}]
    path = _contract(target.folder, ALL, customProperties=own)
    ended = target.run([schema(more={"type": "string"}), record(1, more="m")], contract_path=path)
    assert ended.code == 0, ended.log
    assert [(row["id"], row["more"]) for row in Tables(target.warehouse).rows("a")] == [(1, "m")]

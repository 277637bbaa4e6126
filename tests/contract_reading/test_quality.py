"""Quality rules: what becomes a row rule, what stays an aggregate, and with which threshold."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from target_dativo_iceberg.contract import (
    Check,
    CheckKind,
    Contract,
    ContractSet,
    Field,
    Rule,
    RuleKind,
    Severity,
    Threshold,
    load,
)
from tests.contract_reading.conftest import CONTRACTS, odcs

Make = Callable[..., Field]
Refusal = Callable[..., str]


@pytest.fixture(scope="module")
def tides() -> Contract:
    return load(CONTRACTS / "tide_quality.yaml").contracts[0]


def _field(contract: Contract, name: str) -> Field:
    return next(field for field in contract.fields if field.name == name)


def test_values_that_must_all_be_valid_are_row_rules(tides: Contract) -> None:
    assert _field(tides, "station").rules == (
        Rule("station-known", RuleKind.ENUM, ("HX", "PT", "NO")),
        Rule("gauges.station.pattern", RuleKind.PATTERN, "^[A-Z]+$", Severity.WARNING, "keep"),
        Rule("gauges.station.not_in", RuleKind.NOT_IN, ("", "n/a")),
    )
    assert _field(tides, "level_mm").rules == (
        Rule("gauges.level_mm.enum", RuleKind.ENUM, (1, 2, 3), Severity.WARNING),
    )


def test_null_values_that_must_be_none_make_the_property_required(tides: Contract) -> None:
    assert {field.name: field.required for field in tides.fields} == {
        "station": True,
        "level_mm": True,
        "measured_at": False,
    }


def test_every_other_threshold_is_an_aggregate_with_its_operator(tides: Contract) -> None:
    assert {(check.kind.value, check.fields, *_limits(check)) for check in tides.checks} == {
        ("missingValues", ("station",), "mustBeLessThan", (2,), "percent"),
        ("invalidValues", ("station",), "mustBeLessOrEqualTo", (10,), "rows"),
        ("duplicateValues", ("level_mm",), "mustNotBe", (100,), "rows"),
        ("sql", ("level_mm",), "mustBeBetween", (-500, 9000), "rows"),
        ("sql", ("level_mm",), "mustNotBeBetween", (1, 2), "rows"),
        ("nullValues", ("measured_at",), "mustBeLessThan", (5,), "percent"),
        ("nullValues", ("measured_at",), "mustBe", (0,), "rows"),
        ("rowCount", (), "mustBeGreaterThan", (10,), "rows"),
        ("rowCount", (), "mustBeGreaterOrEqualTo", (11,), "rows"),
        ("rowCount", (), "mustBeLessThan", (1000000,), "rows"),
        ("duplicateValues", ("station", "measured_at"), "mustBe", (0,), "rows"),
        ("sql", (), "mustBe", (True,), "rows"),
        ("sql", (), "mustNotBe", (99999,), "rows"),
        ("custom", (), None),
        ("text", (), None),
    }


def _limits(check: Check) -> tuple[object, ...]:
    found = check.threshold
    return (found.operator, found.values, found.unit) if found else (None,)


def test_checks_have_arguments_scopes_descriptions_and_ids_of_their_own(tides: Contract) -> None:
    by_id = {check.id: check for check in tides.checks}
    assert len(by_id) == len(tides.checks)
    assert by_id["enough rows"].description == "At least ten readings."
    assert by_id["gauges.rowCount.2"].scope == "table"
    assert by_id["gauges.level_mm.sql.2"].arguments == {"query": "SELECT min(${column}) FROM ${table}"}
    assert by_id["gauges.station.invalidValues"].arguments == {"validValues": ["HX", "PT"]}
    assert by_id["gauges.station.missingValues"].arguments == {"missingValues": ["", "n/a"]}
    assert by_id["gauges.custom"].arguments == {
        "engine": "greatExpectations",
        "implementation": {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}},
    }
    assert by_id["gauges.custom.2"].arguments["implementation"] == "checks for gauges: []"


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        *[(word, Severity.WARNING) for word in ("info", "warning", "WARN", "low", "Minor", "trivial")],
        *[(word, Severity.ERROR) for word in ("error", "critical", "major", "whatever")],
        ("", Severity.ERROR),
    ],
)
def test_a_few_words_of_severity_mean_warning(one: Callable[..., Contract], word: str, severity: Severity) -> None:
    made = one(
        "- {name: c, logicalType: string}",
        table=f"quality: [{{metric: rowCount, mustBeGreaterThan: 0, severity: '{word}'}}]\n",
    )
    assert made.checks[0].severity is severity


def test_missing_values_that_a_column_cannot_hold_need_no_rule(field: Make) -> None:
    made = field(
        "logicalType: integer, quality: [{metric: missingValues, arguments: {missingValues: ['', -1]}, mustBe: 0}]"
    )
    assert [(rule.kind, rule.argument) for rule in made.rules] == [(RuleKind.NOT_IN, (-1,))]


def test_rules_of_our_own_engine_have_a_severity_and_an_action(field: Make) -> None:
    made = field(
        "logicalType: integer, quality: [{type: custom, engine: dativo, id: sane, severity: warn, "
        "implementation: {minimum: 1, maximum: 9}, "
        "customProperties: [{property: onViolation, value: keep, vendor: dativo}]}]"
    )
    assert made.rules == (
        Rule("sane", RuleKind.MINIMUM, 1, Severity.WARNING, "keep"),
        Rule("sane.2", RuleKind.MAXIMUM, 9, Severity.WARNING, "keep"),
    )


def test_two_rules_of_one_kind_have_ids_that_differ(field: Make) -> None:
    made = field(
        "logicalType: string, logicalTypeOptions: {pattern: a}, "
        "quality: [{metric: invalidValues, arguments: {pattern: b}, mustBe: 0}]"
    )
    assert [rule.id for rule in made.rules] == ["t.c.pattern", "t.c.pattern.2"]


def test_a_rule_inside_a_list_that_counts_is_noted_and_not_checked(read: Callable[..., ContractSet]) -> None:
    quality = "quality: [{metric: nullValues, mustBeLessThan: 3}]"
    loaded = read(odcs(f"- {{name: c, logicalType: array, items: {{logicalType: string, {quality}}}}}"))
    assert [check.kind for check in loaded.contracts[0].checks] == [CheckKind.TEXT]
    assert any("inside a list or map is not checked" in note.message for note in loaded.notes)


def test_a_rule_inside_a_list_about_values_is_a_row_rule(field: Make) -> None:
    made = field(
        "logicalType: array, items: {logicalType: string, "
        "quality: [{metric: invalidValues, arguments: {validValues: [a]}, mustBe: 0}]}"
    )
    assert made.type.item is not None
    assert made.type.item.rules == (Rule("t.c[].enum", RuleKind.ENUM, ("a",)),)


def test_a_column_metric_on_an_object_is_noted_and_not_checked(read: Callable[..., ContractSet]) -> None:
    loaded = read(odcs("- {name: c, logicalType: string}", table="quality: [{metric: nullValues, mustBe: 0}]\n"))
    assert [check.kind for check in loaded.contracts[0].checks] == [CheckKind.TEXT]
    assert any("belongs to a property" in note.message for note in loaded.notes)


def test_a_threshold_keeps_exact_numbers(one: Callable[..., Contract]) -> None:
    made = one(
        "- {name: c, logicalType: string, quality: [{metric: nullValues, unit: '%', mustBeBetween: [0.10, 2.0]}]}",
    )
    assert made.checks[0].threshold == Threshold("mustBeBetween", (made.checks[0].threshold.values[0], 2), "percent")
    assert str(made.checks[0].threshold.values[0]) == "0.10"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("metric: nullValues, mustBeLessThan: 3, unit: furlongs", "the unit is not known"),
        (
            "metric: nullValues, mustBe: 0, customProperties: [{property: dativo.onViolation, value: drop}]",
            "dativo.onViolation of 'nullValues' has no effect",
        ),
    ],
)
def test_what_a_rule_says_without_effect_is_noted(read: Callable[..., ContractSet], rule: str, said: str) -> None:
    loaded = read(odcs(f"- {{name: c, logicalType: string, quality: [{{{rule}}}]}}"))
    assert [note.line for note in loaded.notes if said in note.message] == [9]


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("metric: nullValues, mustBeBetween: [1]", "'mustBeBetween' needs exactly two numbers"),
        ("metric: nullValues, mustBeBetween: [1, 2, 3]", "'mustBeBetween' needs exactly two numbers"),
        ("metric: nullValues, mustBeBetween: 3", "'mustBeBetween' needs exactly two numbers"),
        ("metric: nullValues, mustNotBeBetween: [a, b]", "'mustNotBeBetween' needs two numbers"),
        ("metric: nullValues, mustBeBetween: [9, 1]", "'mustBeBetween' has its larger number first"),
        ("metric: nullValues, mustBe: none", "'mustBe' needs a number"),
        ("metric: nullValues, mustBeLessThan: true", "'mustBeLessThan' needs a number"),
        ("metric: nullValues, mustBeGreater: 3", "operator 'mustBeGreater' is not known"),
        ("metric: nullValues, mustbe: 0", "operator 'mustbe' is not known"),
        ("metric: nullValues, mustBe: 0, mustBeLessThan: 4", "a rule has 2 operators, 'mustBe' and 'mustBeLessThan'"),
        ("metric: nullValue, mustBe: 0", "the metric is missing or not known"),
        ("type: library, mustBe: 0", "the metric is missing or not known"),
        ("type: librari, metric: nullValues, mustBe: 0", "the quality type is not known"),
        ("metric: rowCount", "metric 'rowCount' has no operator"),
        ("type: sql, mustBe: 0", "the SQL rule has no query"),
        ("type: sql, query: SELECT 1", "the rule has no operator"),
        ("metric: invalidValues, mustBe: 0", "metric 'invalidValues' does not say what is valid"),
        (
            "metric: invalidValues, mustBeLessThan: 3, arguments: {pattern: '(?=x)'}",
            "'pattern' cannot be run: RE2 has no look",
        ),
        ("metric: invalidValues, mustBe: 0, arguments: {validValues: [a, a]}", "allowed value 2 stands twice"),
        ("type: custom, engine: dativo", "engine 'dativo' has no implementation"),
        (
            "metric: nullValues, mustBe: 0, customProperties: [{property: dativo.scope, value: week}]",
            "dativo.scope has an unknown",
        ),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_refused(refusal: Refusal, rule: str, error: str) -> None:
    if "scope" in rule:
        rule = rule.replace("mustBe: 0", "mustBeLessThan: 3")
    said = refusal(odcs(f"- {{name: c, logicalType: string, quality: [{{{rule}}}]}}"))
    assert said.startswith("9: ")
    assert error in said


def test_an_object_rule_names_only_columns(refusal: Refusal) -> None:
    table = "quality: [{metric: duplicateValues, arguments: {properties: [naam]}, mustBe: 0}]\n"
    said = refusal(odcs("- {name: name, logicalType: string}", table=table))
    assert said.startswith("8: 'properties' names 'naam', which is no column")
    assert said.endswith("did you mean 'name'?")

"""Every row of the type table, as far as reading goes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from target_dativo_iceberg.contract import Contract, ContractSet, Field, Kind, RuleKind, Severity, load
from tests.contract_reading.conftest import CONTRACTS, odcs, spelled

Make = Callable[..., Field]
Refusal = Callable[..., str]

MATRIX = load(CONTRACTS / "type_matrix.yaml").contracts[0].fields


@pytest.mark.parametrize("column", MATRIX, ids=lambda column: f"{column.name}-{column.description}")
def test_each_property_of_the_matrix_becomes_the_type_it_describes(column: Field) -> None:
    assert spelled(column) == column.description


def test_the_matrix_has_more_than_seventy_properties_and_every_kind() -> None:
    kinds = {column.type.kind for column in MATRIX}
    assert len(MATRIX) > 70
    assert set(Kind) == kinds


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("i8", -128, 127),
        ("i16", -32768, 32767),
        ("i32", -(2**31), 2**31 - 1),
        ("i64", None, None),
        ("i128", None, None),
        ("u8", 0, 255),
        ("u16", 0, 65535),
        ("u32", 0, 2**32 - 1),
        ("u64", 0, 2**64 - 1),
        ("u128", 0, None),
    ],
)
def test_an_integer_format_brings_its_exact_bounds(field: Make, name: str, low: int | None, high: int | None) -> None:
    rules = {
        rule.kind: rule.argument
        for rule in field(f"logicalType: integer, logicalTypeOptions: {{format: {name}}}").rules
    }
    assert (rules.get(RuleKind.MINIMUM), rules.get(RuleKind.MAXIMUM)) == (low, high)


def test_the_tighter_of_format_and_option_bounds_stays(field: Make) -> None:
    made = field("logicalType: integer, logicalTypeOptions: {format: u8, minimum: 18, maximum: 1000}")
    assert {(rule.kind.value, rule.argument) for rule in made.rules} == {("minimum", 18), ("maximum", 255)}


def test_the_length_of_a_varchar_warns_and_the_option_of_the_same_name_does_not(field: Make) -> None:
    (implied,) = field("logicalType: string, physicalType: VARCHAR(20)").rules
    assert (implied.kind, implied.argument, implied.severity) == (RuleKind.MAX_LENGTH, 20, Severity.WARNING)
    (given,) = field("logicalType: string, physicalType: VARCHAR(20), logicalTypeOptions: {maxLength: 10}").rules
    assert (given.argument, given.severity) == (10, Severity.ERROR)


def test_a_vector_has_exactly_its_dimensions(field: Make) -> None:
    rules = field("logicalType: vector, logicalTypeOptions: {dimensions: 3}").rules
    assert {(rule.kind, rule.argument) for rule in rules} == {(RuleKind.MIN_ITEMS, 3), (RuleKind.MAX_ITEMS, 3)}


@pytest.mark.parametrize(
    ("keys", "version", "expected"),
    [
        ("logicalType: date, physicalType: timestamp(6)", "v3.0.2", "timestamptz naive=UTC"),
        ("logicalType: date, physicalType: TIMESTAMP_NTZ", "v3.0.0", "timestamp to=UTC"),
        (
            "logicalType: date, logicalTypeOptions: {format: yyyyMMddHHmmss}",
            "v3.0.1",
            "timestamptz naive=UTC (%Y%m%d%H%M%S)",
        ),
        (
            "logicalType: date, logicalTypeOptions: {format: 'YYYY-MM-DDTHH:mm:ss.SSSZ'}",
            "v3.0.2",
            "timestamptz naive=UTC",
        ),
        ("logicalType: date, logicalTypeOptions: {format: yyyy-MM-dd}", "v3.0.2", "date"),
        ("logicalType: date, physicalType: DATE", "v3.0.2", "date"),
        ("logicalType: date, physicalType: timestamp(6)", "v3.1.0", "date"),
    ],
)
def test_a_date_with_a_time_is_a_timestamp_up_to_30(field: Make, keys: str, version: str, expected: str) -> None:
    assert spelled(field(keys, version=version)) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("logicalType: varchar", "string"),
        ("logicalType: bigint", "long"),
        ("logicalType: 'decimal(10,2)'", "decimal(10,2)"),
        ("logicalType: string, physicalType: BIGINT", "string"),
        ("logicalType: integer, physicalType: 'DECIMAL(10,2)'", "long"),
        ("logicalType: integer, logicalTypeOptions: {format: int32}", "int"),
        ("logicalType: integer, logicalTypeOptions: {format: odd}", "long"),
        ("logicalType: number, logicalTypeOptions: {precision: 12, scale: 3}", "decimal(12,3)"),
        (
            "logicalType: timestamp, physicalType: TIMESTAMPTZ, logicalTypeOptions: {timezone: false}",
            "timestamptz naive=UTC",
        ),
        ("logicalType: string, physicalType: mystery", "string"),
        ("logicalType: string, physicalName: d", "string"),
        ("logicalType: number, logicalTypeOptions: {format: odd}", "double"),
        (
            "logicalType: map, map: {key: {physicalType: VARCHAR(2)}, value: {items: {physicalType: DATE}}}",
            "map<string, list<date>>",
        ),
    ],
)
def test_words_in_the_wrong_place_are_read_with_a_note(
    read: Callable[..., ContractSet], keys: str, expected: str
) -> None:
    loaded = read(odcs(f"- {{name: c, {keys}}}"))
    assert spelled(loaded.contracts[0].fields[0]) == expected
    assert [note for note in loaded.notes if "properties[0]" in note.path]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("customProperties: [{property: icebergType, vendor: dativo, value: timestamp}]", "timestamp to=UTC"),
        ("physicalType: 'ARRAY<INT>'", "json"),
        ("properties: [{name: a, logicalType: string}]", "struct<a: string>"),
        ("items: {physicalType: UUID}", "list<uuid>"),
        ("map: {key: {logicalType: integer}, value: {logicalType: object}}", "map<long, json>"),
    ],
)
def test_without_a_logical_type_the_other_keys_tell(field: Make, keys: str, expected: str) -> None:
    assert spelled(field(keys)) == expected


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        (
            "description: nothing",
            "property 'c' has no type (at schema[0].properties[0].name): add `logicalType:`, such as",
        ),
        (
            "logicalType: stringg",
            "logicalType 'stringg' is not known (at schema[0].properties[0].logicalType): did you mean 'string'?",
        ),
        ("logicalType: number, physicalType: 'DECIMAL(39,2)'", "a decimal of 39 digits cannot be stored"),
        ("logicalType: number, physicalType: 'NUMBER(40)'", "a decimal of 40 digits cannot be stored"),
        ("logicalType: number, physicalType: 'DECIMAL(4,5)'", "a decimal of 4 digits cannot have 5 after the point"),
        ("logicalType: number, physicalType: 'DECIMAL(0)'", "a decimal of 0 digits cannot be stored"),
        ("logicalType: string, physicalType: BINARY(0)", "a fixed length of 0 bytes holds nothing"),
        ("logicalType: date, logicalTypeOptions: {format: d/M/yyyy}", "the format holds 'd'"),
        ("logicalType: date, logicalTypeOptions: {format: QQQ yyyy}", "the format holds 'QQQ'"),
        ('logicalType: date, logicalTypeOptions: {format: "yyyy\'x"}', "the format holds a quote that is not closed"),
        ("logicalType: date, logicalTypeOptions: {format: dd/mm/yyyy}", "the format holds 'mm', which means minutes"),
        (
            "logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Mars/Base}",
            "defaultTimezone is not a known zone",
        ),
        (
            "logicalType: timestamp, logicalTypeOptions: {defaultTimezone: ../etc}",
            "defaultTimezone is not a known zone",
        ),
        (
            "logicalType: timestamp, logicalTypeOptions: {defaultTimezone: America}",
            "defaultTimezone is not a known zone",
        ),
        ("logicalType: timestamp, logicalTypeOptions: {timezone: maybe}", "'timezone' is not a boolean"),
        ("logicalType: map", "a map does not say what it holds"),
        ("logicalType: map, map: {key: {logicalType: string}}", "a map does not say what it holds"),
        (
            "logicalType: map, map: {key: {logicalType: object}, value: {logicalType: string}}",
            "a map's key is not a single value",
        ),
        ("logicalType: vector", "a vector does not say how many numbers it has"),
        ("logicalType: array, items: [string]", "'items' is not a mapping"),
        (
            "logicalType: string, customProperties: [{property: dativo.icebergType, value: varchar}]",
            "dativo.icebergType is not an",
        ),
        (
            "logicalType: array, customProperties: [{property: dativo.icebergType, value: long}]",
            "cannot hold a nested value",
        ),
        (
            "logicalType: string, physicalType: BLOB, customProperties: [{property: dativo.encoding, value: rot13}]",
            "dativo.encoding has",
        ),
    ],
)
def test_a_type_that_cannot_be_built_is_refused_at_its_line(refusal: Refusal, keys: str, error: str) -> None:
    said = refusal(odcs(f"- {{name: a, logicalType: string}}\n- {{name: c, {keys}}}"))
    assert said.startswith("10: ")
    assert error.replace("properties[0]", "properties[1]") in said


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("yyyy-MM-dd", ()),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", ()),
        ("ISO_8601", ()),
        ("dd/MM/yy", ("%d/%m/%y",)),
        ("EEE dd MMM yyyy hh:mm a", ("%a %d %b %Y %I:%M %p",)),
        ("yyyyMMdd'T'HHmmss.SSSSSSXXX", ("%Y%m%dT%H%M%S.%f%z",)),
        ("dd.MM.yyyy 'um' HH''mm 100%", ("%d.%m.%Y um %H'%M 100%%",)),
    ],
)
def test_jdk_patterns_become_strptime_patterns(field: Make, pattern: str, expected: tuple[str, ...]) -> None:
    text = pattern.replace("'", "''")
    made = field(f"logicalType: timestamp, logicalTypeOptions: {{format: '{text}'}}")
    assert made.type.formats == expected


def test_computed_properties_are_no_columns(one: Callable[..., Contract]) -> None:
    made = one("- {name: a, logicalType: string}\n- {name: m, logicalType: number, semanticType: measure}")
    assert [field.name for field in made.fields] == ["a"]


def test_nested_objects_keep_their_rules_and_flags() -> None:
    (calls,) = load(CONTRACTS / "harbour_nested.yaml").contracts
    ship = next(field for field in calls.fields if field.name == "ship")
    address = ship.type.fields[1].type.fields[1]
    assert (address.classification, address.type.fields[0].rules[0].id) == (
        "internal",
        "calls.ship.owner.address.country.pattern",
    )
    containers = next(field for field in calls.fields if field.name == "containers")
    assert containers.type.item is not None
    assert containers.type.item.required
    assert spelled(containers.type.item) == "struct<code: string required, seals: list<list<string required>>>"

"""Options, enums, keys, partitions and flags of properties."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from target_dativo_iceberg.contract import Contract, ContractSet, Field, Partition, RuleKind, load
from tests.contract_reading.conftest import CONTRACTS, odcs

Make = Callable[..., Field]
Refusal = Callable[..., str]


@pytest.mark.parametrize(
    ("keys", "kind", "argument"),
    [
        ("logicalType: string, logicalTypeOptions: {minLength: 2}", "minLength", 2),
        ("logicalType: string, logicalTypeOptions: {maxLength: 0}", "maxLength", 0),
        ("logicalType: string, logicalTypeOptions: {maxLength: 2.0}", "maxLength", 2),
        ("logicalType: time, logicalTypeOptions: {format: 'hh:mm a', minimum: 08:30 PM}", "minimum", "20:30:00"),
        ("logicalType: string, logicalTypeOptions: {pattern: 'a+'}", "pattern", "a+"),
        (r"logicalType: string, logicalTypeOptions: {pattern: '\u00e4'}", "pattern", r"\x{00e4}"),
        ("logicalType: string, logicalTypeOptions: {format: uuid}", "format", "uuid"),
        ("logicalType: string, logicalTypeOptions: {format: ipv6}", "format", "ipv6"),
        ("logicalType: integer, logicalTypeOptions: {minimum: -5}", "minimum", -5),
        ("logicalType: integer, logicalTypeOptions: {maximum: 2.5}", "maximum", Decimal("2.5")),
        ("logicalType: integer, logicalTypeOptions: {exclusiveMaximum: 10.0}", "exclusiveMaximum", 10),
        ("logicalType: integer, logicalTypeOptions: {multipleOf: 5}", "multipleOf", 5),
        ("logicalType: number, logicalTypeOptions: {exclusiveMinimum: 0.1}", "exclusiveMinimum", 0.1),
        ("physicalType: 'DECIMAL(38,9)', logicalTypeOptions: {minimum: 12345678901234567890.123456789}", "minimum",
         Decimal("12345678901234567890.123456789")),
        ("logicalType: date, logicalTypeOptions: {minimum: '2020-01-31'}", "minimum", "2020-01-31"),
        ("logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy, maximum: 31/01/2020}", "maximum", "2020-01-31"),
        ("logicalType: time, logicalTypeOptions: {minimum: '08:30'}", "minimum", "08:30:00"),
        ("logicalType: timestamp, logicalTypeOptions: {minimum: '2020-01-01T02:00:00+02:00'}", "minimum",
         "2020-01-01T00:00:00+00:00"),
        ("logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Asia/Tokyo, minimum: '2020-01-01'}", "minimum",
         "2019-12-31T15:00:00+00:00"),
        ("logicalType: timestamp, logicalTypeOptions: {timezone: false, maximum: '2020-01-01T00:00:00Z'}", "maximum",
         "2020-01-01T00:00:00"),
        ("logicalType: array, items: {logicalType: string}, logicalTypeOptions: {minItems: 1}", "minItems", 1),
        ("logicalType: array, items: {logicalType: string}, logicalTypeOptions: {uniqueItems: true}",
         "uniqueItems", True),
        ("logicalType: object, properties: [{name: a, logicalType: date}], logicalTypeOptions: {required: [a]}",
         "requiredProperties", ("a",)),
        ("logicalType: object, properties: [{name: a, logicalType: date}], logicalTypeOptions: {maxProperties: 1}",
         "maxProperties", 1),
        ("logicalType: string, enum: [{value: NO}, {value: 'yes'}, {value: 7}, {value: null}]",
         "enum", ("NO", "yes", "7")),
        ("logicalType: integer, enum: [{value: 1}, {value: '2'}, {value: 3.0}]", "enum", (1, 2, 3)),
        ("logicalType: number, enum: [{value: 1}, {value: 2.5}]", "enum", (1.0, 2.5)),
        ("physicalType: 'DECIMAL(4,2)', enum: [{value: 1.10}]", "enum", (Decimal("1.10"),)),
        ("logicalType: boolean, enum: [{value: true}]", "enum", (True,)),
        ("logicalType: date, enum: [{value: 2024-05-01}]", "enum", ("2024-05-01",)),
        ("physicalType: UUID, enum: [{value: 6F9619FF-8B86-D011-B42D-00C04FC964FF}]", "enum",
         ("6f9619ff-8b86-d011-b42d-00c04fc964ff",)),
        ("logicalType: string, enum: [a, b]", "enum", ("a", "b")),
        ("logicalType: string, logicalTypeOptions: {enum: [a, b]}", "enum", ("a", "b")),
    ],
)  # fmt: skip
def test_an_option_becomes_a_rule_in_the_form_of_its_column(
    field: Make, keys: str, kind: str, argument: object
) -> None:
    (rule,) = field(keys).rules
    assert (rule.kind, rule.argument, type(rule.argument)) == (RuleKind(kind), argument, type(argument))
    assert rule.id == f"t.c.{kind}"


@pytest.mark.parametrize(
    "keys",
    [
        "logicalType: string, logicalTypeOptions: {format: password}",
        "logicalType: string, logicalTypeOptions: {format: made-up}",
        "logicalType: boolean, logicalTypeOptions: {minLength: 1}",
        "logicalType: object, logicalTypeOptions: {minProperties: 1}",
        "logicalType: array, items: {logicalType: date}, logicalTypeOptions: {uniqueItems: false}",
        "logicalType: string, logicalTypeOptions: {}",
    ],
)
def test_an_option_without_effect_is_no_rule(field: Make, keys: str) -> None:
    assert field(keys).rules == ()


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        (
            "logicalType: string, logicalTypeOptions: {pattern: '(?=a)b'}",
            "'pattern' cannot be run: RE2 has no look-ahead",
        ),
        (
            "logicalType: string, logicalTypeOptions: {pattern: '(?<!a)b'}",
            "'pattern' cannot be run: RE2 has no look-ahead",
        ),
        (
            r"logicalType: string, logicalTypeOptions: {pattern: '(a)\1'}",
            "'pattern' cannot be run: RE2 has no back-references",
        ),
        (
            "logicalType: string, logicalTypeOptions: {pattern: 'a++'}",
            "'pattern' cannot be run: RE2 has no atomic groups",
        ),
        (
            "logicalType: string, logicalTypeOptions: {pattern: 'a{2000}'}",
            "'pattern' cannot be run: RE2 has no repetition of",
        ),
        (r"logicalType: string, logicalTypeOptions: {pattern: 'a\Z'}", "'pattern' cannot be run: RE2 has no `\\c`"),
        ("logicalType: string, logicalTypeOptions: {pattern: '['}", "'pattern' cannot be run: RE2 cannot read it"),
        ("logicalType: string, logicalTypeOptions: {minLength: -1}", "'minLength' is negative"),
        ("logicalType: string, logicalTypeOptions: {minLength: two}", "'minLength' is not a whole number"),
        (
            "logicalType: integer, logicalTypeOptions: {minimum: low}",
            "'minimum' is no limit for a column of type integer",
        ),
        ("logicalType: integer, logicalTypeOptions: {multipleOf: 0}", "'multipleOf' is not a number above 0"),
        ("logicalType: date, logicalTypeOptions: {minimum: soon}", "'minimum' is no limit for a column of type date"),
        (
            "logicalType: date, logicalTypeOptions: {minimum: '2020-01-01T10:00:00'}",
            "'minimum' is no limit for a column of type date",
        ),
        (
            "logicalType: timestamp, logicalTypeOptions: {minimum: '0001-01-01T00:00:00+10:00'}",
            "'minimum' is no limit for a",
        ),
        ("logicalType: string, enum: [{value: a}, {value: b}, {value: a}]", "allowed value 3 stands twice"),
        ("logicalType: integer, enum: [{value: 1}, {value: 1.0}]", "allowed value 2 stands twice"),
        (
            "logicalType: integer, enum: [{value: 1}, {value: x}]",
            "allowed value 2 can never stand in a column of type integer",
        ),
        ("logicalType: integer, enum: [{value: true}]", "allowed value 1 can never stand in a column of type integer"),
        ("logicalType: string, enum: [{label: a}]", "an enum entry has no value"),
        ("logicalType: string, enum: [{value: [a]}]", "allowed value 1 can never stand"),
        ("logicalType: integer, enum: [{value: 1.5}]", "allowed value 1 can never stand"),
        ("logicalType: boolean, enum: [{value: maybe}]", "allowed value 1 can never stand"),
        ("logicalType: object, enum: [{value: a}]", "allowed value 1 can never stand"),
        ("logicalType: integer, logicalTypeOptions: {multipleOf: two}", "'multipleOf' is not a number above 0"),
        ("logicalType: string, tags: [[a]]", "'tags' is not a list of single values"),
        ("logicalType: {a: b}", "'logicalType' is not a text"),
        ("logicalType: string, enum: {a: 1}", "'enum' is not a list"),
        (
            "logicalType: string, customProperties: [{property: dativo.onViolation, value: explode}]",
            "dativo.onViolation has an",
        ),
    ],
)
def test_an_argument_that_cannot_be_enforced_is_refused(refusal: Refusal, keys: str, error: str) -> None:
    said = refusal(odcs(f"- {{name: c, {keys}}}"))
    assert said.startswith("9: ")
    assert error in said


def test_a_doubled_enum_value_is_refused_on_its_own_line(refusal: Refusal) -> None:
    said = refusal(odcs("- name: c\n  logicalType: string\n  enum:\n    - value: a\n    - value: a"))
    assert said == ("13: allowed value 2 stands twice (at schema[0].properties[0].enum[1].value): keep one of the two")


def test_flags_and_words_of_a_property_are_kept() -> None:
    bookings = load(CONTRACTS / "everything.yaml").contracts[0]
    by_name = {field.name: field for field in bookings.fields}
    email = by_name["passenger_email"]
    assert (email.classification, email.critical, email.encrypted_name, email.tags, email.action) == (
        "restricted", True, "passenger_email_enc", ("pii", "contact"), "quarantine",
    )  # fmt: skip
    booking = by_name["booking_id"]
    assert (booking.description, booking.stable_id, booking.unique, booking.required) == (
        "Booking number", "prop_booking_id", True, True,
    )  # fmt: skip
    assert by_name["cabin"].deprecated


def test_spoken_booleans_count_and_are_noted(read: Callable[..., ContractSet]) -> None:
    loaded = read(odcs("- {name: c, logicalType: string, required: yes, unique: off}"))
    (made,) = loaded.contracts[0].fields
    assert (made.required, made.unique) == (True, False)
    assert [note.path for note in loaded.notes if note.level == "warning"] == [
        "schema[0].properties[0].required", "schema[0].properties[0].unique",
    ]  # fmt: skip


# ---- keys and partitions ----


def test_keys_follow_their_positions_then_their_order(one: Callable[..., Contract]) -> None:
    made = one(
        "- {name: z, logicalType: string, primaryKey: true}\n"
        "- {name: b, logicalType: integer, primaryKey: true, primaryKeyPosition: 2, required: true}\n"
        "- {name: a, logicalType: date, primaryKey: true, primaryKeyPosition: 1}\n"
        "- {name: n, logicalType: string, primaryKeyPosition: 1}"
    )
    assert made.primary_key == ("a", "b", "z")
    assert [field.required for field in made.fields] == [True, True, True, False]


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ("logicalType: number", "a column of type double cannot be in the primary key"),
        ("logicalType: number, physicalType: REAL", "a column of type float cannot be in the primary key"),
        (
            "logicalType: object, properties: [{name: a, logicalType: date}]",
            "a column of type struct cannot be in the primary key",
        ),
        ("logicalType: array, items: {logicalType: date}", "a column of type list cannot be in the primary key"),
        (
            "logicalType: map, map: {key: {logicalType: string}, value: {logicalType: string}}",
            "a column of type map cannot be in",
        ),
        ("logicalType: string, required: false", "a key column is not required"),
    ],
)
def test_an_unfit_key_is_refused(refusal: Refusal, keys: str, error: str) -> None:
    said = refusal(odcs(f"- {{name: c, primaryKey: true, {keys}}}"))
    assert said.startswith(f"9: {error}")


def test_a_key_inside_an_object_is_noted_and_ignored(read: Callable[..., ContractSet]) -> None:
    loaded = read(
        odcs("- {name: o, logicalType: object, properties: [{name: a, logicalType: date, primaryKey: true}]}")
    )
    assert loaded.contracts[0].primary_key == ()
    assert any("no effect inside an object" in note.message for note in loaded.notes)


@pytest.mark.parametrize(
    ("logical", "transform", "expected"),
    [
        ("string", "", "identity"),
        ("timestamp", "day", "day"),
        ("timestamp", "Hour", "hour"),
        ("date", "month", "month"),
        ("string", "bucket(16)", "bucket[16]"),
        ("integer", "truncate[ 10 ]", "truncate[10]"),
    ],
)
def test_a_partition_has_its_transform(
    one: Callable[..., Contract], logical: str, transform: str, expected: str
) -> None:
    custom = f", customProperties: [{{property: dativo.partitionTransform, value: '{transform}'}}]" if transform else ""
    made = one(f"- {{name: c, logicalType: {logical}, partitioned: true{custom}}}")
    assert made.partitions == (Partition("c", expected),)


def test_partitions_follow_their_positions() -> None:
    (calls,) = load(CONTRACTS / "harbour_nested.yaml").contracts
    assert calls.partitions == (Partition("arrived", "month"), Partition("harbour", "bucket[16]"))
    assert calls.primary_key == ("harbour", "call_no")


@pytest.mark.parametrize(
    ("logical", "transform"),
    [
        ("string", "day"),
        ("date", "hour"),
        ("number", "bucket[4]"),
        ("boolean", "truncate[2]"),
        ("string", "bucket"),
        ("string", "bucket[0]"),
        ("date", "day[3]"),
        ("date", "fortnight"),
        ("object, properties: [{name: a, logicalType: date}]", "identity"),
    ],
)
def test_a_transform_that_does_not_fit_is_refused(refusal: Refusal, logical: str, transform: str) -> None:
    custom = f"customProperties: [{{property: dativo.partitionTransform, value: '{transform}'}}]"
    said = refusal(odcs(f"- {{name: c, partitioned: true, {custom}, logicalType: {logical}}}"))
    assert said.startswith("9: ")
    assert "partition transform" in said


# ---- names ----


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (odcs("- logicalType: string"), "9: a property has no name (at schema[0].properties[0]): add `name:`"),
        (odcs("- {name: '', logicalType: string}"), "9: a property has no name"),
        (odcs('- {name: "a\\nb", logicalType: string}'), "9: a property's name holds a control character"),
        (odcs("- {name: id, logicalType: string}\n- {name: ID, logicalType: string}"),
         "10: name 'ID' differs from the one on line 9 by case at most"),
        (odcs("- {name: id, logicalType: string}\n- {name: id, logicalType: string}"),
         "10: name 'id' differs from the one on line 9 by case at most"),
        (odcs("- {name: o, properties: [{name: x, logicalType: date}, {name: X, logicalType: date}]}"),
         "9: name 'X' differs from the one on line 9 by case at most"),
        (odcs("- just text"), "9: an item of 'properties' is not a mapping"),
        (odcs("[]"), "8: object 't' has no properties"),
        (odcs("- {name: m, logicalType: number, semanticType: measure}"), "8: object 't' has no properties"),
        ("apiVersion: v3.1.0\nkind: DataContract\nschema: []\n", "3: the schema is empty"),
        ("apiVersion: v3.1.0\nkind: DataContract\nschema:\n  - physicalType: table\n    properties: []\n",
         "4: a schema object has no name"),
    ],
)  # fmt: skip
def test_names_that_cannot_be_used_are_refused(refusal: Refusal, text: str, error: str) -> None:
    assert refusal(text).startswith(error)

"""Each rewrite of older ODCS and of dativo's forms into the shape of 3.2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from target_dativo_iceberg.contract import Contract, ContractSet, Note, Partition, RuleKind, Severity, load
from target_dativo_iceberg.contract.reading.document import plain
from target_dativo_iceberg.contract.reading.normalise import FrontDoor, normalise
from target_dativo_iceberg.contract.reading.yaml_text import parse
from target_dativo_iceberg.errors import ContractError
from tests.contract_reading.conftest import CONTRACTS, odcs, spelled

Refusal = Callable[..., str]
FLAT = "schema: [{name: id, type: string}]\n"


def canonical(text: str) -> tuple[dict[str, Any], tuple[Note, ...]]:
    found = normalise(parse(text.encode(), "c.yaml"), "c.yaml")
    return plain(found.root), found.notes


def rules(quality: str, version: str = "v3.0.2") -> list[dict[str, Any]]:
    document, _ = canonical(odcs(f"- name: c\n  logicalType: number\n  quality: {quality}", version=version))
    found: list[dict[str, Any]] = document["schema"][0]["properties"][0]["quality"]
    return found


# ---- front doors ----


@pytest.mark.parametrize(
    ("name", "door"),
    [
        ("everything.yaml", FrontDoor.ODCS),
        ("lighthouse_30.yaml", FrontDoor.ODCS),
        ("orders_flat.yaml", FrontDoor.FLAT),
        ("files_wrapped.yaml", FrontDoor.WRAPPED),
    ],
)
def test_the_front_door_is_recognised(name: str, door: FrontDoor) -> None:
    assert normalise(parse((CONTRACTS / name).read_bytes(), name), name).door is door


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "name: a\nschema:\n  - {name: t, properties: []}\n  - {name: c, type: string}\n",
            "c.yaml:4: a dativo column stands among",
        ),
        ("asset: {name: a}\nschema: []\n", "c.yaml:2: 'schema' stands beside 'asset' (line 1)"),
        ("kind: DataProduct\nschema: []\n", "c.yaml:1: kind is 'DataProduct'"),
        ("kind: DataContract\nname: a\n", "c.yaml:1: the document has no 'schema'"),
        ("apiVersion: v2.2.2\nschema: []\n", "c.yaml:1: apiVersion 'v2.2.2' cannot be read"),
        ("apiVersion: v4.0.0\nschema: []\n", "c.yaml:1: apiVersion 'v4.0.0' cannot be read"),
        ("apiVersion: latest\nschema: []\n", "c.yaml:1: apiVersion 'latest' cannot be read"),
        ("asset:\n", "c.yaml:1: 'asset' is empty"),
        ("source_type: csv\nschema: [{type: string}]\n", "c.yaml:1: the contract names no object"),
        ("name: a\nschema:\n  - {type: string}\n", "c.yaml:3: a column has no name"),
    ],
)
def test_what_fits_no_front_door_is_refused(text: str, error: str) -> None:
    with pytest.raises(ContractError) as raised:
        canonical(text)
    assert str(raised.value).startswith(error)


def test_the_given_document_is_not_changed() -> None:
    for path in sorted(CONTRACTS.rglob("*.yaml")):
        raw = parse(path.read_bytes(), path.name)
        before = yaml.dump(plain(raw))
        normalise(raw, path.name)
        assert yaml.dump(plain(raw)) == before


def test_an_unquoted_version_stays_as_written() -> None:
    assert canonical("name: a\nversion: 1.10\n" + FLAT)[0]["version"] == "1.10"
    assert load(CONTRACTS / "buoys_newer_words.yaml").contracts[0].version == "3.10"


# ---- ODCS up to 3.0 ----


@pytest.mark.parametrize(
    ("quality", "expected"),
    [
        ("[{rule: duplicateCount, mustBeLessThan: 3}]", [{"metric": "duplicateValues", "mustBeLessThan": 3}]),
        ("[{rule: unique}]", [{"metric": "duplicateValues", "mustBe": 0}]),
        ("[{rule: unique, mustBe: true}]", [{"metric": "duplicateValues", "mustBe": 0}]),
        ("[{rule: nullCheck}]", [{"metric": "nullValues", "mustBe": 0}]),
        ("[{rule: nullCheck, mustBe: true}]", [{"metric": "nullValues", "mustBe": 0}]),
        (
            "[{rule: nullCheck, mustBeLessThan: 2, unit: percent}]",
            [{"metric": "nullValues", "mustBeLessThan": 2, "unit": "percent"}],
        ),
        ("[{rule: rowCount, mustBeGreaterThan: 1}]", [{"metric": "rowCount", "mustBeGreaterThan": 1}]),
        (
            "[{rule: validValues, validValues: [1, 2]}]",
            [{"metric": "invalidValues", "arguments": {"validValues": [1, 2]}, "mustBe": 0}],
        ),
        (
            "[{rule: nullCheck, mustBeGreaterThan: 1, mustBeLessThan: 9, id: n}]",
            [
                {"metric": "nullValues", "mustBeGreaterThan": 1, "id": "n-mustBeGreaterThan"},
                {"metric": "nullValues", "mustBeLessThan": 9, "id": "n-mustBeLessThan"},
            ],
        ),
    ],
)
def test_a_rule_becomes_a_metric(quality: str, expected: list[dict[str, Any]]) -> None:
    assert rules(quality) == [{"type": "library"} | rule for rule in expected]


@pytest.mark.parametrize(
    ("quality", "bounds"),
    [
        ("[{rule: range, mustBeBetween: [1, 9]}]", {"minimum": 1, "maximum": 9}),
        ("[{rule: range, mustBe: 4}]", {"minimum": 4, "maximum": 4}),
        ("[{rule: range, mustBeGreaterThan: 1, mustBeLessOrEqualTo: 9}]", {"exclusiveMinimum": 1, "maximum": 9}),
        ("[{rule: range, min: 1, max: 9}]", {"minimum": 1, "maximum": 9}),
        ("[{rule: range, arguments: {minimum: 1}}]", {"minimum": 1}),
    ],
)
def test_a_range_bounds_each_value(quality: str, bounds: dict[str, int]) -> None:
    assert rules(quality) == [{"type": "custom", "engine": "dativo", "implementation": bounds}]


def test_a_range_keeps_its_severity_as_a_row_rule() -> None:
    (log,) = load(CONTRACTS / "lighthouse_30.yaml").contracts
    (range_nm,) = (field for field in log.fields if field.name == "range_nm")
    assert {(rule.kind, rule.argument, rule.severity) for rule in range_nm.rules} == {
        (RuleKind.EXCLUSIVE_MINIMUM, 0.0, Severity.ERROR),
        (RuleKind.MAXIMUM, 30.0, Severity.ERROR),
        (RuleKind.MINIMUM, 5.0, Severity.WARNING),
        (RuleKind.MAXIMUM, 29.0, Severity.WARNING),
    }


@pytest.mark.parametrize(
    "quality", ["[{rule: freshness, mustBe: 1}]", "[{rule: validValues, validValues: [1], mustBeGreaterThan: 99}]"]
)
def test_an_unknown_rule_is_text_with_a_warning(quality: str) -> None:
    document, notes = canonical(odcs(f"- name: c\n  logicalType: number\n  quality: {quality}", version="v3.0.2"))
    assert document["schema"][0]["properties"][0]["quality"][0]["type"] == "text"
    assert [note.line for note in notes if "it is not enforced" in note.message] == [11]


@pytest.mark.parametrize("operator", ["mustNotBe: 3", "mustBeBetween: [1, 2, 3]", "severity: low"])
def test_a_range_without_bounds_is_refused(refusal: Refusal, operator: str) -> None:
    text = odcs(f"- {{name: c, logicalType: number, quality: [{{rule: range, {operator}}}]}}", version="v3.0.2")
    assert refusal(text).startswith("9: rule 'range'")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            "metric: invalidValues, arguments: null, pattern: a",
            {"metric": "invalidValues", "arguments": {"pattern": "a"}},
        ),
        (
            "metric: missingValues, missingValues: ['']",
            {"metric": "missingValues", "arguments": {"missingValues": [""]}},
        ),
        ("metric: nullValues, arguments: null", {"metric": "nullValues"}),
    ],
)
def test_arguments_move_to_their_place_and_zero_is_the_default(rule: str, expected: dict[str, Any]) -> None:
    assert rules(f"[{{{rule}}}]", "v3.1.0") == [{"type": "library", "mustBe": 0} | expected]


@pytest.mark.parametrize(
    ("rule", "type_"),
    [
        ("query: SELECT 1, mustBe: 1", "sql"),
        ("engine: soda, implementation: x", "custom"),
        ("description: look", "text"),
    ],
)
def test_a_rule_without_type_has_the_one_its_keys_say(rule: str, type_: str) -> None:
    assert rules(f"[{{{rule}}}]")[0]["type"] == type_


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("{minimum: 0, exclusiveMinimum: true}", {"exclusiveMinimum": 0}),
        ("{maximum: 9, exclusiveMaximum: true, minimum: 1}", {"exclusiveMaximum": 9, "minimum": 1}),
        ("{minimum: 0, exclusiveMinimum: false}", {"minimum": 0}),
        ("{exclusiveMinimum: 3}", {"exclusiveMinimum": 3}),
        ("{exclusiveMinimum: true, maximum: 3}", {"maximum": 3}),
    ],
)
def test_exclusive_bounds_become_numbers(options: str, expected: dict[str, Any]) -> None:
    text = odcs(f"- {{name: c, logicalType: number, logicalTypeOptions: {options}}}", version="v3.0.2")
    assert canonical(text)[0]["schema"][0]["properties"][0]["logicalTypeOptions"] == expected


def test_a_team_list_becomes_members_and_the_default_element_moves() -> None:
    document, _ = canonical((CONTRACTS / "lighthouse_30.yaml").read_text())
    assert [member["username"] for member in document["team"]["members"]] == ["nils", "tove"]
    assert document["slaProperties"][0]["element"] == "log.lit_at"
    assert "slaDefaultElement" not in document


def test_custom_properties_and_description_in_other_shapes_are_read(read: Callable[..., ContractSet]) -> None:
    root = "description: What it is\ncustomProperties: {dativo.evolution: relaxed}\ntags: one\n"
    (made,) = read(odcs("- {name: c, logicalType: date}", root=root)).contracts
    assert (made.description, made.policies) == ("What it is", {"evolution": "relaxed"})


# ---- dativo ----


def test_the_types_of_the_flat_form() -> None:
    (orders,) = load(CONTRACTS / "orders_flat.yaml").contracts
    assert {field.name: spelled(field) for field in orders.fields} == {
        "id": "long",
        "code": "string",
        "buyer_email": "string",
        "total": "decimal(18,2)",
        "weight": "double",
        "items_count": "long",
        "gift": "boolean",
        "ordered_on": "date",
        "ordered_at": "timestamp to=UTC",
        "changed_at": "timestamp to=UTC",
        "extra": "json",
        "untyped": "string",
    }


@pytest.mark.parametrize(
    ("type_", "hint"),
    [
        ("decimal", "give its digits, such as decimal(18,2)"),
        ("blob", "use one of array, bigint"),
        ("integr", "did you mean 'integer'?"),
        ("xyzzy", "use one of array, bigint"),
        ("'decimal(39,2)'", "give 1 to 38 digits"),
    ],
)
def test_a_type_that_dativo_does_not_have_is_refused(refusal: Refusal, type_: str, hint: str) -> None:
    said = refusal(f"name: a\nversion: '1'\nschema:\n  - {{name: c, type: {type_}}}\n")
    assert said.startswith("4: ")
    assert hint in said


def test_the_flat_form_names_stream_and_table() -> None:
    (orders,) = load(CONTRACTS / "orders_flat.yaml").contracts
    assert (orders.name, orders.physical_name, orders.domain, orders.primary_key) == (
        "orders",
        "shop_orders",
        "sales",
        ("id",),
    )
    assert orders.api_version == "v3.0.2"


def test_the_flat_form_names_its_table_whatever_the_tap_calls_the_stream(read: Callable[..., ContractSet]) -> None:
    text = "name: accounts\nversion: '1'\nobject: accounts\nschema: [{name: id, type: integer}]\n"
    (accounts,) = read(text).contracts
    assert (accounts.name, accounts.physical_name) == ("accounts", "accounts")


def test_options_beside_a_flat_column_are_rules() -> None:
    (orders,) = load(CONTRACTS / "orders_flat.yaml").contracts
    assert [(rule.kind, rule.argument) for rule in orders.fields[1].rules] == [(RuleKind.PATTERN, "^[A-Z]+-[0-9]+$")]


def test_dativos_extra_keys_have_their_place_in_odcs() -> None:
    document, _ = canonical((CONTRACTS / "orders_flat.yaml").read_text())
    assert document["team"]["members"] == [
        {"username": "shop-data@example.invalid", "role": "owner"},
        {"username": "ann@example.invalid", "name": "Ann", "description": "on call"},
    ]
    assert document["slaProperties"] == [{"property": "retention", "value": 0, "unit": "d"}]
    assert document["tags"] == ["shop", "regulation:GDPR", "regulation:PCI"]
    assert [channel["channel"] for channel in document["support"]] == ["shop-oncall", "slack", "mail"]
    assert {custom["property"]: custom["vendor"] for custom in document["customProperties"]} == dict.fromkeys(
        ("usualCoercion", "compliance", "target", "source_type", "object", "change_management", "finops"), "dativo"
    )
    assert [rule["type"] for rule in document["schema"][0]["quality"]] == ["sql", "sql", "custom", "text"]
    assert not {"team.owner", "compliance", "data_quality", "finops", "target", "$schema"} & document.keys()


def test_the_target_block_sets_partitions_and_policies() -> None:
    loaded = load(CONTRACTS / "orders_flat.yaml")
    (orders,) = loaded.contracts
    assert [partition.field for partition in orders.partitions] == ["ordered_on", "ingest_date"]
    assert (orders.policies["evolution"], orders.policies["partition_by"]) == ("relaxed", ["ordered_on", "ingest_date"])
    assert not any("partitioning" in note.message for note in loaded.notes)


def test_the_target_block_takes_transforms_and_notes_what_is_no_column(read: Callable[..., ContractSet]) -> None:
    flat = "name: a\nschema: [{name: c, type: date}, {name: d, type: string}]\n"
    loaded = read(f"{flat}target: {{partitioning: ['bucket[4](d)', month(c), e, 'day(f)']}}\n")
    assert loaded.contracts[0].partitions == (Partition("d", "bucket[4]"), Partition("c", "month"))
    said = [note.message for note in loaded.notes if "partitioning" in note.message]
    assert said == [f"'partitioning' names '{text}', which is no column here" for text in ("e", "day(f)")]


def test_the_wrapper_is_hoisted_and_governance_replaces_compliance() -> None:
    (made,) = load(CONTRACTS / "files_wrapped.yaml").contracts
    assert (made.name, made.version, made.domain) == ("files", "1.0", "office")
    assert made.properties["governance.retention_days"] == "30"
    assert made.properties["governance.owner"] == "office@example.invalid"
    assert made.properties["classification.default"] == "internal"


def test_keys_beside_the_wrapper_are_kept() -> None:
    document, _ = canonical("asset: {name: a, schema: [{name: c, type: date}]}\nversion: '2'\nstatus: draft\n")
    assert (document["version"], document["status"]) == ("2", "draft")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("team: {roles: [{name: Ann}]}", "'team' has no owner"),
        ("data_quality: {monitoring: {enabled: true}}", "monitoring is enabled without an 'oncall_rotation'"),
    ],
)
def test_what_dativo_demands_and_is_missing_is_noted(keys: str, said: str) -> None:
    assert any(note.message == said for note in canonical(f"name: a\n{keys}\n{FLAT}")[1])


def test_an_id_is_made_from_domain_and_name_and_stays() -> None:
    ids = {canonical(f"domain: {domain}\nname: {name}\n{FLAT}")[0]["id"] for domain, name in ["ab", "ac", "bc", "ab"]}
    assert len(ids) == 3
    assert canonical(f"id: mine\nname: a\n{FLAT}")[0]["id"] == "mine"


def test_dativos_keys_in_an_odcs_document_are_read_with_a_warning(read: Callable[..., ContractSet]) -> None:
    loaded = read(odcs("- {name: c, logicalType: date}", root="compliance: {retention_days: 7}\nteam: {owner: me}\n"))
    assert loaded.contracts[0].properties["governance.retention_days"] == "7"
    assert loaded.contracts[0].properties["governance.owner"] == "me"
    assert any("'compliance' is not part of ODCS" in note.message for note in loaded.notes)


# ---- the canonical form ----


@pytest.mark.parametrize("name", sorted(p.relative_to(CONTRACTS).as_posix() for p in CONTRACTS.rglob("*.yaml")))
def test_the_canonical_form_says_the_same_as_the_document(read: Callable[..., ContractSet], name: str) -> None:
    document, _ = canonical((CONTRACTS / name).read_text())
    again = read(yaml.safe_dump(document, sort_keys=False, allow_unicode=True)).contracts
    assert [_said(contract) for contract in again] == [_said(contract) for contract in load(CONTRACTS / name).contracts]


def _said(contract: Contract) -> tuple[object, ...]:
    properties = {k: v for k, v in contract.properties.items() if k not in ("contract.sha256", "contract.api-version")}
    return (
        contract.name, contract.physical_name, contract.fields, contract.primary_key, contract.partitions,
        contract.checks, contract.description, contract.id, contract.version, contract.status, contract.domain,
        contract.policies, properties,
    )  # fmt: skip

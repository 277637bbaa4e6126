from __future__ import annotations

from collections.abc import Callable

import pytest

from target_dativo_iceberg.contract import ContractSet, RuleKind
from tests.contract_reading.conftest import odcs

Reader = Callable[..., ContractSet]
Refusal = Callable[..., str]
COLUMN = "- {name: c, logicalType: string}"
FLAT = "name: a\nversion: '1'\ndescription: {purpose: 'for ${TEAM}'}\nschema:\n  - {name: c, type: string}\n"


@pytest.mark.parametrize(
    ("written", "environ", "expanded"),
    [
        ("${TEAM}", {"TEAM": "blue"}, "blue"),
        ("for ${TEAM}s and ${TEAM}", {"TEAM": "us"}, "for uss and us"),
        ("${TEAM:-red}", {}, "red"),
        ("${TEAM:-red}", {"TEAM": ""}, "red"),
        ("${TEAM:-red}", {"TEAM": "blue"}, "blue"),
        ("${TEAM:-}x", {}, "x"),
        ("${TEAM}", {"TEAM": "${OTHER}"}, "${OTHER}"),
        ("$TEAM ${1} ${} {TEAM}", {}, "$TEAM ${1} ${} {TEAM}"),
    ],
)
def test_references_are_replaced_once(read: Reader, written: str, environ: dict[str, str], expanded: str) -> None:
    text = odcs(COLUMN, root=f"description: {{purpose: '{written}'}}\n")
    assert read(text, **environ).contracts[0].description == expanded


@pytest.mark.parametrize("environ", [{}, {"TEAM": ""}])
def test_an_unset_variable_is_refused_with_its_name_line_and_path(refusal: Refusal, environ: dict[str, str]) -> None:
    text = odcs(COLUMN, root="servers:\n  - {server: s, type: api, host: 'x${TEAM}'}\n")
    assert refusal(text, **environ) == (
        "7: variable TEAM is not set (at servers[0].host): set TEAM, or write ${TEAM:-default}"
    )


def test_dativos_forms_have_variables(read: Reader, refusal: Refusal) -> None:
    assert read(FLAT, TEAM="blue").contracts[0].description == "for blue"
    assert refusal(FLAT).startswith("3: variable TEAM is not set")
    wrapped = "asset:\n  name: '${TEAM}_files'\n  schema: [{name: c, type: string}]\n"
    assert read(wrapped, TEAM="blue").contracts[0].properties["asset.name"] == "blue_files"


@pytest.mark.parametrize("version", ["v3.0.2", "v3.1.0"])
def test_before_32_there_are_no_variables(read: Reader, version: str) -> None:
    text = odcs(COLUMN, version=version, root="description: {purpose: 'costs ${TEAM}'}\n")
    assert read(text).contracts[0].description == "costs ${TEAM}"


def test_a_query_keeps_its_built_in_names(read: Reader, refusal: Refusal) -> None:
    query = "SELECT ${column}, {field} FROM ${table} t, ${object}, ${schema}.${model} WHERE ${property} > ${LIMIT:-3}"
    text = odcs(COLUMN, table=f"quality:\n  - {{type: sql, query: '{query}', mustBe: 0}}\n")
    assert read(text).contracts[0].checks[0].arguments["query"] == query.replace("${LIMIT:-3}", "3")
    assert "variable table is not set" in refusal(odcs(COLUMN, root="domain: ${table}\n"))


def test_a_number_or_boolean_may_come_from_a_variable(read: Reader) -> None:
    text = odcs(
        "- {name: c, logicalType: string, required: '${NEEDED}', logicalTypeOptions: {maxLength: '${LENGTH}'}}\n"
        "- {name: d, logicalType: integer, logicalTypeOptions: {minimum: '${LOW:-5}'}}"
    )
    first, second = read(text, NEEDED="true", LENGTH="12").contracts[0].fields
    assert (first.required, first.rules[0].argument) == (True, 12)
    assert (second.rules[0].kind, second.rules[0].argument) == (RuleKind.MINIMUM, 5)


def test_messages_show_the_reference_not_the_value(refusal: Refusal) -> None:
    said = refusal(odcs("- {name: c, logicalType: '${SECRET}'}"), SECRET="hunter2")
    assert "logicalType '${SECRET}' is not known" in said
    assert "hunter2" not in said

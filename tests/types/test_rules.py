"""What a column's type does not say: required, keys, allowed values, bounds in time, uniqueness."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.types.through import Case, Lake, No, check, many, quick, quoted

_STRING = {"type": ["null", "string"]}
_NUMBER = {"type": ["null", "number"]}
_ANY_NUMBER = {"type": ["null", "number", "string"]}


def test_a_required_value_may_be_neither_null_nor_absent(lake: Lake) -> None:
    missing = No("missing_required")
    cases = [Case("1", 1), Case("null", missing), Case(None, missing), Case("0", 0), Case('"x"', No())]
    read = check(lake, {"logicalType": "integer", "required": True}, cases, "long", sent={"type": ["null", "integer"]})
    assert read.table.schema().find_field("c").required


def test_key_columns_are_the_identifiers_in_their_order(lake: Lake) -> None:
    column = {"logicalType": "string", "primaryKey": True, "primaryKeyPosition": 1}
    read = check(lake, column, [Case(quoted(str(n)), str(n)) for n in range(40)], "string", sent=_STRING)
    schema = read.table.schema()
    assert schema.identifier_field_names() == {"c"}
    assert schema.find_field("c").required


# ---- allowed values ----


@pytest.mark.parametrize("how", ["enum", "options.enum", "invalidValues", "rule"])
@quick(2)
@given(many(st.sampled_from(["new", "paid", "NEW", "new ", "", "sent"]).map(lambda t: Case(quoted(t), t))))
def test_a_text_is_one_of_those_allowed(lake: Lake, how: str, cases: list[Case]) -> None:
    values = ["new", "paid"]
    column: dict[str, Any] = {"logicalType": "string"}
    column |= {
        "enum": {"enum": [{"value": v} for v in values]},
        "options.enum": {"logicalTypeOptions": {"enum": values}},
        "invalidValues": {"quality": [{"metric": "invalidValues", "arguments": {"validValues": values}, "mustBe": 0}]},
        "rule": {"quality": [{"rule": "validValues", "validValues": values}]},
    }[how]
    judged = [c if c.expected in values else Case(c.text, No("constraint")) for c in cases]
    check(
        lake,
        column,
        [*judged, Case("null", None)],
        "string",
        sent=_STRING,
        version="v3.0.2" if how == "rule" else "v3.2.0",
    )


@pytest.mark.parametrize(
    ("logical", "more", "iceberg", "make"),
    [
        ("integer", {}, "long", int),
        ("number", {}, "double", float),
        ("number", {"physicalType": "DECIMAL(6,2)"}, "decimal(6, 2)", lambda n: Decimal(n).quantize(Decimal("0.01"))),
    ],
)
@quick(2)
@given(many(st.integers(-3, 4).map(lambda n: Case(str(n), n)), Case("2.0", 2), Case("2", 2), Case("1e0", 1)))
def test_numbers_are_compared_by_value(
    lake: Lake, logical: str, more: dict[str, Any], iceberg: str, make: Any, cases: list[Case]
) -> None:
    column = {"logicalType": logical, "enum": [{"value": 1}, {"value": 2.0}, {"value": 4}], **more}
    judged = [Case(c.text, make(c.expected) if c.expected in (1, 2, 4) else No("constraint")) for c in cases]
    check(lake, column, [*judged, Case("true", No()), Case('"2.0"', make(2))], iceberg, sent=_ANY_NUMBER)


def test_a_boolean_is_no_number(lake: Lake) -> None:
    column = {"logicalType": "boolean", "enum": [{"value": True}]}
    cases = [Case("true", True), Case("false", No("constraint")), Case("1", No())]
    check(lake, column, cases, "boolean", sent={"type": "boolean"})


# ---- bounds in time ----

_LOW, _HIGH = datetime(2024, 1, 5, 10, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
_NEAR = st.integers(-10, 10).map(timedelta)


@quick(2)
@given(
    many(
        st.builds(lambda at, by: at + by, st.sampled_from([_LOW, _HIGH]), _NEAR).map(
            lambda m: Case(quoted(m.isoformat()), m)
        )
    )
)
def test_instants_keep_their_bounds(lake: Lake, cases: list[Case]) -> None:
    options = {"minimum": "2024-01-05T12:00:00+02:00", "exclusiveMaximum": "2024-03-01T00:00:00Z"}
    edges = [Case(quoted(m.isoformat()), m) for m in (_LOW, _HIGH, _LOW - timedelta(microseconds=1))]
    judged = [c if _LOW <= c.expected < _HIGH else Case(c.text, No("constraint")) for c in [*cases, *edges]]
    check(lake, {"logicalType": "timestamp", "logicalTypeOptions": options}, judged, "timestamptz", sent=_STRING)


@quick(2)
@given(
    many(
        st.integers(-5, 5).map(lambda n: date(2024, 1, 5) + timedelta(n)).map(lambda d: Case(quoted(d.isoformat()), d))
    )
)
def test_dates_keep_their_bounds(lake: Lake, cases: list[Case]) -> None:
    options = {"exclusiveMinimum": "2024-01-02", "maximum": "2024-01-08"}
    judged = [c if date(2024, 1, 2) < c.expected <= date(2024, 1, 8) else Case(c.text, No("constraint")) for c in cases]
    check(lake, {"logicalType": "date", "logicalTypeOptions": options}, judged, "date", sent=_STRING)


@quick(2)
@given(many(st.times(time(8), time(19)).map(lambda t: Case(quoted(t.isoformat()), t.replace(fold=0)))))
def test_times_keep_their_bounds(lake: Lake, cases: list[Case]) -> None:
    options = {"minimum": "09:00:00", "maximum": "17:30:00"}
    judged = [c if time(9) <= c.expected <= time(17, 30) else Case(c.text, No("constraint")) for c in cases]
    check(lake, {"logicalType": "time", "logicalTypeOptions": options}, judged, "time", sent=_STRING)


# ---- uniqueness ----


@quick(2)
@given(st.lists(st.integers(0, 60), min_size=40, max_size=60))
def test_a_unique_value_stays_once_in_a_run(lake: Lake, numbers: list[int]) -> None:
    seen: set[int] = set()
    cases = []
    for number in numbers:
        cases.append(Case(str(number), No("duplicate_key") if number in seen else number))
        seen.add(number)
    check(lake, {"logicalType": "integer", "unique": True}, cases, "long", sent=_NUMBER)

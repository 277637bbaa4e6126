"""Library metrics over real rows: what counts, in which unit, over which batches."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from target_dativo_iceberg.contract.model import CheckKind
from target_dativo_iceberg.errors import ContractError, DativoError
from tests.quality.conftest import WARNING, Judge, check

NULLS, MISSING = CheckKind.NULL_VALUES, CheckKind.MISSING_VALUES
INVALID, DUPLICATES, COUNT = CheckKind.INVALID_VALUES, CheckKind.DUPLICATE_VALUES, CheckKind.ROW_COUNT
NAMES = [{"name": n} for n in ("a", None, "", "b", "a", None, "n/a")]


@pytest.mark.parametrize(
    ("one", "counted"),
    [
        (check(NULLS, "name"), 2),
        (check(MISSING, "name"), 3),
        (check(MISSING, "name", arguments={"missingValues": [None, "", "n/a"]}), 4),
        (check(MISSING, "name", arguments={"missingValues": ["n/a"]}), 1),
        (check(MISSING, "name", arguments={"missingValues": [None]}), 2),
        (check(MISSING, "name", arguments={"missingValues": []}), 0),
        (check(INVALID, "name", arguments={"validValues": ["a", "b", ""]}), 1),
        (check(INVALID, "name", arguments={"validValues": ["a", None]}), 3),
        (check(INVALID, "name", arguments={"pattern": "^[a-z]$"}), 2),
        (check(INVALID, "name", arguments={"validValues": ["a", "n/a"], "pattern": "^[a-z]$"}), 3),
        (check(DUPLICATES, "name"), 1),
        (check(COUNT), 7),
    ],
)
def test_a_metric_counts_the_rows_it_is_about(judge: Judge, one: Any, counted: int) -> None:
    whole, parts = judge(one, NAMES), judge(one, NAMES[:3], [], NAMES[3:])
    assert (whole.measured, whole.rows) == (counted, 7)
    assert (parts.measured, parts.rows) == (counted, 7)
    assert whole.failed_rows == (None if one.kind is COUNT else counted)


@pytest.mark.parametrize(
    ("column", "missing", "values", "counted"),
    [
        ("id", [None, -1, "0", "n/a"], [1, -1, None, 0], 3),
        ("amount", ["", "0.00", 9.5], [Decimal("0.00"), Decimal("9.50"), None], 2),
        ("day", ["1900-01-01", None, "never"], [date(1900, 1, 1), None, date(2024, 1, 1)], 2),
        ("ratio", [0], [0.0, -0.5, None], 1),
        ("ref", [None], [None, b"0" * 16], 1),
        ("tags", [None], [None, [], ["a"]], 1),
    ],
)
def test_missing_values_are_read_in_the_type_of_their_column(
    judge: Judge, column: str, missing: list[Any], values: list[Any], counted: int
) -> None:
    one = check(MISSING, column, arguments={"missingValues": missing})
    assert judge(one, [{column: value} for value in values]).measured == counted


def test_metrics_reach_members_of_objects(judge: Judge) -> None:
    places = [{"place": p} for p in ({"city": "x"}, {"city": None}, None, {"city": "x"}, {"zip": "1"})]
    assert judge(check(NULLS, "place.city"), places).measured == 3
    assert judge(check(DUPLICATES, "place.city"), places).measured == 1
    assert judge(check(INVALID, "place.city", arguments={"validValues": ["y"]}), places).measured == 2


@pytest.mark.parametrize(
    ("columns", "counted"), [(("id",), 3), (("id", "name"), 1), (("id", "name", "place.zip"), 0), (("name", "day"), 0)]
)
def test_duplicates_are_rows_that_repeat_all_columns_with_values(
    judge: Judge, columns: tuple[str, ...], counted: int
) -> None:
    pairs = [(1, "a"), (1, "a"), (1, "b"), (1, None), (2, "a"), (None, "a"), (None, "a")]
    records = [{"id": i, "name": n, "place": {"zip": str(row)}} for row, (i, n) in enumerate(pairs)]
    expected = {("id",): 3}.get(columns, counted)
    assert judge(check(DUPLICATES, *columns), records).measured == expected
    assert judge(check(DUPLICATES, *columns), *[[record] for record in records]).measured == expected
    by_argument = check(DUPLICATES, arguments={"properties": list(columns)})
    assert judge(by_argument, records).measured == expected


def test_percent_is_of_the_accepted_rows_and_exact(judge: Judge) -> None:
    third = check(NULLS, "name", op="mustBeLessThan", limits=(Decimal("28.58"),), unit="percent")
    result = judge(third, NAMES, rejected=9)
    assert result.status == "pass"
    assert result.measured == pytest.approx(200 / 7)
    assert (result.rows, result.failed_rows) == (7, 2)
    assert "9 rejected rows are not counted" in result.reason
    assert judge(check(NULLS, "name", limits=(50,), unit="percent"), NAMES[:2]).status == "pass"


@pytest.mark.parametrize("one", [check(NULLS, "name", unit="percent"), check(DUPLICATES, "name"), check(COUNT)])
def test_no_rows_are_no_failed_rows(judge: Judge, one: Any) -> None:
    for result in (judge(one), judge(one, [], [])):
        assert (result.status, result.measured, result.rows) == ("pass", 0, 0)


def test_severity_decides_between_fail_and_warn(judge: Judge) -> None:
    failed, warned = judge(check(NULLS, "name"), NAMES), judge(check(NULLS, "name", severity=WARNING), NAMES)
    assert (failed.status, warned.status) == ("fail", "warn")
    assert judge(check(NULLS, "id", limits=(7,), severity=WARNING), NAMES).status == "pass"


def test_texts_and_engines_of_other_tools_are_reported_as_skipped(judge: Judge) -> None:
    for kind in (CheckKind.TEXT, CheckKind.CUSTOM):
        result = judge(check(kind, description="names are nice"), NAMES)
        assert (result.status, result.measured, result.description) == ("skip", None, "names are nice")
        assert result.reason


def test_results_name_no_value_of_a_record(judge: Judge) -> None:
    canaries = [{"name": "canary-51c"}, {"name": "canary-51c"}]
    for one in (
        check(DUPLICATES, "name"),
        check(INVALID, "name", arguments={"validValues": ["a"]}),
        check(NULLS, "id"),
    ):
        result = judge(one, canaries)
        assert result.status == "fail"
        assert "canary" not in repr(result)


@pytest.mark.parametrize(
    "one",
    [
        check(NULLS, "nope"),
        check(NULLS, "place.nope"),
        check(NULLS),
        check(INVALID, "id", arguments={"pattern": "a"}),
        check(INVALID, "name", arguments={"pattern": "(?=a)"}),
        check(INVALID, "name"),
        check(DUPLICATES),
        check(DUPLICATES, "id", "nope"),
        check(COUNT, unit="percent"),
        check(COUNT, limits=()),
        check(COUNT, op="mustBeNice"),
        check(COUNT, op="mustBeBetween", limits=(1,)),
        check(COUNT, limits=("many",)),
    ],
)
def test_a_check_that_cannot_be_taken_is_refused_before_any_row(judge: Judge, one: Any) -> None:
    with pytest.raises(ContractError):
        judge(one)


def test_uniqueness_of_lists_is_refused_rather_than_kept_in_memory(judge: Judge) -> None:
    with pytest.raises(DativoError, match="tags"):
        judge(check(DUPLICATES, "tags"), [{"tags": ["a"]}])

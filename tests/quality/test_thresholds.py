"""Operators of ODCS: which measurements meet them, and how they are written."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_dativo_iceberg.contract.model import CheckKind
from target_dativo_iceberg.contract.quality.thresholds import Gate
from tests.quality.conftest import check

NULLS = CheckKind.NULL_VALUES


@pytest.mark.parametrize(
    ("operator", "limits", "arguments", "met"),
    [
        ("mustBe", (5,), {}, [5]),
        ("mustNotBe", (5,), {}, [0, 4, 6, 9]),
        ("mustBeGreaterThan", (5,), {}, [6, 9]),
        ("mustBeGreaterOrEqualTo", (5,), {}, [5, 6, 9]),
        ("mustBeLessThan", (5,), {}, [0, 4]),
        ("mustBeLessOrEqualTo", (5,), {}, [0, 4, 5]),
        ("mustBeBetween", (4, 6), {}, [4, 5, 6]),
        ("mustBeBetween", (4, 6), {"between": "inclusive"}, [4, 5, 6]),
        ("mustBeBetween", (4, 6), {"between": "exclusive"}, [5]),
        ("mustNotBeBetween", (4, 6), {}, [0, 9]),
        ("mustNotBeBetween", (4, 6), {"between": "exclusive"}, [0, 4, 6, 9]),
    ],
)
def test_an_operator_passes_its_numbers_only(
    operator: str, limits: tuple[int, ...], arguments: dict[str, Any], met: list[int]
) -> None:
    gate = Gate(check(NULLS, "a", op=operator, limits=limits, arguments=arguments))
    assert [n for n in (0, 4, 5, 6, 9) if gate.result(n, 9).status == "pass"] == met


@given(st.integers(0, 1000), st.integers(1, 1000), st.decimals(0, 100, places=4))
def test_a_share_is_compared_without_rounding(failed: int, rows: int, limit: Decimal) -> None:
    gate = Gate(check(NULLS, "a", op="mustBeLessOrEqualTo", limits=(limit,), unit="percent"))
    assert (gate.result(failed, rows).status == "pass") is (Fraction(failed * 100, rows) <= Fraction(limit))


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (check(NULLS, "a"), "mustBe 0 rows"),
        (
            check(NULLS, "a", op="mustBeLessThan", limits=(Decimal("2.5"),), unit="percent"),
            "mustBeLessThan 2.5 percent",
        ),
        (check(NULLS, "a", op="mustBeBetween", limits=(1, 2)), "mustBeBetween 1 and 2 rows"),
        (
            check(NULLS, "a", op="mustBeBetween", limits=(1, 2), arguments={"between": "exclusive"}),
            "mustBeBetween 1 and 2 rows (exclusive)",
        ),
        (check(CheckKind.SQL, limits=(True,)), "mustBe 1"),
        (check(CheckKind.SQL, limits=("false",)), "mustBe 0"),
    ],
)
def test_expectations_are_written_with_operator_numbers_and_unit(one: Any, text: str) -> None:
    assert Gate(one).expected == text


def test_a_share_of_no_rows_is_an_error_unless_nothing_was_found() -> None:
    gate = Gate(check(CheckKind.SQL, unit="percent"))
    assert gate.result(0, 0).status == "pass"
    assert gate.result(1, 0).status == "error"

"""The thresholds of quality checks, decided exactly, and what a check reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Literal

from target_dativo_iceberg.contract.model import Check, CheckKind, Severity, Threshold
from target_dativo_iceberg.errors import ContractError

Status = Literal["pass", "fail", "warn", "error", "skip"]
_VERBS = {
    "pass": "passed",
    "fail": "failed",
    "warn": "gives a warning",
    "error": "could not be measured",
    "skip": "was skipped",
}

_OPERATORS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "mustBe": lambda measured, limit: measured == limit,
    "mustNotBe": lambda measured, limit: measured != limit,
    "mustBeGreaterThan": lambda measured, limit: measured > limit,
    "mustBeGreaterOrEqualTo": lambda measured, limit: measured >= limit,
    "mustBeLessThan": lambda measured, limit: measured < limit,
    "mustBeLessOrEqualTo": lambda measured, limit: measured <= limit,
}
_RANGES = {"mustBeBetween": True, "mustNotBeBetween": False}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of a quality check. No text in it holds a value of a record.

    Attributes:
        id: of the check.
        kind: what was measured.
        status: `pass`; `fail` or, at severity warning, `warn` when the threshold is not met; `error` when nothing
            could be measured; `skip` when the target does not run such checks.
        severity: of the check.
        measured: rows or percent as the check's unit says, or the number a query gave; None without a measurement.
        expected: operator, numbers and unit.
        rows: rows that were looked at.
        failed_rows: rows that count against the check, None where the check does not count rows.
        description: the contract's, for people.
        reason: why the status is not `pass`, and what was left out.

    """

    id: str
    kind: CheckKind
    status: Status
    severity: Severity
    measured: int | float | None = None
    expected: str = ""
    rows: int = 0
    failed_rows: int | None = None
    description: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON form, for the run report."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "status": self.status,
            "severity": self.severity.value,
            "measured": self.measured,
            "expected": self.expected,
            "rows": self.rows,
            "failed_rows": self.failed_rows,
            "reason": self.reason,
        }

    def sentence(self) -> str:
        """One sentence for people."""
        measured = f": measured {self.measured}, expected {self.expected}" if self.measured is not None else ""
        reason = f" ({self.reason})" if self.reason else ""
        return f"quality check '{self.id}' {_VERBS[self.status]}{measured}{reason}"


class Gate:
    """The threshold of one check.

    Args:
        check: of any kind but text and custom.

    Raises:
        ContractError: the check has no threshold, or one that cannot be decided.

    """

    def __init__(self, check: Check) -> None:
        if check.threshold is None:
            raise ContractError(f"quality check '{check.id}' has no threshold", "add one, such as `mustBe: 0`")
        self._check = check
        self._threshold = check.threshold
        self._limits = tuple(_limit(check, value) for value in check.threshold.values)
        self._exclusive = check.arguments.get("between") == "exclusive"
        self._percent = check.threshold.unit == "percent"
        self._refuse_nonsense(check.threshold)

    def _refuse_nonsense(self, threshold: Threshold) -> None:
        ranged = threshold.operator in _RANGES
        if not (ranged or threshold.operator in _OPERATORS) or len(self._limits) != 1 + ranged:
            raise ContractError(
                f"quality check '{self._check.id}' has an operator without its numbers",
                "give `mustBe…` one number and `…Between` two",
            )
        if self._percent and self._check.kind is CheckKind.ROW_COUNT:
            raise ContractError(
                f"quality check '{self._check.id}' asks for a number of rows in percent", "use unit `rows`"
            )

    @property
    def expected(self) -> str:
        """Operator, numbers and unit."""
        numbers = " and ".join(_written(limit) for limit in self._limits)
        unit = " percent" if self._percent else "" if self._check.kind is CheckKind.SQL else " rows"
        exclusive = " (exclusive)" if self._exclusive and self._threshold.operator in _RANGES else ""
        return f"{self._threshold.operator} {numbers}{unit}{exclusive}"

    def result(self, count: Fraction | int, rows: int, *, note: str = "") -> CheckResult:
        """Judge a measurement.

        Args:
            count: rows that count against the check, rows in all, or what a query gave.
            rows: rows that were looked at.
            note: what was left out, for the reason.

        """
        measured = Fraction(count)
        if self._percent and rows:
            measured = measured * 100 / rows
        elif self._percent and count:
            return self.failure("a share of no rows cannot be taken", rows)
        met = self._met(measured)
        status: Status = "pass" if met else "fail" if self._check.severity is Severity.ERROR else "warn"
        said = "" if met else "the measurement does not meet the threshold"
        return CheckResult(
            self._check.id,
            self._check.kind,
            status,
            self._check.severity,
            _number(measured),
            self.expected,
            rows,
            int(count) if self._check.kind not in (CheckKind.SQL, CheckKind.ROW_COUNT) else None,
            self._check.description,
            "; ".join(part for part in (said, note) if part),
        )

    def failure(self, reason: str, rows: int = 0) -> CheckResult:
        """Return the result of a check that could not be measured."""
        check = self._check
        return CheckResult(
            check.id, check.kind, "error", check.severity, None, self.expected, rows, None, check.description, reason
        )

    def _met(self, measured: Fraction) -> bool:
        operator = self._threshold.operator
        if operator in _OPERATORS:
            return _OPERATORS[operator](measured, self._limits[0])
        low, high = self._limits
        inside = low < measured < high if self._exclusive else low <= measured <= high
        return inside is _RANGES[operator]


def _limit(check: Check, value: Any) -> Fraction:
    """Return a limit as a number; true and false, as SQL rules give them, are 1 and 0."""
    text = str(value).strip().lower()
    try:
        return Fraction(Decimal({"true": "1", "false": "0"}.get(text, text)))
    except (InvalidOperation, ValueError, OverflowError):
        raise ContractError(
            f"quality check '{check.id}' has a threshold that is no number", "use a number, true or false"
        ) from None


def _number(value: Fraction) -> int | float:
    if value.denominator == 1:
        return value.numerator
    try:
        return float(value)
    except OverflowError:
        return round(value)


def _written(value: Fraction) -> str:
    return f"{_number(value)}"

"""The library metrics of ODCS as counts of rows, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.compiling.values import allowed
from target_dativo_iceberg.contract.model import Check, CheckKind, Contract, Rule, RuleKind, Type
from target_dativo_iceberg.contract.patterns import PatternError, re2_pattern
from target_dativo_iceberg.contract.quality.sql_rows import column_path
from target_dativo_iceberg.contract.rules.check import Test, compiled_test
from target_dativo_iceberg.contract.rules.distinct import Distinct
from target_dativo_iceberg.contract.rules.key_words import reach
from target_dativo_iceberg.errors import ContractError

# How many rows of a batch count: against the check, or at all for `rowCount`.
Count = Callable[[pa.RecordBatch], int]
MakeDistinct = Callable[[Sequence[str]], Distinct]

# What is missing where a rule does not say it: null and the empty text.
_MISSING = (None, "")


@dataclass(slots=True)
class Tally:
    """Rows counted so far."""

    count: Count
    counted: int = 0
    rows: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        self.counted += self.count(batch)
        self.rows += batch.num_rows


def count_of(check: Check, contract: Contract, distinct: MakeDistinct) -> Count:
    """Return the count of a library metric.

    Args:
        check: `nullValues`, `missingValues`, `invalidValues`, `duplicateValues` or `rowCount`.
        contract: whose columns it is about.
        distinct: makes the memory of `duplicateValues` for some columns.

    Raises:
        ContractError: the metric cannot be taken of its column, or lacks an argument.

    """
    return _COUNTS[check.kind](check, contract, distinct)


def _row_count(_check: Check, _contract: Contract, _distinct: MakeDistinct) -> Count:
    return lambda batch: batch.num_rows


def _null_values(check: Check, contract: Contract, _distinct: MakeDistinct) -> Count:
    path, _ = _column(check, contract)
    return lambda batch: reach(batch, path).null_count


def _missing_values(check: Check, contract: Contract, _distinct: MakeDistinct) -> Count:
    path, type_ = _column(check, contract)
    given = check.arguments.get("missingValues")
    values = _MISSING if given is None else tuple(given)
    test = _member_test(check, RuleKind.NOT_IN, _storable(values, type_), type_)
    null = None in values
    return lambda batch: _missing(reach(batch, path), test, null=null)


def _missing(column: pa.Array, test: Test | None, *, null: bool) -> int:
    nulls = column.null_count if null else 0
    return nulls + (0 if test is None else _true(test(column)))


def _storable(values: Sequence[object], type_: Type) -> tuple[object, ...]:
    """Leave out values that the column can never hold."""
    found: list[object] = []
    for value in values:
        exact = Decimal(repr(value)) if isinstance(value, float) else value
        try:
            found += [] if exact is None else [allowed(exact, type_)]
        except ValueError:
            continue
    return tuple(found)


def _invalid_values(check: Check, contract: Contract, _distinct: MakeDistinct) -> Count:
    path, type_ = _column(check, contract)
    values, pattern = check.arguments.get("validValues"), check.arguments.get("pattern")
    tests = []
    if values is not None:
        tests.append(_member_test(check, RuleKind.ENUM, tuple(v for v in values if v is not None), type_))
    if pattern:
        tests.append(compiled_test(Rule(check.id, RuleKind.PATTERN, _re2(check, pattern)), type_))
    if not tests:
        raise ContractError(
            f"quality check '{check.id}' does not say what is valid", "add `validValues:` or `pattern:`"
        )
    return lambda batch: _broken(reach(batch, path), [test for test in tests if test is not None])


def _broken(column: pa.Array, tests: Sequence[Test]) -> int:
    """Count the rows that break any test; null passes."""
    masks = [pc.fill_null(test(column), False) for test in tests]
    found = masks[0]
    for mask in masks[1:]:
        found = pc.or_(found, mask)
    return _true(found)


def _re2(check: Check, pattern: str) -> str:
    try:
        return re2_pattern(pattern)
    except PatternError as error:
        raise ContractError(
            f"quality check '{check.id}': 'pattern' cannot be run: {error}", "write it without, or use a SQL rule"
        ) from None


def _member_test(check: Check, kind: RuleKind, values: tuple[object, ...], type_: Type) -> Test | None:
    return compiled_test(Rule(check.id, kind, values), type_) if values or kind is RuleKind.ENUM else None


def _duplicate_values(check: Check, contract: Contract, distinct: MakeDistinct) -> Count:
    columns = check.fields or tuple(check.arguments.get("properties") or ())
    if not columns:
        raise ContractError(f"quality check '{check.id}' names no column", "list some under `arguments: properties:`")
    for path in columns:
        column_path(contract, path)
    seen = distinct(columns)
    return lambda batch: _true(seen.duplicates(batch))


def _true(mask: pa.Array | None) -> int:
    return 0 if mask is None else mask.true_count


def _column(check: Check, contract: Contract) -> tuple[str, Type]:
    if len(check.fields) != 1:
        raise ContractError(f"quality check '{check.id}' belongs to a property", "move it to the one it is about")
    return check.fields[0], column_path(contract, check.fields[0])[-1].type


_COUNTS: dict[CheckKind, Callable[[Check, Contract, MakeDistinct], Count]] = {
    CheckKind.ROW_COUNT: _row_count,
    CheckKind.NULL_VALUES: _null_values,
    CheckKind.MISSING_VALUES: _missing_values,
    CheckKind.INVALID_VALUES: _invalid_values,
    CheckKind.DUPLICATE_VALUES: _duplicate_values,
}

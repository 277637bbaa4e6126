"""The verdict on a batch: which rows the contract accepts, and every reason against the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.check import Broken, Checker
from target_dativo_iceberg.contract.coerce import Findings, Violation
from target_dativo_iceberg.contract.model import Severity


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a contract says of a typed batch.

    Attributes:
        accepted: the rows that pass.
        rejected: by row of the batch that was judged, all reasons against it, in the order they were found.
        warnings: rows per broken rule of severity warning; these rows pass.

    """

    accepted: pa.RecordBatch
    rejected: Mapping[int, list[Violation]] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)


def judge(checker: Checker, batch: pa.RecordBatch, findings: Mapping[int, Findings]) -> Verdict:
    """Judge a batch.

    Args:
        checker: the contract's row rules.
        batch: typed rows.
        findings: violations found while reading single rows.

    """
    reasons = {row: list(f.violations) for row, f in findings.items() if f.violations}
    warnings: Counter[str] = Counter()
    for broken in checker.broken(batch):
        if broken.compiled.severity is Severity.WARNING:
            warnings[broken.compiled.rule] += broken.rows.true_count
        else:
            _add(reasons, broken)
    if not reasons:
        return Verdict(batch, warnings=warnings)
    return Verdict(batch.filter(_all_but(reasons, batch.num_rows)), dict(sorted(reasons.items())), warnings)


def _add(reasons: dict[int, list[Violation]], broken: Broken) -> None:
    rule = broken.compiled
    violation = Violation(rule.path, rule.klass, rule.rule, rule.message)
    for row in pc.indices_nonzero(broken.rows).to_pylist():
        found = reasons.setdefault(row, [])
        # A value that could not be read is null here; that it is missing as well would be said twice.
        if rule.klass != "missing_required" or all(v.path != rule.path for v in found):
            found.append(violation)


def _all_but(rows: Mapping[int, object], count: int) -> pa.BooleanArray:
    mask = [True] * count
    for row in rows:
        mask[row] = False
    return pa.array(mask)

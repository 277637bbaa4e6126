"""Staging a run of records: read, judge, sort the rejected out. A function of its arguments; workers run it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from target_dativo_iceberg.batch import BadLineError, Plan, Typed, json_lines, read, read_arrow, record_text
from target_dativo_iceberg.contract.check import Checker
from target_dativo_iceberg.contract.verdict import Verdict, judge
from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.messages import Records
from target_dativo_iceberg.quarantine import Rejected


@dataclass(frozen=True, slots=True)
class Staged:
    """A run of records after the verdict.

    Attributes:
        count: records in the run; `accepted.num_rows + len(rejected)`.
        accepted: typed rows for the table.
        rejected: the others, with reasons.
        by_rule: rejected records per rule id (a record counts once per rule).
        warnings: accepted records per broken rule of severity warning.
        unknown: names of members that are not written.

    """

    count: int
    accepted: pa.RecordBatch
    rejected: tuple[Rejected, ...] = ()
    by_rule: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()


def stage(plan: Plan, checker: Checker, records: Records) -> Staged:
    """Stage RECORD lines.

    Raises:
        InputError: a line holds no record.

    """
    try:
        typed = read(plan, records.lines)
    except BadLineError as error:
        number = records.line_number(error.row)
        raise InputError(f"line {number}: stream '{records.stream}': {error.message}", "mend the tap") from None
    return _judged(plan, checker, typed, lambda row: (records.line_number(row), records.lines[row].as_py()))


def stage_arrow(plan: Plan, checker: Checker, batch: pa.RecordBatch, first_row: int, name: str) -> Staged:
    """Stage a batch of a Parquet or Arrow file, whose rows are numbered from `first_row`.

    Raises:
        InputError: a row cannot be read.

    """
    try:
        typed = read_arrow(plan, batch)
    except BadLineError as error:
        raise InputError(f"BATCH file {name}: row {first_row + error.row}: {error.message}", "mend the tap") from None
    return _judged(plan, checker, typed, lambda r: (first_row + r, json_lines(batch.slice(r, 1))[0].as_py()))


def _judged(plan: Plan, checker: Checker, typed: Typed, source: Callable[[int], tuple[int, bytes]]) -> Staged:
    verdict = judge(checker, typed.batch, typed.findings)
    return Staged(
        count=typed.batch.num_rows,
        accepted=verdict.accepted,
        rejected=tuple(_rejected(plan, verdict, source)),
        by_rule=Counter(rule for found in verdict.rejected.values() for rule in {v.rule for v in found}),
        warnings=verdict.warnings,
        unknown=typed.unknown,
    )


def _rejected(plan: Plan, verdict: Verdict, source: Callable[[int], tuple[int, bytes]]) -> list[Rejected]:
    found = []
    for row, reasons in verdict.rejected.items():
        number, line = source(row)
        found.append(Rejected(number, record_text(plan, line), reasons))
    return found

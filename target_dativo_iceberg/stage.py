"""Staging a run of records: read, judge, sort out what is turned away. A function of its arguments; workers run it."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from target_dativo_iceberg.batch import Plan, Typed, read, read_arrow
from target_dativo_iceberg.cells import json_lines
from target_dativo_iceberg.contract.findings import column_of
from target_dativo_iceberg.contract.json_text import NotJsonError
from target_dativo_iceberg.contract.model import Field, Kind, Type
from target_dativo_iceberg.contract.policy import Action
from target_dativo_iceberg.contract.privacy.protection import Privacy
from target_dativo_iceberg.contract.rules.verdict import Judge, Reasons, Verdict
from target_dativo_iceberg.errors import InputError
from target_dativo_iceberg.messages import Records
from target_dativo_iceberg.quarantine import Rejected
from target_dativo_iceberg.record_stamp import Stamp
from target_dativo_iceberg.rows import record_of, record_text

META = Field(
    "_dativo_meta",
    Type(Kind.STRING),
    description="What the contract's policy changed or let pass in this row, as JSON.",
)
RESCUED = Field(
    "_rescued_data",
    Type(Kind.STRING),
    description="Members and values that have no place in this row's columns, as JSON.",
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a run came from, so that a row can be had as it came.

    Attributes:
        lines: of RECORD messages or a BATCH file in JSON lines, or None.
        batch: of a Parquet or Arrow file, or None.
        first_row: number of the batch's first row in its file.
        bare: lines are records, not RECORD messages.
        privacy: hides protected values of records that leave the usual way.
        file: name of the BATCH file, or empty.

    """

    lines: Records | None
    batch: pa.RecordBatch | None
    first_row: int
    bare: bool
    privacy: Privacy | None = None
    file: str = ""

    def rejected(self, rows: Mapping[int, Reasons]) -> list[Rejected]:
        """Return rows with the reasons against them."""
        at = f"BATCH file {self.file}: " if self.file else ""
        at += "line" if self.lines else "row"
        found = zip(self._numbers(list(rows)), rows.items(), strict=True)
        return [Rejected(n, self.text(row), why, f"{at} {n}", self.file) for n, (row, why) in found]

    def _numbers(self, rows: Sequence[int]) -> Sequence[int]:
        if self.lines is None:
            return [self.first_row + row for row in rows]
        return self.lines.line_numbers().take(pa.array(rows, pa.int64())).to_pylist()  # type: ignore[no-any-return]

    def text(self, row: int) -> bytes:
        """Return the JSON text of a row's record, protected values hidden."""
        return self._hidden(record_text(self._line(row), bare=self.bare or self.lines is None))

    def _hidden(self, record: bytes) -> bytes:
        return record if self.privacy is None else self.privacy.apply_record(record)

    def _line(self, row: int) -> bytes:
        if self.lines is not None:
            return self.lines.lines[row].as_py()  # type: ignore[no-any-return]
        assert self.batch is not None
        return json_lines(self.batch.slice(row, 1))[0].as_py()  # type: ignore[no-any-return]

    def parts(self, row: int, names: set[str]) -> str | None:
        """Return some members of a row's record as a JSON object, protected values hidden; None when it has none."""
        try:
            record, text = record_of(self._line(row), bare=self.bare or self.lines is None)
        except NotJsonError:
            return None
        found = [f"{json.dumps(n, ensure_ascii=False)}:{text.part(n).cut()}" for n in sorted(names) if n in record]
        return self._hidden(("{" + ",".join(found) + "}").encode()).decode() if found else None


@dataclass(frozen=True, slots=True)
class Staged:
    """A run of records after the verdict.

    Attributes:
        count: records in the run; `accepted.num_rows + len(rejected) + dropped`.
        accepted: typed rows for the table; beside the contract's columns perhaps those of `marks`.
        source: where the rows came from.
        rows: index in the run of each accepted row; None when all are accepted.
        failed: the first record whose violation ends the run, if any, and how many there are.
        rejected: records for quarantine, with reasons.
        dropped: records that the policy drops.
        by_rule: records turned away per rule id (a record counts once per rule).
        warnings: accepted records per broken rule that is only reported.
        unknown: names of members that are not written.
        coercions: values that were converted, by column and kind, in all records of the run.
        marks: fields beyond the contract that `accepted` has.

    """

    count: int
    accepted: pa.RecordBatch
    source: Source
    rows: pa.UInt64Array | None = None
    failed: tuple[Rejected, int] | None = None
    rejected: tuple[Rejected, ...] = ()
    dropped: int = 0
    by_rule: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    coercions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    marks: tuple[Field, ...] = ()

    def sealed(self, privacy: Privacy) -> Staged:
        """Return the run with its accepted rows as the table has them."""
        clear = self.accepted.select([f.name for f in privacy.clear.fields])
        out = privacy.apply(clear)
        for mark in self.marks:
            out = out.append_column(pa.field(mark.name, pa.string()), self.accepted.column(mark.name))
        return replace(self, accepted=out)


def stage(
    plan: Plan,
    judge: Judge,
    records: Records,
    privacy: Privacy | None = None,
    stamp: Stamp | None = None,
    *,
    seals: bool = False,
) -> Staged:
    """Stage RECORD lines, or the lines of a BATCH file.

    Args:
        plan: how they are read.
        judge: the contract and its policy.
        records: the lines.
        privacy: what is done to protected values; `judge` sees them in the clear.
        stamp: what the target itself says of the records, where their table has columns for that.
        seals: protect accepted rows here; otherwise who takes them does it (`Staged.sealed`).

    Raises:
        InputError: the input ends inside a line.

    """
    typed = read(plan, records.lines)
    _refuse_broken_end(records, typed)
    if stamp is not None:
        typed = replace(typed, batch=stamp.on(typed.batch))
    staged = _judged(judge, typed, Source(records, None, 0, plan.bare, privacy, records.file))
    return staged.sealed(privacy) if seals and privacy is not None else staged


def _refuse_broken_end(records: Records, typed: Typed) -> None:
    """A last line that is cut off is no bad record: its rest, and what came after it, never arrived."""
    last = len(records.lines) - 1
    found = typed.findings.get(last)
    if (
        found
        and any(v.klass == "malformed" for v in found.violations)
        and not records.lines[last].as_py().endswith(b"\n")
    ):
        raise InputError(f"{records.where(last)}: the input ends inside this line", "the tap was cut off; run it again")


def stage_arrow(
    plan: Plan,
    judge: Judge,
    batch: pa.RecordBatch,
    first_row: int,
    name: str,
    privacy: Privacy | None = None,
    stamp: Stamp | None = None,
    *,
    seals: bool = False,
) -> Staged:
    """Stage a batch of a Parquet or Arrow file, whose rows are numbered from `first_row`.

    Raises:
        InputError: a column is of a type that cannot be read.

    """
    try:
        typed = read_arrow(plan, batch)
    except pa.ArrowException as error:
        raise InputError(
            f"BATCH file {name}: a column is of a type that cannot be read ({type(error).__name__})", "mend the tap"
        ) from error
    if stamp is not None:
        typed = replace(typed, batch=stamp.on(typed.batch))
    staged = _judged(judge, typed, Source(None, batch, first_row, bare=True, privacy=privacy, file=name))
    return staged.sealed(privacy) if seals and privacy is not None else staged


def _judged(judge: Judge, typed: Typed, source: Source) -> Staged:
    verdict = judge.judge(typed.batch, typed.findings)
    staged = Staged(
        count=typed.batch.num_rows,
        accepted=verdict.accepted,
        source=source,
        rows=verdict.rows,
        warnings=verdict.warnings,
        unknown=typed.unknown,
        coercions=typed.coercions,
    )
    if verdict.turned_away:
        staged = turned_away(staged, verdict.turned_away)
    return _marked(staged, verdict) if verdict.marked else staged


def turned_away(staged: Staged, rows: Mapping[int, tuple[Action, Reasons]]) -> Staged:
    """Enter rows that are turned away: failures, quarantine, drops, and the counts by rule."""
    by_action: dict[Action, dict[int, Reasons]] = {}
    for row, (action, reasons) in rows.items():
        by_action.setdefault(action, {})[row] = reasons
    failed = by_action.get(Action.FAIL, {})
    first = staged.source.rejected(dict(itertools.islice(failed.items(), 1)))
    rules = Counter(rule for _, found in rows.values() for rule in {v.rule for v, _ in found})
    return replace(
        staged,
        failed=staged.failed or ((first[0], len(failed)) if failed else None),
        rejected=(*staged.rejected, *staged.source.rejected(by_action.get(Action.QUARANTINE, {}))),
        dropped=staged.dropped + len(by_action.get(Action.DROP, ())),
        by_rule=Counter(staged.by_rule) + rules,
    )


# ---- rows that are written in spite of a violation ----


def kept(staged: Staged, rows: Mapping[int, Reasons]) -> Staged:
    """Name in accepted rows, by their index among them, the rules they break and are kept for all the same."""
    marked = META in staged.marks
    meta = staged.accepted.column(META.name).to_pylist() if marked else [None] * staged.accepted.num_rows
    warnings = Counter(staged.warnings)
    for row, reasons in rows.items():
        rules = [violation.rule for violation, _ in reasons]
        note = json.loads(meta[row] or "{}")
        meta[row] = json.dumps(note | {"flags": [*note.get("flags", ()), *rules]}, ensure_ascii=False)
        warnings.update(set(rules))
    others = staged.accepted.drop_columns([META.name]) if marked else staged.accepted
    accepted = others.append_column(pa.field(META.name, pa.string()), pa.array(meta, pa.string()))
    marks = (*(m for m in staged.marks if m is not META), META)
    return replace(staged, accepted=accepted, marks=marks, warnings=warnings)


def _marked(staged: Staged, verdict: Verdict) -> Staged:
    """Write in each such row what was done, and what has no place in its columns."""
    positions = verdict.positions()
    meta: list[str | None] = [None] * staged.accepted.num_rows
    rescued: list[str | None] = [None] * staged.accepted.num_rows
    warnings = Counter(staged.warnings)
    for row, reasons in verdict.marked.items():
        meta[positions[row]] = _note(reasons)
        rescued[positions[row]] = _rescue(staged.source, row, reasons)
        warnings.update({v.rule for v, _ in reasons})
    accepted, marks = staged.accepted, []
    for mark, values in ((META, meta), (RESCUED, rescued)):
        if any(v is not None for v in values):
            accepted = accepted.append_column(pa.field(mark.name, pa.string()), pa.array(values, pa.string()))
            marks.append(mark)
    return replace(staged, accepted=accepted, marks=tuple(marks), warnings=warnings)


_CHANGES = {Action.NULL_VALUE: "nulled", Action.RESCUE: "rescued"}


def _note(reasons: Reasons) -> str | None:
    """Say what was changed and what was let pass; rescued unknown members speak for themselves."""
    changes = [
        {"field": column_of(v.path), "change": _CHANGES[action], "reason": f"{v.rule}: {v.message}"}
        for v, action in reasons
        if action in _CHANGES and v.klass != "unknown_field"
    ]
    flags = [v.rule for v, action in reasons if action is Action.KEEP]
    found = ({"changes": changes} if changes else {}) | ({"flags": flags} if flags else {})
    return json.dumps(found, ensure_ascii=False) if found else None


def _rescue(source: Source, row: int, reasons: Reasons) -> str | None:
    names = {column_of(v.path) for v, action in reasons if action is Action.RESCUE}
    return source.parts(row, names) if names else None

"""The verdict on a batch: which rows the contract accepts, and what the policy makes of the reasons against others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.findings import Findings, Violation, column_of, member, unknown_path
from target_dativo_iceberg.contract.model import Contract, Field, Rule, Severity
from target_dativo_iceberg.contract.policy import Action, Klass, Policy, strongest
from target_dativo_iceberg.contract.quality.thresholds import CheckResult
from target_dativo_iceberg.contract.rules.check import Broken, Checker, Compiled
from target_dativo_iceberg.contract.rules.places import Places
from target_dativo_iceberg.contract.values.masks import all_but, nulled

Reasons = Sequence[tuple[Violation, Action]]
_OUT = (Action.FAIL, Action.QUARANTINE, Action.DROP)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a contract and its policy say of a typed batch.

    Attributes:
        accepted: the rows that are written, with the values nulled that the policy nulls.
        rows: index in the judged batch of each accepted row; None when all are accepted.
        turned_away: by row of the judged batch, its action (fail, quarantine or drop) and all reasons.
        marked: by row of the judged batch, the reasons of rows that are written all the same.
        warnings: rows per broken rule of severity warning; these rows are written.

    """

    accepted: pa.RecordBatch
    rows: pa.UInt64Array | None = None
    turned_away: Mapping[int, tuple[Action, Reasons]] = field(default_factory=dict)
    marked: Mapping[int, Reasons] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)

    def positions(self) -> dict[int, int]:
        """Return, by row of the judged batch, the index of its accepted row."""
        rows = range(self.accepted.num_rows) if self.rows is None else self.rows.to_pylist()
        return {row: index for index, row in enumerate(rows)}


class Judge:
    """A contract's row rules and its policy, compiled.

    Args:
        contract: the rules.
        policy: what a violation causes.
        deleted_at: the column by which a record says that its row is deleted, None when none does. Such a record need
            not have more than its key.

    Raises:
        ContractError: a rule cannot be applied.

    """

    def __init__(self, contract: Contract, policy: Policy | None = None, deleted_at: str | None = None) -> None:
        self.contract = contract
        self._deleted_at = deleted_at
        self._needless = {member("$", f.name) for f in contract.fields if f.name not in contract.primary_key}
        self.policy = policy or Policy()
        self._checker = Checker(contract)
        self._places = Places(contract, list(self.policy.fields))
        self._actions = {r.id: r.action for f in contract.fields for r in _rules(f) if r.action}
        self._actions |= {c.id: c.action for c in contract.checks if c.action}
        self._reports_unknown = self.unknown_action in (Action.FAIL, Action.QUARANTINE, Action.RESCUE)

    @property
    def unknown_action(self) -> Action:
        """What a member that the contract does not have causes."""
        return self.policy.action(Klass.UNKNOWN_FIELD, (), "unknown_field")

    @property
    def keeps_unknown(self) -> bool:
        """Whether each such member must be seen, record by record."""
        return self._reports_unknown

    def judge(self, batch: pa.RecordBatch, findings: Mapping[int, Findings]) -> Verdict:
        """Judge a batch.

        Args:
            batch: typed rows.
            findings: violations and unknown members found while reading single rows.

        """
        reasons = {row: list(f.violations) for row, f in findings.items() if f.violations}
        if self._reports_unknown:
            for row, found in findings.items():
                reasons.setdefault(row, []).extend(_unknown(found)) if found.unknown else None
        warnings: Counter[str] = Counter()
        for broken in self._checker.broken(batch):
            if self._only_counts(broken.compiled):
                warnings[broken.compiled.rule] += broken.rows.true_count
            else:
                _add(reasons, broken)
        if reasons and self._deleted_at is not None:
            reasons = self._without_needless(batch.column(self._deleted_at), reasons)
        if not reasons:
            return Verdict(batch, warnings=warnings)
        return self._sorted(batch, reasons, warnings)

    def passes(self, batch: pa.RecordBatch, ends: Mapping[str, pa.Array]) -> bool:
        """Whether no row of a typed batch breaks any rule.

        Args:
            batch: columns may have dictionaries.
            ends: the least and greatest values of the columns that have any, by column.

        """
        return not self._checker.broken(batch, ends)

    def _without_needless(
        self, deleted_at: pa.Array, reasons: Mapping[int, list[Violation]]
    ) -> dict[int, list[Violation]]:
        found: dict[int, list[Violation]] = {}
        for row, against in reasons.items():
            left = against
            if deleted_at[row].is_valid:
                left = [v for v in against if v.klass != Klass.MISSING_REQUIRED or v.path not in self._needless]
            found |= {row: left} if left else {}
        return found

    def _sorted(self, batch: pa.RecordBatch, reasons: Mapping[int, list[Violation]], warnings: Counter[str]) -> Verdict:
        acted = {row: [(v, self.action(v)) for v in reasons[row]] for row in sorted(reasons)}
        worst = {row: strongest([a for _, a in found]) for row, found in acted.items()}
        away = {row: (worst[row], found) for row, found in acted.items() if worst[row] in _OUT}
        marked = {row: found for row, found in acted.items() if row not in away}
        written = self._nulled(batch, marked)
        if not away:
            return Verdict(written, None, {}, marked, warnings)
        keep = all_but(away, batch.num_rows)
        return Verdict(written.filter(keep), pc.indices_nonzero(keep), away, marked, warnings)

    def action(self, violation: Violation) -> Action:
        """Return what a violation causes."""
        place = self._places.of(violation.path)
        return self.policy.action(Klass(violation.klass), place, violation.rule, self._actions.get(violation.rule))

    def fails(self, result: CheckResult) -> bool:
        """Whether what came of an aggregate check ends the run."""
        if result.status not in ("fail", "warn", "error"):
            return False
        if result.severity is Severity.WARNING and not self._has_action(result.id):
            return False
        return self.policy.action(Klass.QUALITY, (), result.id, self._actions.get(result.id)) is Action.FAIL

    def _only_counts(self, rule: Compiled) -> bool:
        """Whether a rule of severity warning is just reported: nobody gave it an action, its field is not critical."""
        if rule.severity is not Severity.WARNING or self._has_action(rule.rule):
            return False
        return not any(f.critical for _, f in self._places.of(rule.path))

    def _has_action(self, rule: str) -> bool:
        return rule in self.policy.rules or rule in self._actions

    def _nulled(self, batch: pa.RecordBatch, marked: Mapping[int, Reasons]) -> pa.RecordBatch:
        """Null the columns whose values are nulled or rescued; unknown members inside them are neither."""
        rows: dict[str, set[int]] = {}
        for row, found in marked.items():
            for violation, action in found:
                name = column_of(violation.path)
                if violation.klass != Klass.UNKNOWN_FIELD and action in (Action.NULL_VALUE, Action.RESCUE):
                    rows.setdefault(name, set()).add(row)
        for name, where in rows.items():
            index = batch.schema.get_field_index(name)
            column, _ = nulled(batch.column(index), pc.invert(all_but(where, batch.num_rows)))
            batch = batch.set_column(index, batch.schema.field(index), column)
        return batch


def _rules(field_: Field) -> list[Rule]:
    inner = (*field_.type.fields, *((field_.type.item,) if field_.type.item else ()))
    return [*field_.rules, *(rule for below in inner for rule in _rules(below))]


def _unknown(found: Findings) -> list[Violation]:
    return [
        Violation(unknown_path(name), Klass.UNKNOWN_FIELD.value, "unknown_field", "is not in the contract")
        for name in sorted(found.unknown)
    ]


def _add(reasons: dict[int, list[Violation]], broken: Broken) -> None:
    rule = broken.compiled
    violation = Violation(rule.path, rule.klass, rule.rule, rule.message)
    for row in pc.indices_nonzero(broken.rows).to_pylist():
        found = reasons.setdefault(row, [])
        # A value that could not be read is null here; that it is missing as well would be said twice.
        if rule.klass != "missing_required" or all(v.path not in (rule.path, "$") for v in found):
            found.append(violation)

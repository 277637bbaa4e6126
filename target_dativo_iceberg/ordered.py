"""What looks at the rows of a stream in their order: keys that repeat, and aggregate checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.findings import Violation
from target_dativo_iceberg.contract.model import Check, Contract, Type
from target_dativo_iceberg.contract.policy import Action, strongest
from target_dativo_iceberg.contract.privacy.protection import Privacy
from target_dativo_iceberg.contract.quality.checks import CheckResult, Quality
from target_dativo_iceberg.contract.rules.uniqueness import Uniqueness
from target_dativo_iceberg.contract.rules.verdict import Judge, Reasons
from target_dativo_iceberg.contract.values.masks import all_but
from target_dativo_iceberg.stage import Staged, kept, turned_away

if TYPE_CHECKING:
    from target_dativo_iceberg.table_rows import Rows

_MIB = 1 << 20
# Of the memory that keys of a stream may take before they go to disk.
_KEYS_BYTES = 32 * _MIB


class Ordered:
    """What looks at a stream's rows in their order: keys that repeat, and aggregate checks. False if nothing does.

    Args:
        privacy: the contract before and after protection.
        judge: its policy.
        scratch: folder for what does not fit in memory.
        unique_check: among which rows a key may be once: those of the epoch (`batch`), of the run, of the table.

    """

    def __init__(self, privacy: Privacy, judge: Judge, scratch: Path, unique_check: str = "run") -> None:
        clear = privacy.clear
        self._scratch = scratch
        self._scope = unique_check
        self._unique = self._no_keys_yet(privacy)
        self._knows_table = False
        unique = [columns for columns, repeat in self._unique.keys if judge.action(repeat) is not Action.KEEP]
        self._judge = judge
        self._privacy = privacy
        self._clear = Quality(
            replace(clear, checks=privacy.clear_checks), memory_bytes=_KEYS_BYTES, scratch=scratch, unique=unique
        )
        self._sealed = Quality(privacy.contract, memory_bytes=_KEYS_BYTES, scratch=scratch, unique=unique)

    def __bool__(self) -> bool:
        """Whether rows must come here, in order, before they are protected."""
        return bool(self._unique) or bool(self._clear) or bool(self._sealed)

    @property
    def measures(self) -> bool:
        """Whether aggregate checks look at the rows."""
        return bool(self._clear) or bool(self._sealed)

    @property
    def key_columns(self) -> frozenset[str]:
        """Columns whose values are looked at in order."""
        return frozenset(column.partition(".")[0] for columns, _ in self._unique.keys for column in columns)

    def _no_keys_yet(self, privacy: Privacy) -> Uniqueness:
        """Look for keys among rows in the clear, or as the table has them when they are compared with its own."""
        contract = privacy.contract if self._scope == "table" else privacy.clear
        return Uniqueness(contract, _KEYS_BYTES, self._scratch)

    def follows(self, privacy: Privacy, judge: Judge) -> bool:
        """Go on under a later SCHEMA, unless other keys or checks are asked for; return whether that is so."""
        before, now = self._privacy, privacy
        same = (
            before.clear.primary_key == now.clear.primary_key
            and before.clear.name == now.clear.name
            and before.contract.checks == now.contract.checks
            and before.clear_checks == now.clear_checks
            and self._unique.keys == self._no_keys_yet(privacy).keys
            and _types(before.clear).items() <= _types(now.clear).items()
        )
        if same:
            self._privacy, self._judge = privacy, judge
        return same

    @property
    def wants_table(self) -> bool:
        """Whether the keys of the table are to be learnt before the first row."""
        return self._scope == "table" and bool(self._unique) and not self._knows_table

    def learn(self, identifier: tuple[str, ...], rows: Rows) -> None:
        """Learn the keys that the table has."""
        contract = self._privacy.contract
        for columns, _ in self._unique.keys:
            names = list(dict.fromkeys(column.partition(".")[0] for column in columns))
            for batch in rows(identifier, contract, names):
                self._unique.know(columns, batch)
        self._knows_table = True

    @property
    def wants_keys_only(self) -> bool:
        """Whether the key columns of accepted rows are all that is looked at, as the table has them."""
        protected = {path.partition(".")[0] for path in self._privacy.protected}
        return not self.measures and protected.isdisjoint(self.key_columns)

    def take(self, staged: Staged) -> Staged:
        """Turn away rows that repeat a key, measure the others, and protect them."""
        if self._unique:
            rows = columns_of(staged, self._privacy)
            reasons = self.repeats(self._privacy.apply(rows) if self._scope == "table" else rows)
            staged = sorted_out(staged, reasons) if reasons else staged
        self._clear.observe(columns_of(staged, self._privacy), staged.count - staged.accepted.num_rows)
        sealed = staged.sealed(self._privacy)
        self._sealed.observe(sealed.accepted.select([f.name for f in self._privacy.contract.fields]), 0)
        return sealed

    def repeats(self, keys: pa.RecordBatch) -> dict[int, list[tuple[Violation, Action]]]:
        """Return, by row, each key that it repeats and what the policy says of that; remember the keys.

        Args:
            keys: at least the key columns of the next accepted rows, as the table has them in scope `table`.

        """
        reasons: dict[int, list[tuple[Violation, Action]]] = {}
        for repeats in self._unique.repeats(keys):
            action = self._judge.action(repeats.violation)
            for row in pc.indices_nonzero(repeats.rows).to_pylist():
                reasons.setdefault(row, []).append((repeats.violation, action))
        return reasons

    @property
    def table_checks(self) -> list[tuple[Quality, Check]]:
        """The checks that need the whole table; they are of its columns as they are written."""
        return [(self._sealed, check) for check in self._sealed.table_checks]

    def results(self, *, final: bool) -> list[CheckResult]:
        """Return the results of the epoch's checks; those over the whole run only at its end."""
        scopes = ("batch", "run") if final else ("batch",)
        return [r for quality in (self._clear, self._sealed) for scope in scopes for r in quality.results(scope)]

    def start_epoch(self) -> None:
        """Forget the rows of the epoch that is published."""
        if self._scope == "batch" and self._unique:
            self._unique = self._no_keys_yet(self._privacy)
        self._clear.start_epoch()
        self._sealed.start_epoch()

    def close(self) -> None:
        """Delete what was kept on disk."""
        self._clear.close()
        self._sealed.close()


def _types(contract: Contract) -> dict[str, Type]:
    return {f.name: f.type for f in contract.fields}


def columns_of(staged: Staged, privacy: Privacy) -> pa.RecordBatch:
    """Return accepted rows without their marks."""
    return staged.accepted.select([f.name for f in privacy.clear.fields])


def sorted_out(staged: Staged, reasons: Mapping[int, Reasons]) -> Staged:
    """Turn away accepted rows, by their index among them, or name the reasons in those that the policy keeps."""
    worst = {row: strongest([action for _, action in found]) for row, found in reasons.items()}
    flagged = {row: found for row, found in reasons.items() if worst[row] is Action.KEEP}
    if flagged:
        staged = kept(staged, flagged)
    if len(flagged) == len(reasons):
        return staged
    away = {row: (worst[row], reasons[row]) for row in sorted(reasons) if row not in flagged}
    keep = all_but(away, staged.accepted.num_rows)
    numbers = range(staged.accepted.num_rows) if staged.rows is None else staged.rows.to_pylist()
    rows = pc.indices_nonzero(keep) if staged.rows is None else staged.rows.filter(keep)
    accepted = replace(staged, accepted=staged.accepted.filter(keep), rows=rows)
    return turned_away(accepted, {numbers[row]: found for row, found in away.items()})

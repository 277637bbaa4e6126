"""A stream as its latest SCHEMA and its contract have it: how its records are read, judged, protected and counted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg import log
from target_dativo_iceberg.batch import Plan
from target_dativo_iceberg.contract.findings import Violation
from target_dativo_iceberg.contract.model import Check, Contract, Field, Type
from target_dativo_iceberg.contract.policy import Action, policy_of, strongest
from target_dativo_iceberg.contract.privacy.protection import Privacy, compile_privacy, load_key, read_rules
from target_dativo_iceberg.contract.quality.checks import CheckResult, Quality
from target_dativo_iceberg.contract.record_metadata import DELETED_AT
from target_dativo_iceberg.contract.rules.uniqueness import Uniqueness
from target_dativo_iceberg.contract.rules.verdict import Judge, Reasons
from target_dativo_iceberg.contract.singer import properties
from target_dativo_iceberg.stage import Staged, kept, turned_away
from target_dativo_iceberg.telemetry.events import Column, StreamStarted

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.privacy.key import Key
    from target_dativo_iceberg.contract.privacy.rules import PrivacyRules
    from target_dativo_iceberg.messages import Schema
    from target_dativo_iceberg.route import Contracts
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.table_rows import Rows

_MIB = 1 << 20
# Of the memory that keys of a stream may take before they go to disk.
_KEYS_BYTES = 32 * _MIB


@dataclass(slots=True)
class Stream:
    """One stream of the run.

    Attributes:
        settings: what holds for it.
        schema: its latest SCHEMA message.
        identifier: of its table.
        contract: of its table: protected columns as they are written, and the marks that rows got.
        plan: how RECORD lines are read.
        batch_plan: how lines and columns of BATCH files are read.
        judge: the contract's rules and policy.
        privacy: what is done to protected columns.
        ordered: what looks at the rows of the run in order.

    """

    settings: Settings
    schema: Schema
    identifier: tuple[str, ...]
    contract: Contract
    plan: Plan
    batch_plan: Plan
    judge: Judge
    privacy: Privacy
    ordered: Ordered

    @property
    def name(self) -> str:
        """Name of the stream."""
        return self.schema.stream

    @property
    def obeys_versions(self) -> bool:
        """Whether ACTIVATE_VERSION changes its table; one that is replaced has no older rows."""
        return self.settings.process_activate_version_messages and self.settings.load_method != "overwrite"

    def started(self) -> StreamStarted:
        """Return the event that its SCHEMA has come."""
        columns = tuple(Column(f.name, f.type.kind.value, f.description) for f in self.contract.fields)
        return StreamStarted(self.name, ".".join(self.identifier), columns, time.monotonic())

    def audit(self, rows: Rows) -> list[str]:
        """Take the contract's checks of scope `table` over the rows of its table; return what failed."""

        def scan(columns: list[str]) -> Iterator[pa.RecordBatch]:
            return rows(self.identifier, self.contract, columns)

        results = [quality.table_result(check, scan) for quality, check in self.ordered.table_checks]
        return [f"stream '{self.name}': {r.sentence()}" for r in results if self.judge.fails(r)]

    def mark(self, marks: Sequence[Field]) -> bool:
        """Add columns for marks to the table's contract; return whether any is new."""
        new = [m for m in marks if m.name not in {f.name for f in self.contract.fields}]
        if new:
            self.contract = replace(self.contract, fields=(*self.contract.fields, *new))
        return bool(new)


class Privacies:
    """Protects contracts by the rules and the keys of the settings.

    Args:
        settings: of the run.

    Raises:
        SettingsError: `privacy`, of the run or of a stream, or its key is refused.

    """

    def __init__(self, settings: Settings) -> None:
        for variant in settings.variants():
            _rules_and_key(variant)

    def of(self, contract: Contract, settings: Settings) -> Privacy:
        """Return what a stream's rules make of its contract, and say once what they leave open.

        Raises:
            ContractError: a rule does not fit the contract.
            SettingsError: a rule needs a key that is not there.

        """
        privacy = compile_privacy(contract, *_rules_and_key(settings), require_rule=settings.require_privacy_rule)
        for warning in privacy.warnings:
            log.once(warning)
        return privacy


def _rules_and_key(settings: Settings) -> tuple[PrivacyRules, Key | None]:
    rules = read_rules(settings.privacy)
    return rules, load_key(os.environ, env=rules.key_env, file=rules.key_file, secret=settings.privacy_key)


class Streams:
    """Makes streams of SCHEMA messages.

    Args:
        settings: of the run.
        contracts: gives each stream its contract and table.
        scratch: folder for keys and rows beyond memory; made when needed.

    Raises:
        SettingsError: `privacy` or its key is refused.

    """

    def __init__(self, settings: Settings, contracts: Contracts, scratch: Path) -> None:
        self._settings = settings
        self._contracts = contracts
        self._scratch = scratch
        self._privacies = Privacies(settings)

    def open(self, message: Schema, before: Stream | None) -> Stream:
        """Bind a stream to its contract; what does not fit fails here, before its rows are read.

        Args:
            message: its SCHEMA.
            before: the stream under its earlier SCHEMA; what was counted over the run goes on.

        Raises:
            ContractError: the contract, or a rule of it, does not fit.
            InputError: the SCHEMA cannot be read.

        """
        settings = self._settings.of(message.stream)
        contract = self._contracts.contract(message)
        evidence = properties(message.stream, message.schema)
        self._contracts.check_evidence(message, contract, evidence)
        privacy = self._privacies.of(contract, settings)
        policy = policy_of(settings.on_violation, privacy.clear, self._contracts.documented)
        judge = Judge(privacy.clear, policy, _deleted_at(privacy.clear, settings))
        keeps = judge.keeps_unknown
        return Stream(
            settings,
            message,
            self._contracts.identifier(message.stream, contract),
            privacy.contract,
            Plan(privacy.clear, evidence, keeps_unknown=keeps, with_message=settings.add_record_metadata),
            Plan(privacy.clear, evidence, bare=True, keeps_unknown=keeps),
            judge,
            privacy,
            self._ordered(privacy, judge, before, _scope_of_keys(settings)),
        )

    def _ordered(self, privacy: Privacy, judge: Judge, before: Stream | None, unique_check: str) -> Ordered:
        if before is not None and before.ordered.follows(privacy, judge):
            return before.ordered
        return Ordered(privacy, judge, self._scratch, unique_check)


def _deleted_at(contract: Contract, settings: Settings) -> str | None:
    """Return the column by which a record deletes the row with its key."""
    has = any(f.name == DELETED_AT for f in contract.fields)
    return DELETED_AT if has and settings.load_method == "upsert" else None


def _scope_of_keys(settings: Settings) -> str:
    """Among which rows keys may be once; a table that is replaced has none but those of the run."""
    replaced = settings.load_method == "overwrite" and settings.unique_check == "table"
    return "run" if replaced else settings.unique_check


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

    def take(self, staged: Staged) -> Staged:
        """Turn away rows that repeat a key, measure the others, and protect them."""
        reasons = self._repeats(columns_of(staged, self._privacy)) if self._unique else {}
        if reasons:
            staged = _sorted_out(staged, reasons)
        self._clear.observe(columns_of(staged, self._privacy), staged.count - staged.accepted.num_rows)
        sealed = staged.sealed(self._privacy)
        self._sealed.observe(sealed.accepted.select([f.name for f in self._privacy.contract.fields]), 0)
        return sealed

    def _repeats(self, batch: pa.RecordBatch) -> dict[int, list[tuple[Violation, Action]]]:
        """Return, by row, each key that it repeats and what the policy says of that."""
        reasons: dict[int, list[tuple[Violation, Action]]] = {}
        for repeats in self._unique.repeats(self._privacy.apply(batch) if self._scope == "table" else batch):
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


def _sorted_out(staged: Staged, reasons: Mapping[int, Reasons]) -> Staged:
    """Turn away accepted rows, by their index among them, or name the reasons in those that the policy keeps."""
    worst = {row: strongest([action for _, action in found]) for row, found in reasons.items()}
    flagged = {row: found for row, found in reasons.items() if worst[row] is Action.KEEP}
    if flagged:
        staged = kept(staged, flagged)
    if len(flagged) == len(reasons):
        return staged
    away = {row: (worst[row], reasons[row]) for row in sorted(reasons) if row not in flagged}
    keep = pa.array([row not in away for row in range(staged.accepted.num_rows)], pa.bool_())
    numbers = range(staged.accepted.num_rows) if staged.rows is None else staged.rows.to_pylist()
    rows = pc.indices_nonzero(keep) if staged.rows is None else staged.rows.filter(keep)
    accepted = replace(staged, accepted=staged.accepted.filter(keep), rows=rows)
    return turned_away(accepted, {numbers[row]: found for row, found in away.items()})

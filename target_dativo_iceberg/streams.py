"""A stream as its latest SCHEMA and its contract have it: how its records are read, judged, protected and counted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from target_dativo_iceberg import log
from target_dativo_iceberg.batch import Plan
from target_dativo_iceberg.contract.model import Contract, Field
from target_dativo_iceberg.contract.policy import Policy, policy_of
from target_dativo_iceberg.contract.privacy.protection import Privacy, compile_privacy, load_key, read_rules
from target_dativo_iceberg.contract.record_metadata import DELETED_AT
from target_dativo_iceberg.contract.rules.verdict import Judge
from target_dativo_iceberg.contract.singer import properties
from target_dativo_iceberg.errors import SettingsError
from target_dativo_iceberg.machine import scratch
from target_dativo_iceberg.ordered import Ordered
from target_dativo_iceberg.telemetry.events import Column, StreamStarted

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.privacy.key import Key
    from target_dativo_iceberg.contract.privacy.rules import PrivacyRules
    from target_dativo_iceberg.messages import Schema
    from target_dativo_iceberg.route import Contracts
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.table_rows import Rows


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
        unprotected: the contract before protection.

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
    unprotected: Contract

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was compiled from, without secrets: who opens it needs keys of his own."""
        made_of = (self.settings.without_secrets(), self.schema, self.identifier, self.unprotected)
        return _compiled_again, (*made_of, self.judge.policy, self.contract, self.privacy.key_id)

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
        privacy = protection(contract, settings)
        for warning in privacy.warnings:
            log.once(warning)
        return privacy


def protection(contract: Contract, settings: Settings) -> Privacy:
    """Return what the privacy rules of a stream's settings make of its contract.

    Raises:
        ContractError: a rule does not fit the contract.
        SettingsError: a rule needs a key that is not there.

    """
    return compile_privacy(contract, *_rules_and_key(settings), require_rule=settings.require_privacy_rule)


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
        self._contracts.check_evidence(message, contract, properties(message.stream, message.schema))
        privacy = self._privacies.of(contract, settings)
        policy = policy_of(settings.on_violation, privacy.clear, self._contracts.documented)
        identifier = self._contracts.identifier(message.stream, contract)
        stream = stream_of(settings, message, identifier, contract, privacy, policy, self._scratch)
        if before is not None and before.ordered.follows(privacy, stream.judge):
            stream.ordered = before.ordered
        return stream


def stream_of(
    settings: Settings,
    message: Schema,
    identifier: tuple[str, ...],
    contract: Contract,
    privacy: Privacy,
    policy: Policy,
    scratch: Path,
) -> Stream:
    """Compile a stream.

    Args:
        settings: what holds for it.
        message: its SCHEMA.
        identifier: of its table.
        contract: before protection.
        privacy: what protection makes of it.
        policy: what a violation causes.
        scratch: folder for keys and rows beyond memory; made when needed.

    Raises:
        ContractError: a rule cannot be applied.

    """
    evidence = properties(message.stream, message.schema)
    judge = Judge(privacy.clear, policy, _deleted_at(privacy.clear, settings))
    keeps = judge.keeps_unknown
    return Stream(
        settings,
        message,
        identifier,
        privacy.contract,
        Plan(privacy.clear, evidence, keeps_unknown=keeps, with_message=settings.add_record_metadata),
        Plan(privacy.clear, evidence, bare=True, keeps_unknown=keeps),
        judge,
        privacy,
        Ordered(privacy, judge, scratch, _scope_of_keys(settings)),
        contract,
    )


def _compiled_again(
    settings: Settings,
    message: Schema,
    identifier: tuple[str, ...],
    unprotected: Contract,
    policy: Policy,
    contract: Contract,
    key_id: str,
) -> Stream:
    """Return a stream that was pickled; `contract` has the marks that rows got, `key_id` is of the privacy key.

    Raises:
        SettingsError: there is no privacy key here, or another one.

    """
    privacy = protection(unprotected, settings)
    if privacy.key_id != key_id:
        raise SettingsError(
            f"stream '{message.stream}': a worker has another privacy key", "give all the same, by environment or file"
        )
    stream = stream_of(settings, message, identifier, unprotected, privacy, policy, scratch())
    stream.contract = contract
    return stream


def _deleted_at(contract: Contract, settings: Settings) -> str | None:
    """Return the column by which a record deletes the row with its key."""
    has = any(f.name == DELETED_AT for f in contract.fields)
    return DELETED_AT if has and settings.load_method == "upsert" else None


def _scope_of_keys(settings: Settings) -> str:
    """Among which rows keys may be once; a table that is replaced has none but those of the run."""
    replaced = settings.load_method == "overwrite" and settings.unique_check == "table"
    return "run" if replaced else settings.unique_check

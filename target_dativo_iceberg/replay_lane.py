"""One stream's way from quarantine into its table: what can be judged of a kept record, and the verdict on it.

Records of a stream with protected columns are kept as the table would hold them. They are judged as rows of the table;
what a rule said of a protected value when the record came holds for as long as the contract has the rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from target_dativo_iceberg.batch import Plan
from target_dativo_iceberg.contract.model import Contract, Field, Rule
from target_dativo_iceberg.contract.policy import PRESETS, Action, Klass, Policy, policy_of
from target_dativo_iceberg.contract.privacy.seal import REDACTED, ActionKind
from target_dativo_iceberg.contract.rules.uniqueness import unique_rules
from target_dativo_iceberg.contract.rules.verdict import Judge
from target_dativo_iceberg.contract.values.coerce import NotJsonError, decode
from target_dativo_iceberg.messages import Records
from target_dativo_iceberg.ordered import Ordered
from target_dativo_iceberg.stage import RESCUED, stage

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.privacy.protection import Privacy
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.table_rows import Rows

_MALFORMED = "malformed"
_REDACTED = "redacted"


@dataclass(frozen=True, slots=True)
class Judged:
    """Quarantined records after the verdict.

    Attributes:
        accepted: rows for the table.
        passed: the records they are, by index.
        broken_by: records that stay, by the rule that keeps each.

    """

    accepted: pa.RecordBatch
    passed: frozenset[int]
    broken_by: Mapping[str, int]


class Lane:
    """A stream's way into the table.

    Args:
        stream: its name.
        settings: of the stream.
        privacy: its contract in the clear and in the table.
        scratch: folder for keys beyond memory.

    Attributes:
        written: the contract that the rows are written by.

    """

    def __init__(self, stream: str, settings: Settings, privacy: Privacy, scratch: Path) -> None:
        self._stream = stream
        self._privacy = privacy
        as_kept = privacy.for_protected()
        contract = as_kept.contract
        policy = _policy(settings, privacy.clear)
        self._judge = Judge(contract, policy)
        self._plan = Plan(contract, {}, bare=True, keeps_unknown=self._judge.keeps_unknown)
        self._ordered = Ordered(as_kept, self._judge, scratch, _scope_of_keys(settings))
        rescues = self._judge.unknown_action is Action.RESCUE
        self.written = replace(contract, fields=(*contract.fields, RESCUED)) if rescues else contract
        self._unjudged = _Unjudged(privacy, repeats=policy.classes[Klass.DUPLICATE_KEY] is not Action.KEEP)

    def learn(self, identifier: tuple[str, ...], rows: Rows) -> None:
        """Learn the keys of the table, if records may not repeat these."""
        if self._ordered.wants_table:
            self._ordered.learn(identifier, rows)

    def judge(self, rows: pa.RecordBatch) -> Judged:
        """Judge rows of the quarantine table, all of this stream."""
        lines = [text.encode() for text in rows.column("_record").to_pylist()]
        reasons = rows.column("_errors").to_pylist()
        held = {i: rule for i, line in enumerate(lines) if (rule := self._unjudged.rule(line, reasons[i] or ()))}
        whole = [i for i in range(len(lines)) if i not in held]
        records = Records(self._stream, pa.array([lines[i] + b"\n" for i in whole], pa.binary()), 0, 0, None)
        staged = self._ordered.take(stage(self._plan, self._judge, records))
        passed = frozenset(whole) - {whole[r.line_number] for r in staged.rejected}
        return Judged(staged.accepted, passed, Counter(staged.by_rule) + Counter(held.values()))


def _scope_of_keys(settings: Settings) -> str:
    return "table" if settings.load_method == "upsert" else settings.unique_check


def _policy(settings: Settings, contract: Contract) -> Policy:
    """A record that still breaks the contract stays where it is; the rest is as in a load."""
    classes = policy_of(settings.on_violation, contract).classes
    found = dict(PRESETS["quarantine"])
    unknown = classes[Klass.UNKNOWN_FIELD]
    found[Klass.UNKNOWN_FIELD] = Action.QUARANTINE if unknown is Action.FAIL else unknown
    if classes[Klass.DUPLICATE_KEY] is Action.KEEP:
        found[Klass.DUPLICATE_KEY] = Action.KEEP
    return Policy(found, spares=True)


class _Unjudged:
    """Finds why a kept record stays without being read again.

    Args:
        privacy: of its stream.
        repeats: a record may not repeat a key.

    """

    def __init__(self, privacy: Privacy, *, repeats: bool) -> None:
        clear = privacy.clear
        self._hidden = privacy.hidden
        self._required = {f.name for f in clear.fields if f.required}
        self._rules = {rule.id for f in clear.fields if f.name in self._hidden for rule in _rules(f)}
        self._unique = unique_rules(clear) if repeats else frozenset()
        self._columns = () if privacy.replayable else _with_values(privacy)

    def rule(self, line: bytes, errors: Sequence[Mapping[str, Any]]) -> str | None:
        """Return the rule that keeps a record in quarantine, None when the record is to be judged."""
        record = _record(line)
        if record is None:
            return _MALFORMED
        broken = next((e["rule"] for e in errors if self._holds(e)), None)
        if broken is None and any(_has_redacted(record.get(name)) for name in self._columns):
            return _REDACTED
        return broken

    def _holds(self, error: Mapping[str, Any]) -> bool:
        """Whether a reason that cannot be judged anew still speaks against the record."""
        if error["class"] == Klass.DUPLICATE_KEY:  # another record with the key has landed, or will
            return error["rule"] in self._unique
        if error["field"] not in self._hidden:
            return False
        if error["class"] == Klass.MISSING_REQUIRED:
            return error["field"] in self._required
        return error["class"] == Klass.TYPE or error["rule"] in self._rules


def is_record(line: bytes) -> bool:
    """Whether a text kept in quarantine is a JSON object: a line that was no record is kept as it came."""
    return _record(line) is not None


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = decode(line)
    except NotJsonError:
        return None
    return record if isinstance(record, dict) else None


def _rules(field: Field) -> Iterator[Rule]:
    yield from field.rules
    for below in (*field.type.fields, *((field.type.item,) if field.type.item else ())):
        yield from _rules(below)


def _with_values(privacy: Privacy) -> tuple[str, ...]:
    """Columns in which `[redacted]` stands for a value that is lost, and is not the value itself."""
    redact = str(ActionKind.REDACT)
    actions = {f.name: set[str]() for f in privacy.contract.fields}
    for path, action in privacy.protected.items():
        actions[path.partition(".")[0]].add(action)
    return tuple(name for name, found in actions.items() if found != {redact})


def _has_redacted(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_redacted(v) for v in value.values())
    if isinstance(value, list):
        return any(_has_redacted(v) for v in value)
    return bool(value == REDACTED)

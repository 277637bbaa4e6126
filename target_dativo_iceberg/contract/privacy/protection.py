"""Privacy at the door: protected columns leave the contract's clear form before anything is written.

::

    rules = read_rules(settings.privacy)
    key = load_key(os.environ, env=rules.key_env, file=rules.key_file, secret=settings.privacy_key)
    privacy = compile_privacy(contract, rules, key)

Records are read and judged by `privacy.clear`; `privacy.apply` turns accepted rows into rows of `privacy.contract`,
the table; `privacy.apply_record` does the same to the JSON of rejected ones. docs/privacy.md is for users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from target_dativo_iceberg.contract.model import Check, Contract, Field, Type
from target_dativo_iceberg.contract.privacy.apply import Keep, Members, Output
from target_dativo_iceberg.contract.privacy.compile import Compiler, column_path
from target_dativo_iceberg.contract.privacy.contracts import clear_checks, clear_contract, sealed_contract
from target_dativo_iceberg.contract.privacy.key import Key, load_key, read_key
from target_dativo_iceberg.contract.privacy.read import contract_rules, property_policies, read_rules
from target_dativo_iceberg.contract.privacy.record import RecordMask, folded
from target_dativo_iceberg.contract.privacy.rules import PrivacyRules, ordered, refuse_lost, refused
from target_dativo_iceberg.contract.privacy.seal import ActionKind, DecryptError, decrypt
from target_dativo_iceberg.contract.values.arrow import arrow_schema
from target_dativo_iceberg.errors import SettingsError

__all__ = [
    "DecryptError",
    "Key",
    "Privacy",
    "PrivacyRules",
    "compile_privacy",
    "decrypt",
    "load_key",
    "property_policies",
    "read_key",
    "read_rules",
]

KEY_ID = "privacy.key-id"
FIELDS = "privacy.fields."


@dataclass(frozen=True, slots=True)
class Privacy:
    """What privacy rules make of one contract. Threads may share it.

    Attributes:
        clear: the contract that records are read and judged by.
        contract: the contract of the table; its `properties` include those of privacy.
        protected: path of each protected column of the table, as Iceberg writes it → its action.
        key_id: fingerprint of the key, if an action uses it, else empty.
        warnings: sentences to log once.
        clear_checks: aggregate checks of the contract that must see clear values; the table's contract has the others.
        used: names of the rules that matched a column.

    """

    clear: Contract
    contract: Contract
    protected: Mapping[str, str]
    key_id: str
    warnings: tuple[str, ...]
    clear_checks: tuple[Check, ...]
    used: frozenset[str]
    accept_change: bool
    _members: Members = field(repr=False)
    _mask: RecordMask | None = field(repr=False)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return accepted rows as the table has them.

        Args:
            batch: rows in the schema of `clear`, already judged.

        """
        if self._members.unchanged:
            return batch
        return pa.RecordBatch.from_arrays(self._members.columns(batch.columns), schema=arrow_schema(self.contract))

    @property
    def changes_nothing(self) -> bool:
        """Whether accepted rows stay as they are."""
        return self._members.unchanged

    def apply_record(self, record: bytes) -> bytes:
        """Return the JSON text of a rejected record with its protected values hidden, valid JSON in every case.

        Args:
            record: JSON text of the record, or what came in its place.

        """
        return record if self._mask is None else self._mask.masked(record)

    @property
    def replayable(self) -> bool:
        """Whether rejected records are kept as they came, and may be taken for what the source said."""
        return self._mask is None

    @property
    def hidden(self) -> frozenset[str]:
        """Columns of `clear` whose values the table does not hold as they came, in whole or in part."""
        kept = {o.source for o in self._members.outputs if isinstance(o.step, Keep)}
        return frozenset(f.name for i, f in enumerate(self._members.inputs) if i not in kept)

    def for_protected(self) -> Privacy:
        """Return the privacy of rows that are protected already: they are read as the table has them and stay so."""
        outputs = tuple(Output(i, f, Keep(f.type)) for i, f in enumerate(self.contract.fields))
        contract = replace(self.contract, checks=())
        members = Members(contract.fields, outputs)
        return replace(self, clear=contract, contract=contract, clear_checks=(), _members=members, _mask=None)

    @property
    def protected_columns(self) -> tuple[str, ...]:
        """Columns for which the table property `write.metadata.metrics.column.<c>` is to be `none`.

        Parquet footers and manifests only ever see protected values, since `apply` comes before any write. Their
        bounds are useless for hashes, and for `partial` there is no reason to hold them twice.
        """
        return tuple(self.protected)

    @property
    def properties(self) -> dict[str, str]:
        """Table properties that tell how columns are protected; also in `contract.properties`."""
        return _properties(self.protected, self.key_id)

    def check_table(self, properties: Mapping[str, str]) -> None:
        """Compare with a table that is there, so that protection neither ends nor changes unnoticed.

        Args:
            properties: of the table.

        Raises:
            SettingsError: it was written under another key or a column was protected by another action,
                and `accept_change` is not set.

        """
        if self.accept_change:
            return
        hint = "restore the former setting; if the change is meant, set 'accept_change' in 'privacy'"
        stored = properties.get(KEY_ID, "")
        if stored and self.key_id and stored != self.key_id:
            message = (
                f"table of '{self.contract.name}': written with privacy key {stored}, and the key is now {self.key_id}"
            )
            raise SettingsError(f"{message}, so equal values would no longer be equal in it", hint)
        for column, action in self._former(properties):
            now = self.protected.get(column, "allow")
            if now != action:
                message = f"table of '{self.contract.name}': column '{column}' is protected by '{action}'"
                raise SettingsError(f"{message}, and the privacy rules now say '{now}'", hint)

    def _former(self, properties: Mapping[str, str]) -> list[tuple[str, str]]:
        """Columns that are written and were protected, with the actions that they were protected by."""
        written = set(_paths(self.contract.fields, ""))
        stored = [(n.removeprefix(FIELDS), action) for n, action in properties.items() if n.startswith(FIELDS)]
        return [(column, action) for column, action in stored if column in written]


def compile_privacy(contract: Contract, rules: PrivacyRules, key: Key | None, *, require_rule: bool = False) -> Privacy:
    """Compile privacy rules for one contract.

    Args:
        contract: as read; its own rules (`dativo.privacy`) are used too.
        rules: of the settings.
        key: None when there is none; then rules that need it are errors.
        require_rule: setting `require_privacy_rule`: a column classified restricted, confidential or pii that no rule
            covers is an error instead of a warning.

    Raises:
        ContractError: a rule does not fit the contract (its keys, partitions, nested types, names).
        SettingsError: a rule needs a key or the package `cryptography`, which is not there.

    """
    compiler = Compiler(contract, ordered(rules, contract_rules(contract), contract.name), key, rules.key_env)
    members = compiler.members(contract.fields)
    refuse_lost(compiler.rules, contract, compiler.there)
    warnings = _lacking(contract, compiler.lacking, require_rule=require_rule)
    protected = {column_path(path): str(action) for path, action in compiler.protected.items()}
    keyed = any(action.keyed for action in compiler.protected.values())
    key_id = key.id if key is not None and keyed else ""
    clear = clear_contract(contract, members)
    return Privacy(
        clear=clear,
        contract=sealed_contract(contract, members, compiler.decided, _properties(protected, key_id)),
        protected=protected,
        key_id=key_id,
        warnings=warnings,
        clear_checks=clear_checks(contract, members, compiler.decided),
        used=frozenset(compiler.used),
        accept_change=rules.accept_change,
        _members=members,
        _mask=_mask(compiler, members, clear, rules.quarantine),
    )


def _mask(compiler: Compiler, members: Members, clear: Contract, keeps: str) -> RecordMask | None:
    hidden = [path for path, action in compiler.decided.items() if action.kind is not ActionKind.ALLOW]
    if not hidden and keeps != "keys":
        return None
    names = frozenset(folded(path.rpartition(".")[2]) for path in hidden)
    return RecordMask(members, frozenset(clear.primary_key), keeps, names)


def _properties(protected: Mapping[str, str], key_id: str) -> dict[str, str]:
    fields = {f"{FIELDS}{column}": action for column, action in protected.items()}
    metrics = {f"write.metadata.metrics.column.{column}": "none" for column in protected}
    return fields | metrics | ({KEY_ID: key_id} if key_id else {})


def _paths(fields: Sequence[Field], prefix: str) -> Iterator[str]:
    for f in fields:
        yield from _below(f.type, f"{prefix}{f.name}")


def _below(type_: Type, path: str) -> Iterator[str]:
    yield path
    yield from _paths(type_.fields, f"{path}.")
    if type_.key is not None:
        yield f"{path}.key"
    if type_.item is not None:
        yield from _below(type_.item.type, f"{path}.{'element' if type_.key is None else 'value'}")


def _lacking(contract: Contract, paths: list[str], *, require_rule: bool) -> tuple[str, ...]:
    if not paths:
        return ()
    shown = ", ".join(f"'{path}'" for path in paths[:10]) + (f" and {len(paths) - 10} more" if len(paths) > 10 else "")
    message = f"no privacy rule covers {shown}, classified as restricted, confidential or pii"
    hint = "add a rule, or one with action allow"
    if require_rule:
        raise refused(contract, message, hint)
    return (f"object '{contract.name}': {message}; written in the clear ({hint})",)

"""The fields and rules that setting `on_violation` names: they exist, and can have the actions it gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from target_dativo_iceberg.contract.actions import VALID, Action, Klass, listed
from target_dativo_iceberg.contract.model import Contract, Field
from target_dativo_iceberg.contract.reading.document import nearest
from target_dativo_iceberg.errors import ContractError, SettingsError

# Classes of what may be wrong with a column.
_OF_COLUMN = (Klass.MISSING_REQUIRED, Klass.TYPE, Klass.CONSTRAINT, Klass.DUPLICATE_KEY)
# Rules that have no id of their own.
_GENERAL = {
    "json": Klass.MALFORMED,
    "required": Klass.MISSING_REQUIRED,
    "type": Klass.TYPE,
    "unknown_field": Klass.UNKNOWN_FIELD,
}
_HINT = "see docs/contracts.md for the names of fields and rules"


def check_fields(fields: Mapping[str, Action], contract: Contract, others: Sequence[Contract]) -> None:
    """Refuse fields that no contract has, and actions that nothing wrong with a column can cause.

    Args:
        fields: action by column name, or by the path of what is in a column: `address.zip`, `lines[].count`, `marks[]`.
        contract: of the stream.
        others: contracts of other streams; one setting may name fields of several.

    Raises:
        SettingsError: an action cannot be.
        ContractError: no contract has a field.

    """
    allowed = frozenset().union(*(VALID[klass] for klass in _OF_COLUMN))
    for name, action in fields.items():
        if action not in allowed:
            message = f"on_violation: field '{name}' cannot have action '{action}'"
            raise SettingsError(message, f"use one of {listed(allowed)}")
    if contract.inferred or not fields:
        return
    known = {label for one in (contract, *others) for column in one.fields for label, _ in labelled(column)}
    for name in fields:
        if name not in known:
            message = f"on_violation names field '{name}', which contract '{contract.name}' does not have"
            raise ContractError(message, nearest(name, known, _HINT))


def check_rules(rules: Mapping[str, Action], contract: Contract, others: Sequence[Contract]) -> None:
    """Refuse rules that no contract has, and actions that a rule's class cannot have.

    Ids that begin with another name than that of an object pass: the SCHEMA of their stream is its contract.

    Args:
        rules: action by rule id.
        contract: of the stream.
        others: contracts of other streams; one setting may name rules of several.

    Raises:
        SettingsError: an action cannot be.
        ContractError: no contract has a rule.

    """
    if not rules:
        return
    all_of_them = (contract, *others)
    classes = {**_GENERAL, **{rule: klass for one in all_of_them for rule, klass in _classes(one)}}
    names = {one.name for one in all_of_them if not one.inferred}
    for rule, action in rules.items():
        klass = classes.get(rule)
        if klass is None:
            if "." not in rule or any(rule.startswith(f"{name}.") for name in names):
                message = f"on_violation names rule '{rule}', which contract '{contract.name}' does not have"
                raise ContractError(message, nearest(rule, classes, _HINT))
        elif action not in VALID[klass]:
            message = f"on_violation: rule '{rule}' is of class '{klass}' and cannot have action '{action}'"
            raise SettingsError(message, f"use one of {listed(VALID[klass])}")


def labelled(column: Field) -> Iterator[tuple[str, Field]]:
    """Yield a column and all that is in it, each with its path as ids of rules have it: `lines[].count`."""
    yield from _labelled(column, column.name)


def _labelled(member: Field, label: str) -> Iterator[tuple[str, Field]]:
    yield label, member
    for below in member.type.fields:
        yield from _labelled(below, f"{label}.{below.name}")
    if member.type.item is not None:
        yield from _labelled(member.type.item, f"{label}[]")


def _classes(contract: Contract) -> Iterable[tuple[str, Klass]]:
    """Yield the ids of a contract's rules, each with its class."""
    yield f"{contract.name}.primaryKey", Klass.DUPLICATE_KEY
    for check in contract.checks:
        yield check.id, Klass.QUALITY
    for column in contract.fields:
        yield f"{contract.name}.{column.name}.required", Klass.MISSING_REQUIRED
        for label, member in labelled(column):
            yield f"{contract.name}.{label}.unique", Klass.DUPLICATE_KEY
            for rule in member.rules:
                yield rule.id, Klass.CONSTRAINT

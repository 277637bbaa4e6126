"""The contracts before and after privacy: what records are held to, and what the table is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.model import Check, CheckKind, Contract, Partition
from target_dativo_iceberg.contract.privacy.apply import Keep, Members, Output, Seal
from target_dativo_iceberg.contract.privacy.rules import refused
from target_dativo_iceberg.contract.privacy.seal import Action, ActionKind

if TYPE_CHECKING:
    from target_dativo_iceberg.errors import ContractError

# SQL rules keep the rows they need on disk, where clear values have no place.
_OF_TABLE = frozenset({CheckKind.SQL, CheckKind.CUSTOM, CheckKind.TEXT})
_OF_TIME = frozenset({"year", "month", "day", "hour"})


def clear_contract(contract: Contract, members: Members) -> Contract:
    """Return the contract that records are held to: without the columns that only take ciphertext."""
    if members.inputs == contract.fields:
        return contract
    source = {moved: name for name, moved in _moved(members).items()}
    key = tuple(dict.fromkeys(source.get(name, name) for name in contract.primary_key))
    fields = tuple(replace(f, required=f.required or f.name in key) for f in members.inputs)
    return replace(contract, fields=fields, primary_key=key)


def sealed_contract(
    contract: Contract, members: Members, decided: Mapping[str, Action], properties: Mapping[str, str]
) -> Contract:
    """Return the contract of the table.

    Args:
        contract: as its document has it.
        members: what becomes of its columns.
        decided: actions on its columns.
        properties: table properties about privacy.

    Raises:
        ContractError: no column is left, or a key or partition column would no longer serve.

    """
    if not members.outputs:
        raise refused(contract, "privacy rules drop every column", "keep at least one")
    moved = _moved(members)
    _refuse_unfit_keys(contract, decided)
    _refuse_unfit_partitions(contract, decided, moved)
    if members.unchanged and not properties:
        return contract
    kept = tuple(c for c in contract.checks if not _needs_clear(c, members, decided))
    names = {output.field.name for output in members.outputs}
    return replace(
        contract,
        fields=tuple(output.field for output in members.outputs),
        sort=tuple(key for key in contract.sort if key.field in names),
        primary_key=tuple(dict.fromkeys(moved.get(name, name) for name in contract.primary_key)),
        checks=kept,
        properties=dict(contract.properties) | dict(properties),
    )


def clear_checks(contract: Contract, members: Members, decided: Mapping[str, Action]) -> tuple[Check, ...]:
    """Return the aggregate checks that say something only about clear values."""
    return tuple(c for c in contract.checks if _needs_clear(c, members, decided))


def _moved(members: Members) -> dict[str, str]:
    """Clear column → the one that takes its ciphertext."""
    sources = ((members.inputs[o.source].name, o.field.name) for o in members.outputs)
    return {name: moved for name, moved in sources if name != moved}


# ---- keys and partitions ----


def _refuse_unfit_keys(contract: Contract, decided: Mapping[str, Action]) -> None:
    for name in contract.primary_key:
        action = decided.get(name)
        if action is not None and not _serves(action):
            message = f"'{name}' is in the primary key, and action '{action.kind}' does not keep keys apart"
            raise refused(contract, message, "use hash, token or encrypt")


def _refuse_unfit_partitions(contract: Contract, decided: Mapping[str, Action], moved: Mapping[str, str]) -> None:
    source = {to: name for name, to in moved.items()}
    for partition in contract.partitions:
        action = decided.get(source.get(partition.field, partition.field))
        if partition.field in moved:
            hint = f"partition by '{moved[partition.field]}' or another column"
            raise _unfit(contract, partition, "its values go to another column", hint)
        if action is None or action.kind is ActionKind.ALLOW:
            continue
        if not _serves(action):
            hint = "use hash, token, or encrypt with joinable, or partition by another column"
            raise _unfit(contract, partition, f"action '{action.kind}' does not keep values apart", hint)
        if partition.transform in _OF_TIME:
            hint = "partition by another column"
            raise _unfit(contract, partition, f"action '{action.kind}' leaves no {partition.transform}", hint)


def _unfit(contract: Contract, partition: Partition, message: str, hint: str) -> ContractError:
    return refused(contract, f"the table is partitioned by '{partition.field}', and {message}", hint)


def _serves(action: Action) -> bool:
    return action.kind is ActionKind.ALLOW or action.distinguishes


# ---- checks ----


def _needs_clear(check: Check, members: Members, decided: Mapping[str, Action]) -> bool:
    """Tell whether a check would see other than it was written for, once columns are protected."""
    if check.kind in _OF_TABLE:
        return False
    if check.kind is CheckKind.DUPLICATE_VALUES and not check.fields:
        return not members.unchanged
    return any(not _same_for(check, outputs, decided) for outputs in _outputs_of(check, members))


def _outputs_of(check: Check, members: Members) -> Iterator[list[Output]]:
    """Yield, for each column a check is about, what becomes of it."""
    for path in check.fields:
        index = next((i for i, f in enumerate(members.inputs) if f.name == path.partition(".")[0]), None)
        if index is not None:
            yield [o for o in members.outputs if o.source == index]


def _same_for(check: Check, outputs: list[Output], decided: Mapping[str, Action]) -> bool:
    if len(outputs) != 1:
        return False
    step, name = outputs[0].step, outputs[0].field.name
    if isinstance(step, Keep):
        return True
    if not isinstance(step, Seal) or name not in decided:
        return False
    nulls = check.kind is CheckKind.NULL_VALUES
    return nulls or (check.kind is CheckKind.DUPLICATE_VALUES and decided[name].distinguishes)

"""A table made fit for contracts: the evolution plan, partitions and sort order, applied to a transaction."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

from target_dativo_iceberg import log
from target_dativo_iceberg.contract.evolution import plan
from target_dativo_iceberg.contract.steps import AddColumn, Leeway, Plan, Promote, Rekey, Relax, Rename, Step
from target_dativo_iceberg.errors import EvolutionError
from target_dativo_iceberg.iceberg_types import iceberg_type
from target_dativo_iceberg.partitions import rearrange, refuse_unfit
from target_dativo_iceberg.table_state import state_of

if TYPE_CHECKING:
    from pyiceberg.table import Transaction

    from target_dativo_iceberg.contract.model import Contract


def evolved(
    transaction: Transaction, contracts: Iterable[Contract], leeway: Leeway, *, respec: bool = False
) -> Transaction:
    """Apply to a transaction what its table needs for each contract in turn.

    Args:
        transaction: of the table.
        contracts: whose rows are to be written, in order.
        leeway: how far columns may change.
        respec: whether partitions and sort order may.

    Raises:
        EvolutionError: the table cannot take a contract's rows.

    """
    refuse_unfit(transaction._table)
    for contract in contracts:
        steps = _steps(transaction, contract, leeway)
        if steps:
            _evolve(transaction, steps)
        rearrange(transaction, contract, allowed=respec)
    return transaction


def _steps(transaction: Transaction, contract: Contract, leeway: Leeway) -> tuple[Step, ...]:
    name = ".".join(transaction._table.name())
    found = plan(state_of(transaction.table_metadata, name), contract, leeway)
    for warning in found.warnings:
        log.once(f"table {name}: {warning}")
    if found.problems:
        raise EvolutionError(
            f"table {name} cannot take the rows of '{contract.name}': {'; '.join(found.problems)}",
            _hint(found, leeway.under(contract)),
        )
    return found.steps


def _hint(found: Plan, leeway: Leeway) -> str:
    if found.misfits == found.problems and leeway.on_incompatible == "new_table":
        return "raise the first number of the contract's version, or mend the contract"
    if found.misfits == found.problems and leeway.on_incompatible == "fail":
        return (
            "set on_incompatible to new_table or variant_column, mend the contract, "
            "or load into another table (table_prefix, namespace)"
        )
    return "mend the contract, or load into another table (table_prefix, namespace)"


def _evolve(transaction: Transaction, steps: Iterable[Step]) -> None:
    """Apply evolution steps to a transaction; renames first, since the others know the new names."""
    steps = list(steps)
    for some in ([s for s in steps if isinstance(s, Rename)], [s for s in steps if not isinstance(s, Rename)]):
        if some:
            _update(transaction, some)


def _update(transaction: Transaction, steps: Iterable[Step]) -> None:
    with transaction.update_schema() as update:
        for step in steps:
            match step:
                case AddColumn():
                    ids = itertools.count(1)
                    type_ = iceberg_type(step.field.type, ids)
                    update.add_column(step.path, type_, doc=step.field.description or None)
                case Promote():
                    update.update_column(step.path, iceberg_type(step.type, itertools.count(1)))
                case Relax():
                    update.make_column_optional(step.path)
                case Rename():
                    update.rename_column(step.path, step.name)
                case Rekey():
                    update.set_identifier_fields(*step.path)

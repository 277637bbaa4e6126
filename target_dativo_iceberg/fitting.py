"""Which table takes a contract's rows: its own, or under `new_table` the next version of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_dativo_iceberg import log
from target_dativo_iceberg.contract.evolution import plan
from target_dativo_iceberg.contract.versions import major_of
from target_dativo_iceberg.errors import EvolutionError
from target_dativo_iceberg.table_state import state_of

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.model import Contract
    from target_dativo_iceberg.tables import Identifier, Store


def fitting(store: Store, identifier: Identifier, contract: Contract) -> Identifier:
    """Return the table for a contract's rows.

    Args:
        store: the catalog.
        identifier: the contract's own table, which may not exist.
        contract: of the rows, protected columns as they are written.

    Raises:
        EvolutionError: the contract has no version that would name another table.
        StoreError: the catalog did not answer.

    """
    if store.leeway.under(contract).on_incompatible != "new_table" or (table := store.load(identifier)) is None:
        return identifier
    found = plan(state_of(table.metadata), contract, store.leeway)
    if not found.misfits or found.misfits != found.problems:
        return identifier
    major, name = major_of(contract.version), ".".join(identifier)
    misfits = "; ".join(found.misfits)
    if major is None:
        raise EvolutionError(
            f"table {name} cannot take the rows of '{contract.name}': {misfits}; on_incompatible 'new_table' names "
            "the other table by the contract's version, and it has none",
            "give the contract a version such as 2.0.0",
        )
    other = (*identifier[:-1], f"{identifier[-1]}_v{major}")
    log.once(f"table {name}: {misfits}; the rows of '{contract.name}' go to table {'.'.join(other)}")
    return other

"""What is asked of the rows of tables before readers see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from target_dativo_iceberg.errors import ViolationError

if TYPE_CHECKING:
    from target_dativo_iceberg.publish import TableChange
    from target_dativo_iceberg.table_rows import Rows
    from target_dativo_iceberg.tables import Store

# Finds problems in the rows of tables.
Audit = Callable[["Rows"], Sequence[str]]


def on_branch(audit: Audit) -> Callable[[Store], Sequence[str]]:
    """Return an audit of tables as they are on the branch of a store."""
    from target_dativo_iceberg.table_rows import published  # noqa: PLC0415 - PyIceberg loads on the encoder thread

    return lambda store: audit(published(store))


def refuse_failed(audits: Sequence[Audit], store: Store, changes: Sequence[TableChange]) -> None:
    """Audit tables as a publish is about to leave them.

    Raises:
        ViolationError: an audit found a problem.

    """
    from target_dativo_iceberg.table_rows import about_to_be  # noqa: PLC0415 - PyIceberg loads on the encoder thread

    rows = about_to_be(store, changes)
    problems = [problem for audit in audits for problem in audit(rows)]
    if problems:
        raise ViolationError(f"the audit failed: {'; '.join(problems)}", "mend the data or the contract")

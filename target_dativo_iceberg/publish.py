"""Publishing an epoch: every table it touches changes in one commit, or none does.

Staging hands over data files that no snapshot names yet. A commit is metadata only, so it can be built anew
against a fresh head as often as it takes; the files stay the same. What makes that exact: every change asserts
the snapshot it was built on, so two tries of one epoch cannot both win, and carries the job's checkpoint, so a
try that did win is recognised (facts: PyIceberg and Nessie, section 5).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyiceberg.exceptions import ValidationException
from pyiceberg.table.update import AssertCreate, AssertTableUUID

from target_dativo_iceberg import log, names
from target_dativo_iceberg.checkpoint import Checkpoint
from target_dativo_iceberg.commit import Prepared, commit
from target_dativo_iceberg.contract.versions import REQUIRED
from target_dativo_iceberg.errors import ConflictError, StoreError, UnknownOutcomeError
from target_dativo_iceberg.history import without_history
from target_dativo_iceberg.refit import refitted, same_columns, same_partitions
from target_dativo_iceberg.snapshot_times import in_order
from target_dativo_iceberg.snapshots import snapshot_of
from target_dativo_iceberg.store_errors import store_errors
from target_dativo_iceberg.stored_rows import tasks_of
from target_dativo_iceberg.table_state import columns_of, required_properties
from target_dativo_iceberg.tables import Destination, Store, contract_properties, created

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from target_dativo_iceberg.retirement import Retirement
    from target_dativo_iceberg.upsert import Upsert

_TRY_SECONDS = 120.0
# Short, or those who have lost most often would try least often, and lose to writers that come fresh to it.
_LONGEST_WAIT = 0.5
_UNKNOWN_TRIES = 5
__all__ = ["Checkpoint", "TableChange", "landed", "publish", "settled"]

# They travel as headers, of which servers take 8 KiB or more in all.
_COMMIT_PROPERTIES_BYTES = 4096
_HEADER = "Nessie-Commit-Property-: \r\n"


@dataclass(frozen=True, slots=True)
class TableChange:
    """What an epoch does to one table.

    Attributes:
        destination: the table and its evolution.
        files: data files to add; with none, the table is only created or evolved.
        removes: data files that the added ones replace, in the same snapshot.
        summary: snapshot properties, for people.
        upsert: rows to be merged by key; files and what they replace follow from the table as it is.
        replaces_all: the files replace all that the table has.
        retirement: rows of older versions, which leave the table or are marked as deleted.
        rewritten: data files that such rows have left, to be added; they follow from the table as it is.
        same_rows: the added files hold the rows of the removed ones, no others.
        check: looks at the table as it is before each try; raises ConflictError when the files do not fit it.

    """

    destination: Destination
    files: Sequence[DataFile] = ()
    removes: Sequence[DataFile] = ()
    summary: Mapping[str, str] = field(default_factory=dict)
    upsert: Upsert | None = None
    replaces_all: bool = False
    retirement: Retirement | None = None
    rewritten: Sequence[DataFile] = ()
    same_rows: bool = False
    check: Callable[[Table], None] = field(default=lambda _table: None)


def publish(
    store: Store, changes: Sequence[TableChange], checkpoint: Checkpoint, sending: Callable[[], None] = lambda: None
) -> dict[str, int]:
    """Publish an epoch.

    Args:
        store: the catalog.
        changes: of all its tables.
        checkpoint: how far the job has come with it.
        sending: called before a commit is sent; until then nothing can land.

    Returns:
        Snapshot id by table name (dotted), for tables that got rows.

    Raises:
        ConflictError: files that the change was to replace are gone: they must be read and replaced anew.
        StoreError: the catalog refused, another run of the same job published meanwhile, or other writers were
            faster for two minutes. No data file is deleted here: a commit without an answer may land yet.

    """
    deadline = time.monotonic() + _TRY_SECONDS
    unknown = 0
    attempt = 0
    while True:
        if attempt and (found := landed(store, changes, checkpoint)) is not None:
            store.remember([c.destination.identifier for c in changes], checkpoint.key, checkpoint.text())
            return found
        ways = [_prepare(store, c, checkpoint) for c in changes]
        changes, prepared = [c for c, _ in ways], [p for _, p in ways]
        sending()
        try:
            commit(store.catalog, prepared, _commit_properties(checkpoint, changes))
        except (ConflictError, UnknownOutcomeError) as error:
            unknown += isinstance(error, UnknownOutcomeError)
            if time.monotonic() > deadline or unknown >= _UNKNOWN_TRIES:
                return _last_look(store, changes, checkpoint, error)
            attempt += 1
            time.sleep(random.uniform(0.01, min(_LONGEST_WAIT, 0.05 * 2 ** min(attempt, 6))))  # noqa: S311 - jitter
            continue
        store.remember([c.destination.identifier for c in changes], checkpoint.key, checkpoint.text())
        return {".".join(p.identifier): p.snapshot_id for p in prepared if p.snapshot_id is not None}


def _last_look(
    store: Store, changes: Sequence[TableChange], checkpoint: Checkpoint, error: StoreError
) -> dict[str, int]:
    found = landed(store, changes, checkpoint)
    if found is not None:
        return found
    if isinstance(error, ConflictError):
        raise StoreError(f"other writers changed the same tables for {_TRY_SECONDS:.0f} s", "run again") from error
    raise error


def landed(store: Store, changes: Sequence[TableChange], checkpoint: Checkpoint) -> dict[str, int] | None:
    """Return the snapshots if an earlier try of this epoch is published after all, else None.

    Raises:
        StoreError: the catalog did not answer.

    """
    found: dict[str, int] = {}
    for change in changes:
        table = store.load(change.destination.identifier)
        if table is None or not checkpoint.is_in(table.properties):
            return None
        snapshot = table.current_snapshot()
        if (change.files or change.removes) and snapshot is not None:
            found[".".join(change.destination.identifier)] = snapshot.snapshot_id
    return found


def _commit_properties(checkpoint: Checkpoint, changes: Sequence[TableChange]) -> dict[str, str]:
    """What people see of a commit in Nessie's log: per table too, for as many tables as fit."""
    tables = ", ".join(c.destination.identifier[-1] for c in changes[:5]) + (" ..." if len(changes) > 5 else "")
    message = f"dativo: epoch {checkpoint.epoch} of run {checkpoint.run_id}: {tables}"
    properties = {
        "message": message.encode("ascii", "replace").decode(),
        "dativo-run-id": checkpoint.run_id,
        "dativo-epoch": str(checkpoint.epoch),
        "dativo-tables": str(len(changes)),
    }
    if checkpoint.job:
        properties["dativo-job-id"] = checkpoint.job
    room = _COMMIT_PROPERTIES_BYTES
    for change in changes:
        own = _of_table(change)
        room -= sum(len(_HEADER) + len(key) + len(value) for key, value in own.items())
        if room < 0:
            break
        properties |= own
    return properties


def _of_table(change: TableChange) -> dict[str, str]:
    name = change.destination.identifier[-1]
    shown = {k: v for k, v in change.summary.items() if k.startswith("dativo.rows") or k == "dativo.contract-version"}
    return {f"{key.replace('.', '-')}-{name}": value for key, value in shown.items()}


# ---- one table ----


def _prepare(store: Store, change: TableChange, checkpoint: Checkpoint) -> tuple[TableChange, Prepared]:
    """Build one table's change against its current head; return the change with files that fit it."""
    destination = change.destination
    table = store.load(destination.identifier)
    _same_table(destination, table)
    _fence(store, destination, table, checkpoint)
    if table is not None:
        change.check(table)
    with store_errors(f"staging table {'.'.join(destination.identifier)}"):
        transaction = _evolved(store, destination, table)
        change = _settled(store, change, table, transaction, checkpoint)
        _set_properties(transaction, table, change.destination, checkpoint)
        _add_snapshot(transaction, change)
        snapshot = transaction.table_metadata.current_snapshot() if change.files or change.removes else None
        return change, Prepared(
            base=table or destination.table,
            creates=table is None,
            identifier=destination.identifier,
            requirements=(AssertCreate(),)
            if table is None
            else (*transaction._requirements, AssertTableUUID(uuid=table.metadata.table_uuid)),
            updates=tuple(in_order(transaction._updates, (table or destination.table).metadata)),
            schema=transaction.table_metadata.schema(),
            snapshot_id=snapshot.snapshot_id if snapshot else None,
        )


def _evolved(store: Store, destination: Destination, table: Table | None) -> Transaction:
    start = created(destination.table) if table is None else without_history(table).transaction()
    return store.evolved(start, destination.contracts)


def _add_snapshot(transaction: Transaction, change: TableChange) -> None:
    """Add the change's files, in place of those it removes.

    A table always gets a snapshot, even an empty one: it is what the next change can assert.

    Raises:
        ConflictError: a file to be removed is gone; what was to replace it is stale and must be made anew.

    """
    try:
        with snapshot_of(transaction, change.summary, removes=bool(change.removes), same_rows=change.same_rows) as new:
            for file in (*change.files, *change.rewritten):
                new.append_data_file(file)
            for file in change.removes:
                new.delete_data_file(file)
    except ValidationException as error:
        name = ".".join(change.destination.identifier)
        raise ConflictError(f"table {name}: another writer has replaced the same files", "run again") from error


def _set_properties(
    transaction: Transaction, table: Table | None, destination: Destination, checkpoint: Checkpoint
) -> None:
    """Set the checkpoint, and what describes the contract where it has changed; sweep checkpoints of nameless runs."""
    have = table.properties if table else {}
    found, stale = _description(destination, have)
    described = {k: v for k, v in found.items() if table is not None and have.get(k) != v}
    transaction.set_properties(described | {checkpoint.key: checkpoint.text()})
    stale += [k for k, v in have.items() if checkpoint.outdates(k, v)]
    if stale:
        transaction.remove_properties(*stale)


def _description(destination: Destination, have: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the properties that describe the contract, and those that a table has of another one."""
    if not destination.contracts:
        return {}, []
    contract = destination.contracts[-1]
    required = required_properties(contract, destination.columns, destination.schema)
    stale = [] if contract.inferred else [k for k in have if k.startswith(REQUIRED) and k not in required]
    return contract_properties(contract) | required, stale


def _same_table(destination: Destination, table: Table | None) -> None:
    """Refuse a table that is not the one the files were written for."""
    name = ".".join(destination.identifier)
    if destination.creates:
        return
    if table is None:
        raise StoreError(f"table {name} was dropped during the run", "run again")
    if table.metadata.table_uuid != destination.table.metadata.table_uuid:
        raise StoreError(f"table {name} was dropped and made anew during the run", "run again")


def _fence(store: Store, destination: Destination, table: Table | None, checkpoint: Checkpoint) -> None:
    """Refuse to publish when another run of the same job has published since this one looked, or its rows are gone."""
    now = table.properties.get(checkpoint.key) if table else None
    seen = store.checkpoints.get((destination.identifier, checkpoint.key))
    if now is None and seen is not None:
        raise StoreError(
            f"table {'.'.join(destination.identifier)} no longer holds what this job published: it was dropped, made "
            "anew or moved back",
            "find out by whom; running again goes on after the last STATE and does not bring those rows back",
        )
    if now != seen:
        raise StoreError(
            f"another run of job '{checkpoint.job}' published to table {'.'.join(destination.identifier)} meanwhile",
            "run again: it starts from the STATE that run ended with",
        )


def settled(store: Store, changes: Sequence[TableChange], checkpoint: Checkpoint) -> list[TableChange]:
    """Return changes with the files that they add and remove as the tables are now; nothing is published.

    Raises:
        StoreError: the catalog or the file store refused.

    """
    found = []
    for change in changes:
        table = store.load(change.destination.identifier)
        _same_table(change.destination, table)
        found.append(_settled(store, change, table, _evolved(store, change.destination, table), checkpoint))
    return found


def _settled(
    store: Store, change: TableChange, table: Table | None, transaction: Transaction, checkpoint: Checkpoint
) -> TableChange:
    """Return a change whose files mean the columns that the table has, and replace what it holds now."""
    before = change.destination
    now = before
    if table is not None:
        metadata, contracts = transaction.table_metadata, before.contracts
        columns = columns_of(metadata, contracts[-1], store.leeway) if contracts else {}
        now = replace(before, table=table, creates=False, metadata=metadata, columns=columns)
    prefix = names.file_prefix(checkpoint.run_id, checkpoint.epoch)
    if change.upsert is not None:
        merged = change.upsert.against(store, now, table, prefix)
        summary = {**change.summary, **merged.summary}
        return replace(change, destination=now, files=merged.files, removes=merged.removes, summary=summary)
    if not (same_columns(before, now) and same_partitions(change.files, before, now)):
        log.say(f"table {'.'.join(before.identifier)} was changed by another writer; files are written anew")
        change = replace(change, destination=now, files=refitted(store, before, now, change.files, prefix))
    if change.replaces_all and table is not None:
        change = replace(change, removes=[task.file for task in tasks_of(table)])
    if change.retirement is not None and table is not None:
        found = change.retirement.against(store, now, table, prefix)
        summary = {**change.summary, **found.summary}
        change = replace(change, rewritten=found.files, removes=found.removes, summary=summary)
    return change

"""Publishing an epoch: every table it touches changes in one commit, or none does.

Staging hands over data files that no snapshot names yet. A commit is metadata only, so it can be built anew
against a fresh head as often as it takes; the files stay the same.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.table import Table
from pyiceberg.table.update import AssertCreate, AssertTableUUID, TableRequirement, TableUpdate
from sqlalchemy import insert, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from target_dativo_iceberg.errors import ConflictError, StoreError
from target_dativo_iceberg.tables import Destination, Store, created, evolved, store_errors

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema

_TRIES = 20
_LONGEST_WAIT = 2.0


@dataclass(frozen=True, slots=True)
class TableChange:
    """What an epoch does to one table.

    Attributes:
        destination: the table and its evolution.
        files: data files to add; with none, the table is only created or evolved.
        summary: snapshot properties, for people.

    """

    destination: Destination
    files: Sequence[DataFile] = ()
    summary: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a job has come, kept as a table property in the same commit as the rows.

    Attributes:
        job: name of the job.
        run_id: of the run.
        epoch: number in the run, from 1.
        state: SHA-256 of the STATE this epoch ends with, hex; empty if it ends with none.
        previous: SHA-256 of the STATE the epoch before ended with.

    """

    job: str
    run_id: str
    epoch: int
    state: str
    previous: str

    @property
    def key(self) -> str:
        """Name of the table property."""
        return f"dativo.checkpoint.{self.job}"

    def text(self) -> str:
        """Value of the table property."""
        return json.dumps(
            {"run_id": self.run_id, "epoch": self.epoch, "state": self.state, "previous_state": self.previous}
        )


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One table's commit against the head it was built on."""

    base: Table
    table: Table | None
    identifier: tuple[str, ...]
    requirements: tuple[TableRequirement, ...]
    updates: tuple[TableUpdate, ...]
    snapshot_id: int | None


def publish(store: Store, changes: Sequence[TableChange], checkpoint: Checkpoint | None) -> dict[str, int]:
    """Publish an epoch.

    Returns:
        Snapshot id by table name (dotted), for tables that got rows.

    Raises:
        StoreError: the catalog refused, or other writers were faster `_TRIES` times.

    """
    for attempt in range(_TRIES):
        prepared = [_prepare(store, c, checkpoint) for c in changes]
        try:
            commit(store, prepared)
        except ConflictError:
            time.sleep(random.uniform(0, min(_LONGEST_WAIT, 0.05 * 2**attempt)))  # noqa: S311 - jitter
            continue
        return {".".join(p.identifier): p.snapshot_id for p in prepared if p.snapshot_id is not None}
    raise StoreError(
        f"other writers changed the same tables {_TRIES} times while this epoch was being published", "run again"
    )


def _prepare(store: Store, change: TableChange, checkpoint: Checkpoint | None) -> _Prepared:
    """Build one table's commit against its current head."""
    destination = change.destination
    table = store.load(destination.identifier)
    if table is None and not destination.creates:
        raise StoreError(f"table {'.'.join(destination.identifier)} was dropped during the run", "run again")
    with store_errors(f"staging table {'.'.join(destination.identifier)}"):
        if table is not None:
            _same_table(destination, table)
        transaction = evolved(created(destination.table) if table is None else table.transaction(), destination.contracts)
        _same_ids(destination, transaction.table_metadata.schema())
        if checkpoint:
            transaction.set_properties({checkpoint.key: checkpoint.text()})
        if change.files or table is None:
            # A new table is born with a snapshot, even an empty one, so that every later change can assert it.
            with transaction.update_snapshot(snapshot_properties=dict(change.summary)).merge_append() as append:
                for file in change.files:
                    append.append_data_file(file)
        requirements = (
            (AssertCreate(),)
            if table is None
            else (*transaction._requirements, AssertTableUUID(uuid=table.metadata.table_uuid))
        )
        snapshot = transaction.table_metadata.current_snapshot() if change.files else None
        return _Prepared(
            base=table or destination.table,
            table=table,
            identifier=destination.identifier,
            requirements=requirements,
            updates=transaction._updates,
            snapshot_id=snapshot.snapshot_id if snapshot else None,
        )


def _same_table(destination: Destination, table: Table) -> None:
    if not destination.creates and table.metadata.table_uuid != destination.table.metadata.table_uuid:
        raise StoreError(
            f"table {'.'.join(destination.identifier)} was dropped and made anew during the run", "run again"
        )


def _same_ids(destination: Destination, schema: Schema) -> None:
    """Check that files written before still mean the same columns: another writer may have evolved the table."""
    wanted = {destination.schema.find_column_name(i): i for i in destination.schema.field_ids}
    if any(name is None or schema.find_column_name(i) != name for name, i in wanted.items()):
        raise StoreError(
            f"table {'.'.join(destination.identifier)} was given other columns by another writer", "run again"
        )


def commit(store: Store, prepared: Sequence[_Prepared]) -> None:
    """Commit prepared changes, all or none where the catalog can.

    Raises:
        ConflictError: nothing was committed because a table has moved.
        StoreError: the catalog refused.

    """
    if isinstance(store.catalog, SqlCatalog):
        _commit_sql(store.catalog, prepared)
        return
    for change in prepared:
        _commit_one(store, change)


def _commit_one(store: Store, change: _Prepared) -> None:
    """Commit one table by the catalog's own call (catalogs without multi-table commits)."""
    name = ".".join(change.identifier)
    with store_errors(f"publishing table {name}"):
        try:
            store.catalog.commit_table(change.base, change.requirements, change.updates)
        except (CommitFailedException, TableAlreadyExistsError) as error:
            raise ConflictError(f"table {name} has moved") from error


def _commit_sql(catalog: SqlCatalog, prepared: Sequence[_Prepared]) -> None:
    """Write all new metadata files, then move all pointers in one SQL transaction."""
    staged = []
    for change in prepared:
        with store_errors(f"writing metadata of table {'.'.join(change.identifier)}"):
            try:
                new = catalog._update_and_stage_table(
                    change.table, change.identifier, change.requirements, change.updates
                )
            except CommitFailedException as error:
                raise ConflictError(f"table {'.'.join(change.identifier)} has moved") from error
            catalog._write_metadata(new.metadata, new.io, new.metadata_location)
        staged.append((change, new.metadata_location))
    try:
        with Session(catalog.engine) as session:
            for change, location in staged:
                _move_pointer(catalog, session, change, location)
            session.commit()
    except IntegrityError as error:
        raise ConflictError("another writer created one of the tables") from error
    except DBAPIError as error:
        _look_up(catalog, staged[0], error)


def _move_pointer(catalog: SqlCatalog, session: Session, change: _Prepared, location: str) -> None:
    namespace, name = ".".join(change.identifier[:-1]), change.identifier[-1]
    if change.table is None:
        session.execute(insert(IcebergTables).values(**catalog._create_table_row(namespace, name, location)))
        return
    moved = session.execute(
        update(IcebergTables)
        .where(
            IcebergTables.catalog_name == catalog.name,
            IcebergTables.table_namespace == namespace,
            IcebergTables.table_name == name,
            IcebergTables.metadata_location == change.table.metadata_location,
        )
        .values(metadata_location=location, previous_metadata_location=change.table.metadata_location)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        session.rollback()
        raise ConflictError(f"table {namespace}.{name} has moved")


def _look_up(catalog: SqlCatalog, first: tuple[_Prepared, str], error: DBAPIError) -> None:
    """After an unknown outcome: the commit landed if the first table's pointer is ours, being one transaction."""
    change, location = first
    with store_errors("looking up the outcome of a commit"):
        try:
            landed = catalog.load_table(change.identifier).metadata_location == location
        except NoSuchTableError:
            landed = False
    if not landed:
        raise ConflictError("the SQL catalog did not take the commit") from error

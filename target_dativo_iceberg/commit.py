"""Committing prepared table changes, all or none: one SQL transaction, or one REST `transactions/commit`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError
from pyiceberg.table.update import AssertCreate, RemoveSnapshotsUpdate
from sqlalchemy import insert, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from target_dativo_iceberg import log
from target_dativo_iceberg.catalogs import is_rest
from target_dativo_iceberg.errors import ConflictError, StoreError, StoreRefusedError, UnknownOutcomeError
from target_dativo_iceberg.history import with_history, without_history
from target_dativo_iceberg.store_errors import store_errors

if TYPE_CHECKING:
    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableRequirement, TableUpdate

Json = dict[str, Any]
_UNSUPPORTED = (404, 405, 501)
_FORBIDDEN = (401, 403)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One table's change against the head it was built on.

    Attributes:
        base: the table as loaded, or staged when the commit creates it.
        creates: the commit creates it.
        identifier: namespace parts and name.
        requirements: what must still hold for the commit to be taken.
        updates: the change.
        schema: the table's schema after it.
        snapshot_id: of the snapshot it adds, None when it adds none.

    """

    base: Table
    creates: bool
    identifier: tuple[str, ...]
    requirements: tuple[TableRequirement, ...]
    updates: tuple[TableUpdate, ...]
    schema: Schema
    snapshot_id: int | None


def commit(catalog: Catalog, prepared: Sequence[Prepared], properties: Mapping[str, str]) -> None:
    """Commit prepared changes, all or none where the catalog can.

    Args:
        catalog: where.
        prepared: the changes.
        properties: of the commit, for people (Nessie keeps them).

    Raises:
        ConflictError: nothing was committed; a table has moved.
        UnknownOutcomeError: no answer; it may land yet.
        StoreError: nothing was committed; the catalog refused.

    """
    if isinstance(catalog, SqlCatalog):
        _commit_sql(catalog, prepared)
    elif is_rest(catalog):
        _commit_rest(catalog, prepared, properties)
    else:
        _commit_each(catalog, prepared)


# ---- SQL catalogs ----


def _commit_sql(catalog: SqlCatalog, prepared: Sequence[Prepared]) -> None:
    """Write all new metadata files, then move all pointers in one SQL transaction."""
    staged = [(change, _new_metadata(catalog, change)) for change in prepared]
    try:
        with Session(catalog.engine) as session:
            for change, new in staged:
                _move_pointer(catalog, session, change, new.metadata_location)
            session.commit()
    except IntegrityError as error:
        raise ConflictError("another writer created one of the tables") from error
    except DBAPIError as error:
        cause = type(error.orig).__name__
        raise UnknownOutcomeError(
            f"the SQL catalog broke off ({cause})", "check the catalog, then run again"
        ) from error
    for change, new in staged:
        _sweep_metadata(change, new.metadata)


def _new_metadata(catalog: SqlCatalog, change: Prepared) -> Table:
    with store_errors(f"writing metadata of table {'.'.join(change.identifier)}"):
        whole = change.creates or any(isinstance(u, RemoveSnapshotsUpdate) for u in change.updates)
        base = change.base if whole else without_history(change.base)
        try:
            new = catalog._update_and_stage_table(
                None if change.creates else base, change.identifier, change.requirements, change.updates
            )
        except CommitFailedException as error:
            raise ConflictError(f"table {'.'.join(change.identifier)} has moved") from error
        if not whole:
            new.metadata = with_history(new.metadata, change.base.metadata)
        catalog._write_metadata(new.metadata, new.io, new.metadata_location)
    return new


def _sweep_metadata(change: Prepared, now: TableMetadata) -> None:
    """Delete metadata files that a table's log no longer names, where its properties say so."""
    if not change.creates:
        with suppress(OSError):
            Catalog._delete_old_metadata(change.base.io, change.base.metadata, now)


def _move_pointer(catalog: SqlCatalog, session: Session, change: Prepared, location: str) -> None:
    namespace, name = ".".join(change.identifier[:-1]), change.identifier[-1]
    if change.creates:
        session.execute(insert(IcebergTables).values(**catalog._create_table_row(namespace, name, location)))
        return
    moved = session.execute(
        update(IcebergTables)
        .where(
            IcebergTables.catalog_name == catalog.name,
            IcebergTables.table_namespace == namespace,
            IcebergTables.table_name == name,
            IcebergTables.metadata_location == change.base.metadata_location,
        )
        .values(metadata_location=location, previous_metadata_location=change.base.metadata_location)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        session.rollback()
        raise ConflictError(f"table {namespace}.{name} has moved")


# ---- REST catalogs ----


def _commit_rest(catalog: RestCatalog, prepared: Sequence[Prepared], properties: Mapping[str, str]) -> None:
    """Send one `transactions/commit`: several tables, creates included, one commit (one Nessie commit)."""
    body = json.dumps({"table-changes": [_change(p) for p in prepared]})
    headers = {f"Nessie-Commit-Property-{k}": v for k, v in properties.items() if k != "message"}
    headers["Nessie-Commit-Message"] = properties.get("message", "")
    with store_errors("publishing", writing=True):
        answer = catalog._session.post(catalog.url("transactions/commit"), data=body, headers=headers)
    if answer.status_code in _UNSUPPORTED and not _is_missing_table(answer.text):
        log.once("the catalog has no transactions/commit: the tables of an epoch are committed one after the other")
        _commit_each(catalog, prepared)
    elif answer.status_code == 409:
        raise ConflictError("a table has moved")
    elif answer.status_code >= 500:
        raise UnknownOutcomeError(
            f"publishing failed: the catalog answered {answer.status_code}", "check the catalog, then run again"
        )
    elif answer.status_code >= 400:
        raise (StoreRefusedError if answer.status_code in _FORBIDDEN else StoreError)(
            f"publishing failed: the catalog refused ({answer.status_code})",
            "check its URI, branch and credentials, and what they may do",
        )


def _is_missing_table(text: str) -> bool:
    try:
        return bool(json.loads(text).get("error", {}).get("type"))
    except (ValueError, AttributeError):
        return False


def _change(prepared: Prepared) -> Json:
    updates = [_update(u, prepared.schema) for u in prepared.updates]
    return {
        "identifier": {"namespace": list(prepared.identifier[:-1]), "name": prepared.identifier[-1]},
        "requirements": [json.loads(r.model_dump_json()) for r in prepared.requirements],
        "updates": _folded(updates) if prepared.creates else updates,
    }


def _update(update_: TableUpdate, schema: Schema) -> Json:
    found: Json = json.loads(update_.model_dump_json(exclude_none=True))
    if found["action"] == "add-schema":
        # Nessie before 0.105.3 demands it; PyIceberg no longer sends it.
        found["last-column-id"] = max(schema.field_ids)
    return found


def _folded(updates: Sequence[Json]) -> list[Json]:
    """Nessie before 0.100.3 takes one set-properties in a create."""
    properties: dict[str, str] = {}
    for update_ in updates:
        if update_["action"] == "set-properties":
            properties |= update_["updates"]
    others = [u for u in updates if u["action"] != "set-properties"]
    return [*others, {"action": "set-properties", "updates": properties}] if properties else others


# ---- catalogs that commit one table at a time ----


def _commit_each(catalog: Catalog, prepared: Sequence[Prepared]) -> None:
    for change in prepared:
        name = ".".join(change.identifier)
        with store_errors(f"publishing table {name}", writing=True):
            try:
                requirements = (AssertCreate(),) if change.creates else change.requirements
                new = catalog.commit_table(change.base, requirements, change.updates)
            except (CommitFailedException, TableAlreadyExistsError) as error:
                raise ConflictError(f"table {name} has moved") from error
        if not is_rest(catalog):  # whose server does it
            _sweep_metadata(change, new.metadata)

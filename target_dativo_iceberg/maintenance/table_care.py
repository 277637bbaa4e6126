"""The steps on one table, in order, each against the table as it is then; a step that loses a race is planned anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from target_dativo_iceberg import log
from target_dativo_iceberg.errors import ConflictError, StoreError
from target_dativo_iceberg.maintenance.compaction import compact
from target_dativo_iceberg.maintenance.expiry import expire, keeping
from target_dativo_iceberg.maintenance.manifests import merge_manifests
from target_dativo_iceberg.maintenance.orphans import remove_orphans
from target_dativo_iceberg.maintenance.retention import retain
from target_dativo_iceberg.maintenance.steps import COMPACT, EXPIRE, MANIFESTS, ORPHANS, RETENTION, State, Step

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from target_dativo_iceberg.maintenance.steps import Care
    from target_dativo_iceberg.tables import Store

_DO: Mapping[str, Callable[[Store, Care, Table], Step]] = {
    RETENTION: retain,
    COMPACT: compact,
    MANIFESTS: merge_manifests,
    EXPIRE: expire,
    ORPHANS: remove_orphans,
}
_TRIES = 10
_ON_NESSIE = "nessie.catalog.content-id"


def care_for(store: Store, care: Care, identifier: tuple[str, ...]) -> list[Step]:
    """Plan or do the steps that are wanted on one table.

    Raises:
        StoreError: there is no such table, the catalog or the file store refused, or other writers were faster
            time and again. Steps before stay done.

    """
    return [_done(store, care, identifier, name) for name in care.names]


def _done(store: Store, care: Care, identifier: tuple[str, ...], name: str) -> Step:
    dotted = ".".join(identifier)
    for _ in range(_TRIES):
        table = store.load(identifier)
        if table is None:
            raise StoreError(f"there is no table {dotted}", "check --table, and where --config looks")
        if name in (EXPIRE, ORPHANS) and _is_on_nessie(care, table):
            return _of_nessie(store, table, name)
        try:
            return _DO[name](store, care, table)
        except ConflictError:
            log.say(f"another writer changed table {dotted} meanwhile; step {name} is planned anew")
    raise StoreError(f"table {dotted}: other writers changed the same files {_TRIES} times in step {name}", "run again")


def _is_on_nessie(care: Care, table: Table) -> bool:
    return care.settings.nessie_uri is not None or _ON_NESSIE in table.properties


def _of_nessie(store: Store, table: Table, name: str) -> Step:
    """Say what Nessie's own tool is to be told: only it knows what other branches and tags name."""
    if name == ORPHANS:
        return Step(ORPHANS, State.REFUSED, "other branches and tags of Nessie may name the files: run nessie-gc")
    days = -(-keeping(store, table).age // timedelta(days=1))
    reason = f"history on Nessie belongs to Nessie: run nessie-gc with --default-cutoff P{max(1, days)}D or longer"
    return Step(EXPIRE, State.REFUSED, reason, {"cut_off_days": max(1, days)})

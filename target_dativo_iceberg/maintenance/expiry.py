"""Snapshots that are old enough are forgotten, and files that only they named are deleted.

First the commit that forgets them, then the files: a process that dies between leaves orphans, never a snapshot
without its files.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import ancestors_of
from pyiceberg.table.update import AssertRefSnapshotId, AssertTableUUID, RemoveSnapshotsUpdate

from target_dativo_iceberg import log
from target_dativo_iceberg.commit import Prepared, commit
from target_dativo_iceberg.errors import ConflictError, StoreError
from target_dativo_iceberg.maintenance.named_files import files_in, manifests_of, statistics_of
from target_dativo_iceberg.maintenance.retention import retention_days
from target_dativo_iceberg.maintenance.steps import EXPIRE, State, Step, days_of

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.refs import SnapshotRef
    from pyiceberg.table.snapshots import Snapshot

    from target_dativo_iceberg.maintenance.steps import Care
    from target_dativo_iceberg.tables import Store

MAX_AGE = "history.expire.max-snapshot-age-ms"
MIN_KEPT = "history.expire.min-snapshots-to-keep"
DEFAULT_AGE = timedelta(days=5)
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long snapshots of a table are kept.

    Attributes:
        age: younger ones stay.
        count: as many of each branch stay, however old.

    """

    age: timedelta
    count: int


def keeping(store: Store, table: Table) -> Keeping:
    """Return how long a table's snapshots are kept: as its properties say, and no longer than its rows may stay."""
    properties, days = table.properties, retention_days(store, table)
    age = timedelta(milliseconds=_number(properties, MAX_AGE, int(DEFAULT_AGE / timedelta(milliseconds=1))))
    if days and MAX_AGE not in properties:
        age = min(age, timedelta(days=days))
    return Keeping(age, max(1, _number(properties, MIN_KEPT, 1)))


def _number(properties: Mapping[str, str], name: str, default: int) -> int:
    text = properties.get(name, "")
    return int(text) if re.fullmatch(r"\d{1,18}", text) else default


def expired(table: Table, kept: Keeping, now: datetime) -> list[Snapshot]:
    """Return the snapshots that can be forgotten: never the current one, nor one that a reference names."""
    metadata, at = table.metadata, int(now.timestamp() * 1000)
    stays = {ref.snapshot_id for ref in metadata.refs.values()} | {metadata.current_snapshot_id}
    for ref in metadata.refs.values():
        if ref.snapshot_ref_type is SnapshotRefType.BRANCH:
            stays |= set(_of_branch(table, ref, kept, at))
    oldest = at - int(kept.age / timedelta(milliseconds=1))
    return [s for s in metadata.snapshots if s.snapshot_id not in stays and s.timestamp_ms < oldest]


def _of_branch(table: Table, ref: SnapshotRef, kept: Keeping, at: int) -> Iterator[int]:
    """Yield the snapshots of a branch that stay; the branch may have rules of its own."""
    age = int(kept.age / timedelta(milliseconds=1)) if ref.max_snapshot_age_ms is None else ref.max_snapshot_age_ms
    least = kept.count if ref.min_snapshots_to_keep is None else ref.min_snapshots_to_keep
    head = table.metadata.snapshot_by_id(ref.snapshot_id)
    for number, snapshot in enumerate(ancestors_of(head, table.metadata)):
        if number < least or snapshot.timestamp_ms >= at - age:
            yield snapshot.snapshot_id


def expire(store: Store, care: Care, table: Table) -> Step:
    """Plan or do the expiry of a table's snapshots.

    Raises:
        StoreError: the catalog refused, or other writers were faster time and again.

    """
    if table.properties.get("gc.enabled", "true").lower() == "false":
        return Step(EXPIRE, State.REFUSED, "the table has property gc.enabled=false: its files may belong to others")
    kept = keeping(store, table)
    reason = f"snapshots older than {days_of(kept.age)} but the last {kept.count}, and those that references name"
    found = expired(table, kept, care.now)
    figures = {"snapshots": len(found), "snapshots_kept": len(table.metadata.snapshots) - len(found)}
    if not found:
        return Step(EXPIRE, State.NOT_NEEDED, f"there are no {reason}", figures)
    if care.dry_run:
        return Step(EXPIRE, State.NEEDED, reason, figures)
    before, forgotten, after = _forget(store, care, tuple(table.name()), kept)
    deleted = sum(_delete(table, path) for path in _unnamed(before, forgotten, after))
    return Step(EXPIRE, State.DONE, reason, figures | {"snapshots": len(forgotten), "files_deleted": deleted})


def _forget(
    store: Store, care: Care, identifier: tuple[str, ...], kept: Keeping
) -> tuple[Table, Sequence[Snapshot], Table]:
    """Commit; return the table before, what is forgotten, and the table after."""
    name = ".".join(identifier)
    for attempt in range(_TRIES):
        before = _loaded(store, identifier)
        found = expired(before, kept, care.now)
        if not found:
            return before, [], before
        metadata = before.metadata
        asserted = [
            AssertRefSnapshotId.model_validate({"ref": n, "snapshot-id": r.snapshot_id})
            for n, r in metadata.refs.items()
        ]
        prepared = Prepared(
            base=before,
            creates=False,
            identifier=identifier,
            requirements=(AssertTableUUID(uuid=metadata.table_uuid), *asserted),
            updates=(RemoveSnapshotsUpdate.model_validate({"snapshot-ids": [s.snapshot_id for s in found]}),),
            schema=before.schema(),
            snapshot_id=None,
        )
        try:
            commit(store.catalog, [prepared], {"message": f"dativo: {len(found)} snapshots of {name} expired"})
        except ConflictError:
            time.sleep(0.05 * 2**attempt)
            continue
        return before, found, _loaded(store, identifier)
    raise StoreError(f"table {name}: other writers were faster {_TRIES} times", "run again")


def _loaded(store: Store, identifier: tuple[str, ...]) -> Table:
    table = store.load(identifier)
    if table is None:
        raise StoreError(f"table {'.'.join(identifier)} was dropped meanwhile", "run again")
    return table


def _unnamed(before: Table, forgotten: Sequence[Snapshot], after: Table) -> set[str]:
    """Return the files that the forgotten snapshots name and no other snapshot of the table does."""
    if not forgotten:
        return set()
    old, kept = manifests_of(before, forgotten), manifests_of(after, after.metadata.snapshots)
    gone = [manifest for path, manifest in old.items() if path not in kept]
    files = set(files_in(before, gone, deleted=True))
    if files:
        files.difference_update(files_in(after, kept.values(), deleted=False))
    lists = {s.manifest_list for s in forgotten} - {s.manifest_list for s in after.metadata.snapshots}
    ids = {s.snapshot_id for s in forgotten}
    statistics = set(statistics_of(before, ids)) - set(statistics_of(after, (s.snapshot_id for s in after.snapshots())))
    return files | lists | {manifest.manifest_path for manifest in gone} | statistics


def _delete(table: Table, path: str) -> bool:
    with suppress(FileNotFoundError):
        try:
            table.io.delete(path)
        except OSError as error:
            log.say(f"table {'.'.join(table.name())}: a file could not be deleted ({type(error).__name__})", "warning")
            return False
        return True
    return False

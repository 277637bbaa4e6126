"""Publisher `branch`: write, audit, merge. Readers of the tenant's branch see an epoch only after its audit passed.

The epoch is committed on a branch of its own, made from the tenant's head; table-scope rules read it there; then
it is merged and the branch deleted. A conflict means another writer changed the same table meanwhile: a fresh
branch from the new head, the same files. A failed audit leaves the branch, marked, for people to look at.
"""

from __future__ import annotations

import json
import random
import re
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from target_dativo_iceberg import log
from target_dativo_iceberg.branches import client, nessie_errors
from target_dativo_iceberg.errors import StoreError, ViolationError
from target_dativo_iceberg.nessie import NessieClient, NessieError, OutcomeUnknown, Reference
from target_dativo_iceberg.publish import Checkpoint, TableChange, landed, publish
from target_dativo_iceberg.tables import Store

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings

RUN_PREFIX, KEPT_PREFIX = "dativo-run.", "dativo-failed-audit."
KEPT_FOR = timedelta(days=7)
STALE_AFTER = timedelta(hours=24)
_TRIES = 12
_MARK = "dativo.audit"

# Problems that the audit of a published-on-branch epoch found; none when it passes.
Audit = Callable[[Store], Sequence[str]]


def row_counts(changes: Sequence[TableChange]) -> Audit:
    """Return the audit that every epoch gets: each table's new snapshot adds the rows that were staged."""

    def audit(store: Store) -> list[str]:
        problems = []
        for change in changes:
            table = store.load(change.destination.identifier)
            snapshot = table.current_snapshot() if table else None
            summary = snapshot.summary if snapshot else None
            added = int(summary["added-records"] or 0) if summary and "added-records" in summary else 0
            staged = sum(f.record_count for f in change.files)
            if added != staged:
                problems.append(f"table {'.'.join(change.destination.identifier)} got {added} rows, {staged} were staged")
        return problems

    return audit


def publish_audited(
    store: Store, settings: Settings, changes: Sequence[TableChange], checkpoint: Checkpoint, audit: Audit
) -> dict[str, int]:
    """Publish an epoch through a branch of its own.

    Returns:
        Snapshot id by table name, for tables that got rows.

    Raises:
        ViolationError: the audit failed; its branch is kept and named.
        StoreError: nothing of the epoch is visible on the tenant's branch.

    """
    target = settings.nessie_branch
    with client(settings) as nessie:
        for attempt in range(_TRIES):
            if attempt and (found := landed(store, changes, checkpoint)) is not None:
                return found
            snapshots = _try(nessie, store, settings, changes, checkpoint, audit, target)
            if snapshots is not None:
                store.remember([c.destination.identifier for c in changes], checkpoint.key, checkpoint.text())
                return snapshots
            time.sleep(random.uniform(0.01, min(2.0, 0.05 * 2**attempt)))  # noqa: S311 - jitter
    raise StoreError(f"other writers changed the same tables {_TRIES} times while this epoch was published", "run again")


def _try(
    nessie: NessieClient,
    store: Store,
    settings: Settings,
    changes: Sequence[TableChange],
    checkpoint: Checkpoint,
    audit: Audit,
    target: str,
) -> dict[str, int] | None:
    """Write, audit and merge once; None when a table changed on both sides."""
    with nessie_errors("making the epoch's branch"):
        head = nessie.reference(target)
        branch = nessie.create_branch(_name(checkpoint), head)
    working = store.on_branch(branch.name)
    snapshots = publish(working, changes, checkpoint)
    problems = audit(working)
    with nessie_errors("merging the epoch's branch"):
        branch = nessie.reference(branch.name)
        if problems:
            raise _kept(nessie, branch, working, changes, checkpoint, problems)
        merged = _merge(nessie, branch, head, checkpoint)
        _delete(nessie, branch)
    return snapshots if merged else None


def _merge(nessie: NessieClient, branch: Reference, head: Reference, checkpoint: Checkpoint) -> bool:
    """Merge; a lost answer is repeated, which changes nothing if the merge landed."""
    for last in (False, True):
        try:
            result = nessie.merge(
                branch,
                head,
                message=f"dativo: epoch {checkpoint.epoch} of run {checkpoint.run_id}",
                authors=["dativo"],
                properties={"dativo.run-id": [checkpoint.run_id], "dativo.epoch": [str(checkpoint.epoch)]},
            )
        except OutcomeUnknown:
            if last:
                raise
        else:
            return result.was_successful
    raise AssertionError


def _delete(nessie: NessieClient, branch: Reference) -> None:
    try:
        nessie.delete(branch)
    except NessieError:
        log.say(f"branch '{branch.name}' could not be deleted; the next run of this job sweeps it", "warning")


def _kept(
    nessie: NessieClient,
    branch: Reference,
    working: Store,
    changes: Sequence[TableChange],
    checkpoint: Checkpoint,
    problems: Sequence[str],
) -> ViolationError:
    """Mark the branch of a failed audit with owner, reason and expiry, under a name that says so."""
    until = datetime.now(UTC) + KEPT_FOR
    note = {
        "failed": True,
        "owner": checkpoint.job or checkpoint.run_id,
        "run_id": checkpoint.run_id,
        "reasons": list(problems)[:20],
        "expires": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    for change in changes:
        working.set_property(change.destination.identifier, _MARK, json.dumps(note))
    marked = nessie.reference(branch.name)
    kept = nessie.create_branch(f"{KEPT_PREFIX}{until:%Y%m%d}.{branch.name.removeprefix(RUN_PREFIX)}", marked)
    _delete(nessie, marked)
    return ViolationError(
        f"the audit failed: {'; '.join(problems)}; the rows are on branch '{kept.name}' until {until:%Y-%m-%d}",
        "look at them there, mend the data or the contract, and run again",
    )


def _name(checkpoint: Checkpoint) -> str:
    owner = re.sub(r"[^A-Za-z0-9_-]", "-", checkpoint.job or checkpoint.run_id)[:80].rstrip("-") or "job"
    return f"{RUN_PREFIX}{owner}.{checkpoint.epoch}.{uuid.uuid4().hex[:8]}x"


def sweep(settings: Settings) -> list[str]:
    """Delete what crashed runs of this job left: its run branches older than a day, its kept ones past their expiry.

    Returns:
        Names of the branches deleted.

    """
    if settings.job_id is None:
        return []
    owner = re.sub(r"[^A-Za-z0-9_-]", "-", settings.job_id)[:80].rstrip("-")
    deleted = []
    with nessie_errors("sweeping stale branches"), client(settings) as nessie:
        for branch in [*nessie.references(f"{RUN_PREFIX}{owner}."), *nessie.references(KEPT_PREFIX)]:
            if _is_stale(branch, owner):
                _delete(nessie, branch)
                deleted.append(branch.name)
    return deleted


def _is_stale(branch: Reference, owner: str) -> bool:
    now = datetime.now(UTC)
    if branch.name.startswith(KEPT_PREFIX):
        expiry, _, rest = branch.name.removeprefix(KEPT_PREFIX).partition(".")
        return rest.startswith(f"{owner}.") and expiry < f"{now:%Y%m%d}"
    head = branch.metadata.head if branch.metadata else None
    made = head.commit_time if head else None
    return made is not None and now - made > STALE_AFTER

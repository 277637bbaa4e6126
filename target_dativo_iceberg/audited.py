"""Publisher `branch`: write, audit, merge. Readers of the tenant's branch see an epoch only after its audit passed.

The epoch is committed on a branch of its own, made from the tenant's head; table-scope rules read it there; then
it is merged and the branch deleted. A conflict means another writer changed the same table meanwhile: a fresh
branch from the new head, the same files. A merge without an answer is looked up like a commit without one; should it
land late, it conflicts with the merge that came before it, since both change the same tables. A failed audit leaves
the branch, marked, for people to look at.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from target_dativo_iceberg import log
from target_dativo_iceberg.branches import client, nessie_errors
from target_dativo_iceberg.errors import DativoError, StoreError, UnknownOutcomeError, ViolationError
from target_dativo_iceberg.nessie import NessieClient, NessieError, OutcomeUnknown, Reference
from target_dativo_iceberg.publish import Checkpoint, TableChange, landed, publish
from target_dativo_iceberg.tables import Store

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile

    from target_dativo_iceberg.settings import Settings

RUN_PREFIX, KEPT_PREFIX = "dativo-run.", "dativo-failed-audit."
KEPT_FOR = timedelta(days=7)
STALE_AFTER = timedelta(hours=24)
_TRY_SECONDS = 120.0
_LONGEST_WAIT = 0.5
_UNKNOWN_TRIES = 5
_MARK = "dativo.audit"
_TIME = "%Y%m%dT%H%M%SZ"

# Problems that the audit of a published-on-branch epoch found; none when it passes.
Audit = Callable[[Store], Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Epoch:
    """What is published, and by what it is judged."""

    changes: Sequence[TableChange]
    checkpoint: Checkpoint
    audit: Audit
    job: str
    owner: str


def row_counts(changes: Sequence[TableChange]) -> Audit:
    """Return the audit that every epoch gets: each table's new snapshot adds the rows that were staged."""

    def audit(store: Store) -> list[str]:
        problems = []
        for change in changes:
            table = store.load(change.destination.identifier)
            snapshot = table.current_snapshot() if table else None
            summary = snapshot.summary if snapshot else None
            added = int(summary["added-records"] or 0) if summary and "added-records" in summary else 0
            staged = sum(f.record_count for f in _added(change))
            if added != staged:
                name = ".".join(change.destination.identifier)
                problems.append(f"table {name} got {added} rows, {staged} were staged")
        return problems

    return audit


def _added(change: TableChange) -> Sequence[DataFile]:
    if change.upsert is not None:
        return change.upsert.files
    return change.files if change.retirement is None else (*change.files, *change.retirement.files)


def all_of(*audits: Audit) -> Audit:
    """Return an audit that is all the given ones."""
    return lambda store: [problem for audit in audits for problem in audit(store)]


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
    # What has no checkpoint of a job, maintenance say, is still of the job: by name, for access rules and for `sweep`.
    job = settings.job_id or checkpoint.run_id
    epoch = _Epoch(changes, checkpoint, audit, job, _owner(settings.nessie_branch, job))
    deadline = time.monotonic() + _TRY_SECONDS
    unknown = 0
    with client(settings) as nessie:
        for attempt in itertools.count():
            snapshots = landed(store, changes, checkpoint) if attempt else None
            if snapshots is None:
                try:
                    snapshots = _try(nessie, store, settings.nessie_branch, epoch)
                except UnknownOutcomeError:
                    unknown += 1
                    if unknown == _UNKNOWN_TRIES:
                        raise
            if snapshots is not None:
                store.remember([c.destination.identifier for c in changes], checkpoint.key, checkpoint.text())
                return snapshots
            if time.monotonic() > deadline:
                break
            time.sleep(random.uniform(0.01, min(_LONGEST_WAIT, 0.05 * 2 ** min(attempt, 6))))  # noqa: S311 - jitter
    raise StoreError(f"other writers changed the same tables for {_TRY_SECONDS:.0f} s during this publish", "run again")


def _try(nessie: NessieClient, store: Store, target: str, epoch: _Epoch) -> dict[str, int] | None:
    """Write, audit and merge once; None when a table changed on both sides."""
    with nessie_errors("making the epoch's branch"):
        head = nessie.reference(target)
        branch = nessie.create_branch(_name(epoch), head)
    try:
        return _through(nessie, store, branch, head, epoch)
    except (UnknownOutcomeError, ViolationError):
        raise  # the server does not answer, and a later run sweeps the branch; or the branch is kept
    except DativoError:
        with suppress(NessieError):  # the error that ends the run matters
            _delete(nessie, nessie.reference(branch.name))
        raise


def _through(
    nessie: NessieClient, store: Store, branch: Reference, head: Reference, epoch: _Epoch
) -> dict[str, int] | None:
    working = store.on_branch(branch.name)
    snapshots = publish(working, epoch.changes, epoch.checkpoint)
    problems = epoch.audit(working)
    with nessie_errors("merging the epoch's branch"):
        branch = nessie.reference(branch.name)
        if problems:
            raise _kept(nessie, branch, working, epoch, problems)
        merged = _merge(nessie, branch, head, epoch.checkpoint)
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
                properties={"dativo-run-id": [checkpoint.run_id], "dativo-epoch": [str(checkpoint.epoch)]},
            )
        except OutcomeUnknown:
            if last:
                raise
        else:
            return result.was_successful
    raise AssertionError


def _delete(nessie: NessieClient, branch: Reference) -> bool:
    try:
        nessie.delete(branch)
    except NessieError:
        log.say(f"branch '{branch.name}' could not be deleted; a later run of this job sweeps it", "warning")
        return False
    return True


def _kept(
    nessie: NessieClient, branch: Reference, working: Store, epoch: _Epoch, problems: Sequence[str]
) -> ViolationError:
    """Mark the branch of a failed audit with owner, reason and expiry, under a name that says so."""
    until = datetime.now(UTC) + KEPT_FOR
    note = {
        "failed": True,
        "owner": epoch.job,
        "run_id": epoch.checkpoint.run_id,
        "reasons": list(problems)[:20],
        "expires": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    for change in epoch.changes:
        working.set_property(change.destination.identifier, _MARK, json.dumps(note))
    marked = nessie.reference(branch.name)
    rest = branch.name.removeprefix(f"{RUN_PREFIX}{epoch.owner}.")
    kept = nessie.create_branch(f"{KEPT_PREFIX}{epoch.owner}.{until:{_TIME}}.{rest}", marked)
    _delete(nessie, marked)
    return ViolationError(
        f"the audit failed: {'; '.join(problems)}; the rows are on branch '{kept.name}' until {until:%Y-%m-%d}",
        "look at them there, mend the data or the contract, and run again",
    )


def _owner(target: str, job: str) -> str:
    """Name a job in branch names: readable, and the same for no other job or tenant's branch."""
    # A dot stays, so that rules of access can tell `acme.x` from `acme-eu.x` by how names begin; Nessie takes no two.
    readable = re.sub(r"[^A-Za-z0-9_.-]|\.(?=\.)", "-", job)[:80]
    return f"{readable}-{hashlib.sha256(json.dumps([target, job]).encode()).hexdigest()[:8]}"


def _name(epoch: _Epoch) -> str:
    # The last letter keeps Nessie from reading the end as a commit hash.
    return f"{RUN_PREFIX}{epoch.owner}.{datetime.now(UTC):{_TIME}}.{epoch.checkpoint.epoch}.{uuid.uuid4().hex[:8]}x"


def sweep(settings: Settings) -> list[str]:
    """Delete what crashed runs of this job left: its run branches older than a day, its kept ones past their expiry.

    Returns:
        Names of the branches deleted.

    """
    if settings.job_id is None:
        return []
    owner, now = _owner(settings.nessie_branch, settings.job_id), datetime.now(UTC)
    stale = [(f"{RUN_PREFIX}{owner}.", now - STALE_AFTER), (f"{KEPT_PREFIX}{owner}.", now)]
    with nessie_errors("sweeping stale branches"), client(settings) as nessie:
        found = [b for prefix, limit in stale for b in nessie.references(prefix) if _older(b.name, prefix, limit)]
        return [branch.name for branch in found if _delete(nessie, branch)]


def _older(name: str, prefix: str, limit: datetime) -> bool:
    """Whether the time in a branch's name, right after the prefix, is before a limit; False where there is none."""
    try:
        return datetime.strptime(name.removeprefix(prefix).partition(".")[0], _TIME).replace(tzinfo=UTC) < limit
    except ValueError:
        return False

"""Tables without their past, so that a commit costs the same however many came before.

PyIceberg copies the whole metadata for each look at a change in the making, every old snapshot included: some twenty
times for one commit. A change is made against the snapshots that references name, and the past is put back at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.table import Table

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata

_KEPT = "write.metadata.previous-versions-max"
_KEPT_DEFAULT = 100


def without_history(table: Table) -> Table:
    """Return a table of which only the snapshots that references name are known, and no older metadata files."""
    metadata = table.metadata
    named = {ref.snapshot_id for ref in metadata.refs.values()} | {metadata.current_snapshot_id}
    snapshots = [s for s in metadata.snapshots if s.snapshot_id in named]
    short = metadata.model_copy(update={"snapshots": snapshots, "snapshot_log": [], "metadata_log": []})
    return Table(table.name(), short, table.metadata_location, table.io, table.catalog)


def with_history(after: TableMetadata, before: TableMetadata) -> TableMetadata:
    """Return metadata that was made from a table without its history, with that history.

    Args:
        after: what became of it; no snapshot was removed.
        before: all that the table had.

    """
    known = {s.snapshot_id for s in before.snapshots}
    added = [s for s in after.snapshots if s.snapshot_id not in known]
    kept = max(1, int(after.properties.get(_KEPT, _KEPT_DEFAULT)))
    return after.model_copy(
        update={
            "snapshots": [*before.snapshots, *added],
            "snapshot_log": [*before.snapshot_log, *after.snapshot_log],
            "metadata_log": [*before.metadata_log, *after.metadata_log][-kept:],
        }
    )

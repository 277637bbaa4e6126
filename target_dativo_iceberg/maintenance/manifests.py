"""Manifests: many small ones become few; each is read for every plan of a query."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pyiceberg.manifest import ManifestContent

from target_dativo_iceberg.maintenance.rewriting import Rewriting
from target_dativo_iceberg.maintenance.steps import MANIFESTS, State, Step
from target_dativo_iceberg.snapshots import manifest_bytes
from target_dativo_iceberg.store_errors import store_errors

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from target_dativo_iceberg.maintenance.steps import Care
    from target_dativo_iceberg.tables import Store

_WORTH_IT = 10


def merge_manifests(store: Store, care: Care, table: Table) -> Step:
    """Plan or do the merge of a table's manifests.

    Raises:
        StoreError: the catalog or the file store refused.

    """
    count, after = _counts(table)
    figures = {"manifests": count, "manifests_after": after}
    if count - after < _WORTH_IT:
        return Step(MANIFESTS, State.NOT_NEEDED, f"merging them would save fewer than {_WORTH_IT}", figures)
    reason = "each is read whenever the table is"
    if care.dry_run:
        return Step(MANIFESTS, State.NEEDED, reason, figures)
    Rewriting(store, care, table).publish({"dativo.maintenance": MANIFESTS}, same_rows=True)
    return Step(MANIFESTS, State.DONE, reason, figures)


def _counts(table: Table) -> tuple[int, int]:
    """Return how many data manifests there are, and about how many there would be."""
    snapshot, full = table.current_snapshot(), manifest_bytes(table.properties)
    if snapshot is None:
        return 0, 0
    by_spec: dict[int, list[int]] = defaultdict(list)
    with store_errors(f"reading table {'.'.join(table.name())}"):
        for manifest in snapshot.manifests(table.io):
            if manifest.content == ManifestContent.DATA:
                by_spec[manifest.partition_spec_id].append(manifest.manifest_length)
    after = sum(min(len(sizes), -(-sum(sizes) // full)) for sizes in by_spec.values())
    return sum(map(len, by_spec.values())), after

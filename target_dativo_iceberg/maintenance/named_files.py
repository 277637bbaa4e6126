"""The files that snapshots of a table name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from target_dativo_iceberg.store_errors import store_errors

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot


def manifests_of(table: Table, snapshots: Iterable[Snapshot]) -> dict[str, ManifestFile]:
    """Return the manifests of snapshots by path.

    Raises:
        StoreError: a manifest list cannot be read.

    """
    with store_errors(f"reading table {'.'.join(table.name())}"):
        return {m.manifest_path: m for snapshot in snapshots for m in snapshot.manifests(table.io)}


def files_in(table: Table, manifests: Iterable[ManifestFile], *, deleted: bool) -> Iterator[str]:
    """Yield the paths of data and delete files that manifests name.

    Args:
        table: they belong to.
        manifests: to be read, one at a time.
        deleted: also those that a manifest only says were taken away.

    Raises:
        StoreError: a manifest cannot be read.

    """
    with store_errors(f"reading table {'.'.join(table.name())}"):
        for manifest in manifests:
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=not deleted):
                yield entry.data_file.file_path


def statistics_of(table: Table, ids: Iterable[int]) -> Iterator[str]:
    """Yield the paths of the statistics files of snapshots."""
    wanted, metadata = set(ids), table.metadata
    for found in (*metadata.statistics, *metadata.partition_statistics):
        if found.snapshot_id in wanted:
            yield found.statistics_path

"""Snapshots: what PyIceberg makes of added and removed files, with the manifests of old snapshots kept few."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from pyiceberg.manifest import ManifestContent
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _ManifestMergeManager, _MergeAppendFiles, _OverwriteFiles

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Transaction
    from pyiceberg.typedef import Properties

_LEAST_TO_MERGE = "commit.manifest.min-count-to-merge"
_MERGE_ENABLED = "commit.manifest-merge.enabled"
_MANIFEST_BYTES = "commit.manifest.target-size-bytes"
DEFAULT_MANIFEST_BYTES = 8 << 20
_DEFAULT_LEAST = 100


def manifest_bytes(properties: Mapping[str, str]) -> int:
    """Return the size at which a table's manifests are full, bytes."""
    return int(properties.get(_MANIFEST_BYTES, DEFAULT_MANIFEST_BYTES))


class Replacing(_OverwriteFiles):
    """A snapshot that removes files. PyIceberg's own never merges manifests, so each would leave one more.

    Args:
        transaction: of the table.
        summary: snapshot properties.
        operation: what the snapshot says that it is.
        merge_all: merge manifests however few they are.

    """

    def __init__(
        self, transaction: Transaction, summary: Mapping[str, str], operation: Operation, *, merge_all: bool = False
    ) -> None:
        # The totals of a summary are counted for three operations only, of which `replace` is none.
        super().__init__(
            operation=Operation.OVERWRITE,
            transaction=transaction,
            io=transaction._table.io,
            snapshot_properties=dict(summary),
        )
        self._said = operation
        properties = transaction.table_metadata.properties
        self._merges = merge_all or properties.get(_MERGE_ENABLED, "false").lower() == "true"
        self._least = 2 if merge_all else int(properties.get(_LEAST_TO_MERGE, _DEFAULT_LEAST))
        self._bytes = manifest_bytes(properties)

    def _summary(self, snapshot_properties: Properties = {}) -> Summary:  # noqa: B006 - PyIceberg's signature
        found = super()._summary(snapshot_properties)
        return Summary(operation=self._said, **found.additional_properties)

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        data = [m for m in manifests if m.content == ManifestContent.DATA and self._tells(m)]
        deletes = [m for m in manifests if m.content == ManifestContent.DELETES]
        merged = _ManifestMergeManager(self._bytes, self._least, self._merges, self).merge_manifests(data) + deletes
        self._delete_all_but({manifest.manifest_path for manifest in merged})
        return merged

    def _delete_all_but(self, named: set[str]) -> None:
        """Delete manifests of this very snapshot that were merged into others; nothing has named them yet."""
        for path in [path for path in self._written_manifests if path not in named]:
            with suppress(OSError):
                self._io.delete(path)
            self._written_manifests.remove(path)

    def _tells(self, manifest: ManifestFile) -> bool:
        """Whether a manifest has files, or says what this snapshot takes away."""
        own = manifest.added_snapshot_id == self._snapshot_id
        return own or manifest.has_added_files() or manifest.has_existing_files()


def snapshot_of(
    transaction: Transaction,
    summary: Mapping[str, str],
    *,
    removes: bool,
    same_rows: bool = False,
) -> _MergeAppendFiles | Replacing:
    """Return a new snapshot of a table, to be filled.

    Args:
        transaction: of the table.
        summary: snapshot properties.
        removes: it removes files.
        same_rows: the rows are the same before and after: it is care of the table, so all manifests are merged.

    """
    if same_rows:
        return Replacing(transaction, summary, Operation.REPLACE, merge_all=True)
    if removes:
        return Replacing(transaction, summary, Operation.OVERWRITE)
    return transaction.update_snapshot(snapshot_properties=dict(summary)).merge_append()

"""Times of snapshots: a table's history never goes back, whatever the clocks of its writers do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pyiceberg.table.update import AddSnapshotUpdate

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableUpdate


def in_order(updates: Sequence[TableUpdate], before: TableMetadata) -> Iterator[TableUpdate]:
    """Yield updates in which no snapshot is older than what the table has.

    Iceberg's Java library refuses to read a table whose history goes back by more than a minute (`TableMetadata`:
    "Expected sorted snapshot log entries"); PyIceberg writes whatever the clock says.
    """
    latest = max([before.last_updated_ms, *(entry.timestamp_ms for entry in before.snapshot_log)])
    for update in updates:
        if isinstance(update, AddSnapshotUpdate):
            latest = max(update.snapshot.timestamp_ms, latest + 1)
            later = update.snapshot.model_copy(update={"timestamp_ms": latest})
            yield update.model_copy(update={"snapshot": later})
        else:
            yield update

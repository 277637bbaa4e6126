"""Data files written anew from the rows of others, and put in their place in one commit.

Nothing is deleted before the commit, and afterwards the old files belong to older snapshots: whenever the process
dies, the table is as it was or as it should be. Files of a try that was never sent are removed; files of one that was
are left to the orphan step, since it may land yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from target_dativo_iceberg import names, publish
from target_dativo_iceberg.arranged import Writer, writer_of
from target_dativo_iceberg.errors import ConflictError
from target_dativo_iceberg.files import FileForm
from target_dativo_iceberg.row_groups import RowGroups
from target_dativo_iceberg.store_errors import store_errors
from target_dativo_iceberg.stored_rows import stored, tasks_of
from target_dativo_iceberg.tables import Destination, Store

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask, Table

    from target_dativo_iceberg.maintenance.steps import Care

# Which rows of a batch stay.
Keep = Callable[["pa.RecordBatch"], "pa.BooleanArray"]


class Rewriting:
    """Files of one table in the making, against the table as it was loaded.

    Args:
        store: the catalog.
        care: how the table is cared for.
        table: as loaded.

    """

    def __init__(self, store: Store, care: Care, table: Table) -> None:
        self._store = store
        self._care = care
        self._table = table
        identifier = tuple(table.name())
        self._destination = Destination(identifier, (), table, False, table.metadata, {}, care.of(identifier))
        self._prefix = names.file_prefix(care.run_id, 1)
        self._writers: list[Writer] = []
        self._sent = False
        self.files: list[DataFile] = []
        self.removes: list[FileScanTask] = []

    def drop(self, task: FileScanTask) -> None:
        """Take a file away with all its rows."""
        self.removes.append(task)

    def write(self, tasks: Sequence[FileScanTask], keep: Keep | None = None) -> None:
        """Write the rows of some files anew: in the table's partitions, order and file size.

        Args:
            tasks: the files, and what deletes rows of them.
            keep: which rows stay; all that are not deleted if not given.

        Raises:
            StoreError: the file store refused.

        """
        target = self._store.file_target(self._destination, self._prefix)
        form, schema = FileForm(target), self._table.schema()
        groups = RowGroups(writer_of(target, self._store.waiting))
        self._writers.append(groups.writer)
        with store_errors(f"writing files of table {'.'.join(self._destination.identifier)} anew"):
            for task in tasks:
                with stored(self._table, task) as file:
                    for batch in file.rows_of(schema):
                        rows = form.typed(batch)
                        groups.add(rows if keep is None else rows.filter(keep(rows)))
            self.files += groups.finish()
        self.removes += tasks

    def publish(self, summary: Mapping[str, str], *, same_rows: bool) -> None:
        """Put the new files in the place of the old ones.

        Args:
            summary: snapshot properties.
            same_rows: no row is gone.

        Raises:
            ConflictError: another writer has replaced files or deleted rows of them; it must be done anew.
            StoreError: the catalog refused.

        """
        change = publish.TableChange(
            self._destination,
            self.files,
            [task.file for task in self.removes],
            {"dativo.run-id": self._care.run_id, **summary},
            same_rows=same_rows,
            check=self._check,
        )
        # A nameless job: the checkpoints of jobs say how far their taps have come, which this does not change.
        checkpoint = publish.Checkpoint(None, self._care.run_id, 1, "", "", int(time.time()))
        if self._care.settings.publish == "branch":
            self._mark_sent()
            from target_dativo_iceberg import audited  # noqa: PLC0415 - only for Nessie

            audit = audited.row_counts([change])
            audited.publish_audited(self._store, self._care.settings, [change], checkpoint, audit)
        else:
            publish.publish(self._store, [change], checkpoint, self._mark_sent)

    def _mark_sent(self) -> None:
        self._sent = True

    def _check(self, now: Table) -> None:
        """Refuse when rows of the files have been deleted by position meanwhile: they would come back."""
        if not self.removes or now.metadata.current_snapshot_id == self._table.metadata.current_snapshot_id:
            return
        if deletes_of(self.removes).items() - deletes_of(tasks_of(now)).items():
            raise ConflictError(f"table {'.'.join(now.name())}: another writer has changed the same files", "run again")

    def discard(self) -> None:
        """Delete what was written, if it was never sent."""
        if not self._sent:
            for writer in self._writers:
                writer.discard()


def deletes_of(tasks: Iterable[FileScanTask]) -> dict[str, frozenset[str]]:
    """Return the paths of the delete files by that of the data file."""
    return {task.file.file_path: frozenset(d.file_path for d in task.delete_files) for task in tasks}

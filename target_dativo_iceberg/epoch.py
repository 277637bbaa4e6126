"""The open epoch: accepted rows on their way into data files, and the tables that the publish will change.

All work with PyIceberg happens on the encoder thread, so that its import (a second of CPU) and every write
overlap with parsing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import TYPE_CHECKING

from target_dativo_iceberg import log, names, quarantine
from target_dativo_iceberg.adoption import UnfitError
from target_dativo_iceberg.audits import Audit, on_branch, refuse_failed
from target_dativo_iceberg.journal import Note, no_note
from target_dativo_iceberg.open_table import Identifier, OpenTable
from target_dativo_iceberg.row_groups import GROUP_BYTES, fills_group, groups
from target_dativo_iceberg.schema_changes import schema_changes
from target_dativo_iceberg.timeline import Span

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile

    from target_dativo_iceberg.activation import Activation
    from target_dativo_iceberg.adoption import Candidate
    from target_dativo_iceberg.contract.model import Contract
    from target_dativo_iceberg.files import FileTarget
    from target_dativo_iceberg.quarantine import Rejected
    from target_dativo_iceberg.report import StreamReport
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.tables import Store
    from target_dativo_iceberg.threads import Threads

# Raises when a table with these properties may not be written.
TableCheck = Callable[[Mapping[str, str]], None]
_PATIENCE = 5.0  # seconds


class Epoch:
    """Everything between two publishes.

    Args:
        settings: of the run.
        store: the catalog, being opened.
        encoder: the one thread that writes files and talks to the catalog.
        number: of the epoch in the run, from 1.

    Attributes:
        span: when it was staged and published, once it is.

    """

    def __init__(self, settings: Settings, store: Future[Store], encoder: Threads, number: int) -> None:
        self._settings = settings
        self._store = store
        self._encoder = encoder
        self.number = number
        self._tables: dict[Identifier, OpenTable] = {}
        self._by_stream: dict[str, OpenTable] = {}
        self._tasks: list[Future[None]] = []
        self._buffered = 0
        self._room = max(GROUP_BYTES, settings.room // 2)
        self._sent = False
        self._started = time.monotonic()
        self.span: Span | None = None

    # ---- rows in ----

    def bind(
        self,
        stream: str,
        identifier: Identifier,
        contract: Contract,
        check: TableCheck | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        """Open a stream's table for a contract; a second contract in the same epoch evolves the table further.

        Args:
            stream: its name.
            identifier: of the table.
            contract: what its rows are written by.
            check: looks at the properties of a table that exists, and raises if it may not be written.
            settings: of the stream; those of the run when none are given.

        """
        table = self._tables.get(identifier)
        if table is None:
            table = self._tables[identifier] = OpenTable(stream, identifier, contract, settings or self._settings)
        else:
            self._flush(table)
        table.contract = contract
        self._by_stream[stream] = table
        self._run(lambda: self._resolve(table, contract, check))

    def has(self, stream: str) -> bool:
        """Whether a stream's table is open."""
        return stream in self._by_stream

    def add(self, stream: str, batch: pa.RecordBatch) -> None:
        """Take accepted rows of a stream."""
        self._buffer(self._by_stream[stream], batch)

    def takes_files(self, stream: str) -> bool:
        """Whether a stream's table may take files as they are; yes until it has been seen."""
        return self._by_stream[stream].takes_files

    def adopt(self, stream: str, candidate: Candidate) -> None:
        """Take a file whose rows have all been accepted as they are."""
        table = self._by_stream[stream]
        self._run(lambda: self._adopt(table, candidate))

    def write_again(self, stream: str, rows: Iterable[pa.RecordBatch]) -> None:
        """Take accepted rows that are read only when they are written."""
        table = self._by_stream[stream]
        self._run(lambda: self._write_all(table, rows))

    def activate(self, stream: str, activation: Activation) -> None:
        """Have rows of older versions of a stream retired in this epoch; the highest version counts."""
        table = self._by_stream[stream]
        if table.activation is None or activation.version >= table.activation.version:
            table.activation = activation

    def quarantine(self, stream: str, rejected: Sequence[Rejected]) -> None:
        """Take rejected records of a stream."""
        table = self._quarantine_of(stream)
        table.asked_for = True
        self._buffer(table, quarantine.rows(self._settings.run_id, stream, self._by_stream[stream].contract, rejected))

    def _quarantine_of(self, stream: str) -> OpenTable:
        """Return the table for rejected records of a stream; it is only made when rows come."""
        good = self._by_stream[stream]
        identifier = (*good.identifier[:-1], good.identifier[-1] + names.QUARANTINE)
        if identifier not in self._tables:
            contract = quarantine.contract_of(identifier[-1])
            appending = replace(self._settings, load_method="append-only")
            self.bind(stream + names.QUARANTINE, identifier, contract, settings=appending)
            self._tables[identifier].asked_for = False
        return self._tables[identifier]

    def file_targets(self, stream: str) -> tuple[FileTarget, FileTarget]:
        """Return where others write accepted and rejected rows of a stream.

        Raises:
            DativoError: whatever opening their tables met.

        """
        tables = (self._by_stream[stream], self._quarantine_of(stream))
        self._wait()
        good, bad = (self._encoder.outcome(self._encoder.submit(self._target, table)) for table in tables)
        return good, bad

    def take_files(self, stream: str, good: Sequence[DataFile], bad: Sequence[DataFile]) -> None:
        """Take data files that others have written."""
        self._by_stream[stream].handed_in += good
        self._quarantine_of(stream).handed_in += bad

    def _buffer(self, table: OpenTable, batch: pa.RecordBatch) -> None:
        """Hold rows until they fill a row group, or until all tables together hold too much."""
        if batch.num_rows == 0:
            return
        table.batches.append(batch)
        table.rows += batch.num_rows
        table.nbytes += batch.nbytes
        self._buffered += batch.nbytes
        if fills_group(table.rows, table.nbytes):
            self._flush(table)
        while self._buffered > self._room:
            self._flush(max(self._tables.values(), key=lambda t: t.nbytes))

    def _flush(self, table: OpenTable) -> None:
        """Send buffered rows to the encoder, waiting for the group before: at most one waits while one is written."""
        if not table.batches:
            return
        batches, table.batches = table.batches, []
        self._buffered -= table.nbytes
        table.rows = table.nbytes = 0
        while len(self._tasks) > 1:
            self._encoder.outcome(self._tasks.pop(0))
        self._run(lambda: self._write(table, batches))

    def _run(self, task: Callable[[], None]) -> None:
        self._tasks.append(self._encoder.submit(task))

    def check(self) -> None:
        """Raise what the encoder met, as soon as it is known."""
        while self._tasks and self._tasks[0].done():
            self._encoder.outcome(self._tasks.pop(0))

    # ---- on the encoder thread ----

    def _resolve(self, table: OpenTable, contract: Contract, check: TableCheck | None) -> None:
        if table.writer is not None:
            table.files += table.writer.finish()
            table.writer = None
        first = table.destination is None
        store = self._store.result()
        table.destination = store.destination(table.identifier, contract, table.destination, table.settings)
        if first and check is not None and not table.destination.creates:
            check(table.destination.table.properties)
        from target_dativo_iceberg.adopted_files import takes_files  # noqa: PLC0415 - PyIceberg loads on this thread

        table.takes_files = takes_files(self._target(table))
        if table.settings.load_method == "upsert":
            from target_dativo_iceberg.upsert import Upsert  # noqa: PLC0415 - PyIceberg loads on this thread

            table.upsert = table.upsert or Upsert(store.waiting.limit)
            table.upsert.bind(table.destination)

    def _write(self, table: OpenTable, batches: Sequence[pa.RecordBatch]) -> None:
        from target_dativo_iceberg.arranged import writer_of  # noqa: PLC0415 - PyIceberg loads on this thread

        if table.upsert is not None:
            table.upsert.write(batches)
            return
        if table.writer is None:
            table.writer = writer_of(self._target(table), self._store.result().waiting)
        table.writer.write(batches)

    def _adopt(self, table: OpenTable, candidate: Candidate) -> None:
        from target_dativo_iceberg.adopted_files import adopted  # noqa: PLC0415 - PyIceberg loads on this thread

        try:
            table.files.append(adopted(self._target(table), candidate))
        except UnfitError as error:
            log.once(f"stream '{table.stream}': BATCH files are written anew: {error}", level="info")
            self._write_all(table, candidate.passed())
        else:
            log.once(f"stream '{table.stream}': BATCH files that fit the table are adopted as they are", level="info")

    def _write_all(self, table: OpenTable, rows: Iterable[pa.RecordBatch]) -> None:
        for group in groups(rows):
            self._write(table, group)

    def _target(self, table: OpenTable) -> FileTarget:
        assert table.destination is not None
        prefix = names.file_prefix(self._settings.run_id, self.number)
        return self._store.result().file_target(table.destination, prefix)

    def _finish(self, table: OpenTable) -> None:
        table.files += table.handed_in
        table.handed_in = []
        if table.writer is not None:
            table.files += table.writer.finish()
            table.writer = None
        if table.upsert is not None:
            table.upsert.activation = table.activation
        elif table.activation is not None:
            from target_dativo_iceberg.retirement import Retirement  # noqa: PLC0415 - PyIceberg loads on this thread

            table.retirement = Retirement(table.activation)

    # ---- the end ----

    def publish(
        self,
        counts: Mapping[str, StreamReport],
        state: str,
        previous: str,
        audits: Sequence[Audit] = (),
        note: Note = no_note,
    ) -> None:
        """Publish the epoch and enter files and snapshots in its counts.

        Args:
            counts: the epoch's counts by stream.
            state: SHA-256 of the STATE it ends with, hex, or empty.
            previous: SHA-256 of the STATE before.
            audits: what is asked of the tables before readers see them: by publisher `branch` of the branch that is
                to be merged, by `commit` of the tables as they are and the files that are to be added.
            note: is told the checkpoint and the tables before they change.

        Raises:
            ViolationError: an audit failed; nothing of the epoch is visible.
            StoreError: nothing of the epoch is visible.

        """
        for table in self._tables.values():
            self._flush(table)
            self._run(lambda t=table: self._finish(t))  # type: ignore[misc]
        self._wait()
        staged = time.monotonic()
        published = self._encoder.submit(self._publish, counts, state, previous, audits, note)
        snapshots = self._encoder.outcome(published)
        self.span = Span(self._started, staged, time.monotonic())
        for table in self._tables.values():
            self._enter(table, counts, snapshots)
            if table.upsert is not None:
                table.upsert.close()

    def _wait(self) -> None:
        while self._tasks:
            self._encoder.outcome(self._tasks.pop(0))

    def _publish(
        self, counts: Mapping[str, StreamReport], state: str, previous: str, audits: Sequence[Audit], note: Note
    ) -> dict[str, int]:
        from target_dativo_iceberg import publish  # noqa: PLC0415 - PyIceberg loads on this thread

        settings = self._settings
        checkpoint = publish.Checkpoint(
            settings.job_id, settings.run_id, self.number, state, previous, int(time.time())
        )
        store = self._store.result()
        changes = [
            publish.TableChange(
                t.destination,
                tuple(t.files),
                summary=self._summary(t, counts),
                upsert=t.upsert,
                replaces_all=t.replaces_all,
                retirement=t.retirement,
            )
            for t in self._tables.values()
            if t.destination is not None and (t.changes or t.has_older(store, checkpoint))
        ]
        if not changes:
            return {}
        note(checkpoint.key, checkpoint.text(), [".".join(c.destination.identifier) for c in changes])
        if settings.publish == "branch":
            from target_dativo_iceberg import audited  # noqa: PLC0415 - only for Nessie

            self._sent = True
            audit = audited.all_of(audited.row_counts(changes), *(on_branch(a) for a in audits))
            return audited.publish_audited(store, settings, changes, checkpoint, audit)
        if audits:
            refuse_failed(audits, store, publish.settled(store, changes, checkpoint))
        return publish.publish(store, changes, checkpoint, self._sends)

    def _sends(self) -> None:
        self._sent = True

    def _summary(self, table: OpenTable, counts: Mapping[str, StreamReport]) -> dict[str, str]:
        settings, stream = self._settings, counts.get(table.stream)
        summary = {
            "dativo.run-id": settings.run_id,
            "dativo.epoch": str(self.number),
            "dativo.job-id": settings.job_id or "",
            "dativo.tenant-id": settings.tenant_id or "",
            "dativo.contract-version": table.contract.version,
            "dativo.rows-in": str(stream.records) if stream else "",
            "dativo.rows-written": str(stream.good) if stream else "",
            "dativo.rows-quarantined": str(stream.quarantined) if stream else "",
        }
        return {k: v for k, v in summary.items() if v}

    def _enter(self, table: OpenTable, counts: Mapping[str, StreamReport], snapshots: Mapping[str, int]) -> None:
        stream = counts.get(table.stream)
        if stream is None:
            return
        files = table.files if table.upsert is None else table.upsert.files
        files = files if table.retirement is None else [*files, *table.retirement.files]
        stream.files += len(files)
        stream.file_bytes += sum(f.file_size_in_bytes for f in files)
        stream.snapshot_id = snapshots.get(".".join(table.identifier), stream.snapshot_id)
        found = table.upsert or table.retirement
        if found is not None and found.result is not None:
            stream.deleted += found.result.deleted
            stream.marked += found.result.marked
        stream.schema_changes += schema_changes(table.destination) if table.destination is not None else []
        stream.seconds += time.monotonic() - self._started

    def discard(self) -> None:
        """Delete the epoch's files, unless a commit that names them was sent: it may have landed, or land late."""
        for task in self._tasks:
            task.cancel()
        # The error that ends the run matters, not one met here; and a dead store must not hold the end.
        wait([self._encoder.submit(self._discard)], timeout=_PATIENCE)

    def _discard(self) -> None:
        if self._sent:
            return
        for table in self._tables.values():
            table.discard()

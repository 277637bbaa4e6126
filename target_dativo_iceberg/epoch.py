"""The open epoch: accepted rows on their way into data files, and the tables that the publish will change.

All work with PyIceberg happens on the encoder thread, so that its import (a second of CPU) and every write
overlap with parsing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from target_dativo_iceberg import names, quarantine
from target_dativo_iceberg.errors import ViolationError
from target_dativo_iceberg.journal import Note, no_note
from target_dativo_iceberg.row_groups import GROUP_BYTES, fills_group
from target_dativo_iceberg.schema_changes import schema_changes
from target_dativo_iceberg.timeline import Span

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile

    from target_dativo_iceberg.activation import Activation
    from target_dativo_iceberg.arranged import Writer
    from target_dativo_iceberg.contract.model import Contract
    from target_dativo_iceberg.publish import Checkpoint, TableChange
    from target_dativo_iceberg.quarantine import Rejected
    from target_dativo_iceberg.report import StreamReport
    from target_dativo_iceberg.retirement import Retirement
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.table_rows import Rows
    from target_dativo_iceberg.tables import Destination, Store
    from target_dativo_iceberg.upsert import Upsert

Identifier = tuple[str, ...]
# Finds problems in the rows of tables.
Audit = Callable[["Rows"], Sequence[str]]
# Raises when a table with these properties may not be written.
TableCheck = Callable[[Mapping[str, str]], None]
_PATIENCE = 5.0  # seconds


@dataclass(slots=True)
class _Table:
    """A table in the open epoch. `destination` and what follows it belong to the encoder thread."""

    stream: str
    identifier: Identifier
    contract: Contract
    settings: Settings
    batches: list[pa.RecordBatch] = field(default_factory=list)
    rows: int = 0
    nbytes: int = 0
    destination: Destination | None = None
    writer: Writer | None = None
    upsert: Upsert | None = None
    activation: Activation | None = None
    retirement: Retirement | None = None
    files: list[DataFile] = field(default_factory=list)

    @property
    def replaces_all(self) -> bool:
        """Whether its rows replace all that the table has."""
        return self.settings.load_method == "overwrite"


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

    def __init__(self, settings: Settings, store: Future[Store], encoder: ThreadPoolExecutor, number: int) -> None:
        self._settings = settings
        self._store = store
        self._encoder = encoder
        self.number = number
        self._tables: dict[Identifier, _Table] = {}
        self._by_stream: dict[str, _Table] = {}
        self._tasks: list[Future[None]] = []
        self._buffered = 0
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
            table = self._tables[identifier] = _Table(stream, identifier, contract, settings or self._settings)
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

    def activate(self, stream: str, activation: Activation) -> None:
        """Have rows of older versions of a stream retired in this epoch; the highest version counts."""
        table = self._by_stream[stream]
        if table.activation is None or activation.version >= table.activation.version:
            table.activation = activation

    def quarantine(self, stream: str, rejected: Sequence[Rejected]) -> None:
        """Take rejected records of a stream."""
        good = self._by_stream[stream]
        identifier = (*good.identifier[:-1], good.identifier[-1] + names.QUARANTINE)
        if identifier not in self._tables:
            contract = quarantine.contract_of(identifier[-1])
            appending = replace(self._settings, load_method="append-only")
            self.bind(stream + names.QUARANTINE, identifier, contract, settings=appending)
        rows = quarantine.rows(self._settings.run_id, stream, good.contract, rejected)
        self._buffer(self._tables[identifier], rows)

    def _buffer(self, table: _Table, batch: pa.RecordBatch) -> None:
        """Hold rows until they fill a row group, or until all tables together hold too much."""
        if batch.num_rows == 0:
            return
        table.batches.append(batch)
        table.rows += batch.num_rows
        table.nbytes += batch.nbytes
        self._buffered += batch.nbytes
        if fills_group(table.rows, table.nbytes):
            self._flush(table)
        while self._buffered > 2 * GROUP_BYTES:
            self._flush(max(self._tables.values(), key=lambda t: t.nbytes))

    def _flush(self, table: _Table) -> None:
        """Send buffered rows to the encoder, waiting for the group before: at most one waits while one is written."""
        if not table.batches:
            return
        batches, table.batches = table.batches, []
        self._buffered -= table.nbytes
        table.rows = table.nbytes = 0
        while len(self._tasks) > 1:
            self._tasks.pop(0).result()
        self._run(lambda: self._write(table, batches))

    def _run(self, task: Callable[[], None]) -> None:
        self._tasks.append(self._encoder.submit(task))

    def check(self) -> None:
        """Raise what the encoder met, as soon as it is known."""
        while self._tasks and self._tasks[0].done():
            self._tasks.pop(0).result()

    # ---- on the encoder thread ----

    def _resolve(self, table: _Table, contract: Contract, check: TableCheck | None) -> None:
        if table.writer is not None:
            table.files += table.writer.finish()
            table.writer = None
        first = table.destination is None
        store = self._store.result()
        table.destination = store.destination(table.identifier, contract, table.destination, table.settings)
        if first and check is not None and not table.destination.creates:
            check(table.destination.table.properties)
        if table.settings.load_method == "upsert":
            from target_dativo_iceberg.upsert import Upsert  # noqa: PLC0415 - PyIceberg loads on this thread

            table.upsert = table.upsert or Upsert(store.waiting.limit)
            table.upsert.bind(table.destination)

    def _write(self, table: _Table, batches: Sequence[pa.RecordBatch]) -> None:
        from target_dativo_iceberg.arranged import writer_of  # noqa: PLC0415 - PyIceberg loads on this thread

        assert table.destination is not None
        if table.upsert is not None:
            table.upsert.write(batches)
            return
        if table.writer is None:
            prefix = names.file_prefix(self._settings.run_id, self.number)
            store = self._store.result()
            table.writer = writer_of(store.file_target(table.destination, prefix), store.waiting)
        table.writer.write(batches)

    def _finish(self, table: _Table) -> None:
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
        snapshots = self._encoder.submit(self._publish, counts, state, previous, audits, note).result()
        self.span = Span(self._started, staged, time.monotonic())
        for table in self._tables.values():
            self._enter(table, counts, snapshots)
            if table.upsert is not None:
                table.upsert.close()

    def _wait(self) -> None:
        while self._tasks:
            self._tasks.pop(0).result()

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
            if t.destination is not None
            and (_has_rows(t) or t.destination.creates or t.destination.evolves or _has_older(store, t, checkpoint))
        ]
        if not changes:
            return {}
        note(checkpoint.key, checkpoint.text(), [".".join(c.destination.identifier) for c in changes])
        if settings.publish == "branch":
            from target_dativo_iceberg import audited  # noqa: PLC0415 - only for Nessie

            self._sent = True
            audit = audited.all_of(audited.row_counts(changes), *(_on_branch(a) for a in audits))
            return audited.publish_audited(store, settings, changes, checkpoint, audit)
        if audits:
            _refuse_failed(audits, store, publish.settled(store, changes, checkpoint))
        return publish.publish(store, changes, checkpoint, self._sends)

    def _sends(self) -> None:
        self._sent = True

    def _summary(self, table: _Table, counts: Mapping[str, StreamReport]) -> dict[str, str]:
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

    def _enter(self, table: _Table, counts: Mapping[str, StreamReport], snapshots: Mapping[str, int]) -> None:
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
            if table.writer is not None:
                table.writer.discard()
            if table.upsert is not None and table.destination is not None:
                table.upsert.discard(table.destination)
            if table.retirement is not None:
                table.retirement.discard()
            if table.destination is not None:
                for file in table.files:
                    _delete(table.destination, file.file_path)


def _has_rows(table: _Table) -> bool:
    return bool(table.files) or table.replaces_all or (table.upsert is not None and table.upsert.rows > 0)


def _has_older(store: Store, table: _Table, checkpoint: Checkpoint) -> bool:
    """Whether rows of older versions are to leave a table that gets none."""
    from target_dativo_iceberg import publish  # noqa: PLC0415 - PyIceberg loads on this thread

    if table.activation is None or table.destination is None:
        return False
    change = publish.TableChange(table.destination, upsert=table.upsert, retirement=table.retirement)
    return bool(publish.settled(store, [change], checkpoint)[0].removes)


def _on_branch(audit: Audit) -> Callable[[Store], Sequence[str]]:
    from target_dativo_iceberg.table_rows import published  # noqa: PLC0415 - PyIceberg loads on this thread

    return lambda store: audit(published(store))


def _refuse_failed(audits: Sequence[Audit], store: Store, changes: Sequence[TableChange]) -> None:
    """Audit tables before anything is published."""
    from target_dativo_iceberg.table_rows import about_to_be  # noqa: PLC0415 - PyIceberg loads on this thread

    rows = about_to_be(store, changes)
    problems = [problem for audit in audits for problem in audit(rows)]
    if problems:
        raise ViolationError(f"the audit failed: {'; '.join(problems)}", "mend the data or the contract")


def _delete(destination: Destination, path: str) -> None:
    try:
        destination.table.io.delete(path)
    except OSError:
        return

"""One attempt of a replay: read what waits, judge it, stage what passes, publish both tables in one commit."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from target_dativo_iceberg import names, publish, quarantine
from target_dativo_iceberg.arranged import Writer, writer_of
from target_dativo_iceberg.errors import ContractError, StoreError
from target_dativo_iceberg.fitting import fitting
from target_dativo_iceberg.quarantined import Selection, batches, marked, waiting_files
from target_dativo_iceberg.read_only import existing_store
from target_dativo_iceberg.replay import ReplayReport
from target_dativo_iceberg.replay_contracts import Contractor
from target_dativo_iceberg.replay_lane import Lane
from target_dativo_iceberg.row_groups import RowGroups
from target_dativo_iceberg.table_rows import published
from target_dativo_iceberg.table_state import state_of

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from target_dativo_iceberg.contract.model import Contract
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.tables import Destination, Store


def opened(settings: Settings, identifier: tuple[str, ...]) -> Store:
    """Open the catalog, which must hold the table or its quarantine.

    Raises:
        StoreError: it does not, or the catalog did not answer.

    """
    store = existing_store(settings)
    beside = (*identifier[:-1], identifier[-1] + names.QUARANTINE)
    if store is None or (store.load(identifier) is None and store.load(beside) is None):
        raise StoreError(f"there is no table {'.'.join(identifier)}", "check --table, and where --config looks")
    return store


class Attempt:
    """One attempt: everything it writes is unreferenced until its one commit.

    Args:
        settings: of the target.
        store: the catalog.
        identifier: the good table.
        number: of the attempt, from 1.

    """

    def __init__(self, settings: Settings, store: Store, identifier: tuple[str, ...], number: int) -> None:
        self._settings = settings
        self._store = store
        self._identifier = identifier
        self._beside = (*identifier[:-1], identifier[-1] + names.QUARANTINE)
        self._run_id = f"replay-{uuid.uuid4()}"
        self._prefix = names.file_prefix(self._run_id, number)
        self._lanes: dict[str, tuple[Lane, RowGroups]] = {}
        self._destination: Destination | None = None
        self._writers: list[Writer] = []
        self._sent = False
        self.report = ReplayReport(".".join(identifier), ".".join(self._beside))

    def run(self, selection: Selection) -> ReplayReport:
        """Replay what is selected.

        Raises:
            ConflictError: rows that were read have been changed by another writer; nothing is replayed.
            StoreError: the catalog or the file store refused; nothing is replayed.

        """
        table = self._store.load(self._beside)
        if table is None:
            return self.report
        good = self._store.load(self._identifier)
        contracts = Contractor(self._settings, state_of(good.metadata) if good else None)
        try:
            with tempfile.TemporaryDirectory(prefix="dativo-replay-") as scratch:
                self._scratch = Path(scratch)
                masks = {file: self._judge(table, file, contracts, selection) for file in waiting_files(table)}
            if self.report.replayed:
                self._publish(table, {file: mask for file, mask in masks.items() if mask.true_count})
        finally:
            if not self._sent:
                for writer in self._writers:
                    writer.discard()
        return self.report

    # ---- judging ----

    def _judge(self, table: Table, file: DataFile, contracts: Contractor, selection: Selection) -> pa.BooleanArray:
        """Stage the rows of a file that pass; return the mask of them."""
        masks = []
        for batch in batches(table, file):
            passed = [False] * batch.num_rows
            for stream, rows in _by_stream(batch, selection.take(batch)):
                for row in self._stage(stream, contracts, batch.take(rows), rows.to_pylist()):
                    passed[row] = True
            masks.append(pa.array(passed, pa.bool_()))
        return pa.concat_arrays(masks)

    def _lane(self, stream: str, contracts: Contractor) -> tuple[Lane, RowGroups]:
        if stream not in self._lanes:
            settings = self._settings.of(stream)
            lane = Lane(stream, settings, contracts.privacy(stream), self._scratch)
            table = self._table(stream, lane.written)
            self._destination = self._store.destination(table, lane.written, self._destination, settings)
            lane.learn(table, published(self._store))
            self._lanes[stream] = lane, RowGroups(self._writer(self._destination))
        return self._lanes[stream]

    def _table(self, stream: str, contract: Contract) -> tuple[str, ...]:
        """Return the table for a stream's records; all that are replayed together go to one."""
        found = fitting(self._store, self._identifier, contract)
        if self._destination is not None and found != self._destination.identifier:
            other = ".".join(self._destination.identifier)
            raise ContractError(
                f"records of stream '{stream}' go to table {'.'.join(found)}, others to {other}",
                "mend the contracts so that they go to one table",
            )
        self.report.table = ".".join(found)
        return found

    def _writer(self, destination: Destination) -> Writer:
        writer = writer_of(self._store.file_target(destination, self._prefix), self._store.waiting)
        self._writers.append(writer)
        return writer

    def _stage(self, stream: str, contracts: Contractor, rows: pa.RecordBatch, numbers: Sequence[int]) -> Iterator[int]:
        """Stage one stream's rows; yield the numbers of those that passed."""
        lane, good = self._lane(stream, contracts)
        found = lane.judge(rows)
        good.add(found.accepted)
        self.report.broken_by.update(found.broken_by)
        for row, errors in enumerate(rows.column("_errors").to_pylist()):
            self.report.count([e["rule"] for e in errors or ()], replayed=row in found.passed)
        yield from (numbers[row] for row in sorted(found.passed))

    # ---- the commit ----

    def _publish(self, table: Table, masks: Mapping[DataFile, pa.BooleanArray]) -> None:
        assert self._destination is not None
        good = [file for _, rows in self._lanes.values() for file in rows.finish()]
        beside = self._store.destination(self._beside, quarantine.contract_of(self._beside[-1]), None)
        changes = [
            publish.TableChange(self._destination, good, summary=self._summary()),
            publish.TableChange(beside, self._rewritten(table, masks, beside), list(masks), self._summary()),
        ]
        # A nameless job: the job's own checkpoint says how far its tap has come, which a replay does not change.
        checkpoint = publish.Checkpoint(None, self._run_id, 1, "", "", int(time.time()))
        self._sent = True
        if self._settings.publish == "branch":
            from target_dativo_iceberg import audited  # noqa: PLC0415 - only for Nessie

            audit = audited.row_counts(changes)
            found = audited.publish_audited(self._store, self._settings, changes, checkpoint, audit)
        else:
            found = publish.publish(self._store, changes, checkpoint)
        self.report.snapshots = found

    def _rewritten(
        self, table: Table, masks: Mapping[DataFile, pa.BooleanArray], beside: Destination
    ) -> Sequence[DataFile]:
        groups = RowGroups(self._writer(beside))
        now = datetime.now(UTC)
        for file, mask in masks.items():
            for batch in marked(table, file, mask, now):
                groups.add(batch)
        return groups.finish()

    def _summary(self) -> dict[str, str]:
        assert self._destination is not None
        found = {
            "dativo.run-id": self._run_id,
            "dativo.job-id": self._settings.job_id or "",
            "dativo.tenant-id": self._settings.tenant_id or "",
            "dativo.contract-version": self._destination.contracts[-1].version,
            "dativo.rows-replayed": str(self.report.replayed),
        }
        return {k: v for k, v in found.items() if v}


def _by_stream(batch: pa.RecordBatch, rows: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    streams = batch.column("_stream").take(rows)
    for stream in streams.unique().to_pylist():
        yield stream, rows.filter(pa.array([s == stream for s in streams.to_pylist()], pa.bool_()))

"""One attempt of a replay: read what waits, judge it, stage what passes, publish both tables in one commit."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from target_dativo_iceberg import names, publish, quarantine
from target_dativo_iceberg.batch import Plan
from target_dativo_iceberg.contract import choose, load
from target_dativo_iceberg.contract.model import Contract, ContractSet
from target_dativo_iceberg.contract.policy import PRESETS, Action, Klass, Policy
from target_dativo_iceberg.contract.rules.verdict import Judge
from target_dativo_iceberg.contract.settling import read_as, usual_of
from target_dativo_iceberg.contract.values.coerce import NotJsonError, decode
from target_dativo_iceberg.errors import ContractError, StoreError
from target_dativo_iceberg.files import FileWriter
from target_dativo_iceberg.messages import Records, Schema
from target_dativo_iceberg.quarantined import RowGroups, Selection, batches, marked, waiting_files
from target_dativo_iceberg.read_only import existing_store
from target_dativo_iceberg.replay import ReplayReport
from target_dativo_iceberg.route import Contracts
from target_dativo_iceberg.stage import stage
from target_dativo_iceberg.tables import state_of

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from target_dativo_iceberg.contract.evolution import TableState
    from target_dativo_iceberg.settings import Settings
    from target_dativo_iceberg.tables import Destination, Store

_MALFORMED = "malformed"


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


class Contractor:
    """Gives each stream its contract as it is now.

    Args:
        settings: where the contracts are.
        state: the good table as it is; None when it does not exist.

    """

    def __init__(self, settings: Settings, state: TableState | None) -> None:
        self._settings = settings
        self._state = state
        self._documents: ContractSet | None = load(settings.contract_path) if settings.contract_path else None

    def contract(self, stream: str) -> Contract:
        """Return the contract of a stream: from the documents, else what its table amounts to.

        Raises:
            ContractError: none covers it and there is no table, or its status forbids a load.

        """
        chosen = self._documents and choose(self._documents, stream, self._settings.contract_map)
        if not chosen and not self._settings.require_contract:
            return self._of_table(stream)
        keys = tuple(sorted(self._state.keys)) if self._state else ()
        routed = Contracts(self._settings, self._documents)
        return self._extended(routed.contract(Schema(stream, {"properties": {}}, keys)))

    def _of_table(self, stream: str) -> Contract:
        if self._state is None:
            raise ContractError(f"no contract covers stream '{stream}' and its table is gone", "set contract_path")
        keys = tuple(f.name for f in self._state.fields if f.name in self._state.keys)
        of_table = Contract(stream, self._state.fields, primary_key=keys, inferred=True)
        return read_as(of_table, usual_of(self._settings))

    def _extended(self, contract: Contract) -> Contract:
        """Under evolution `relaxed`, columns that only the table has came from a SCHEMA and are written too."""
        if self._state is None or contract.policies.get("evolution", self._settings.evolution) != "relaxed":
            return contract
        known = {f.name.lower() for f in contract.fields}
        extra = tuple(replace(f, required=False) for f in self._state.fields if f.name.lower() not in known)
        return replace(contract, fields=contract.fields + extra)


# A record that still breaks the contract stays where it is; members the contract does not have are left out.
_STAYS = Policy({**PRESETS["quarantine"], Klass.UNKNOWN_FIELD: Action.DROP})


@dataclass(frozen=True, slots=True)
class Lane:
    """A stream's way into the good table."""

    plan: Plan
    judge: Judge
    good: RowGroups


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
        self._lanes: dict[str, Lane] = {}
        self._destination: Destination | None = None
        self._writers: list[FileWriter] = []
        self._sent = False
        self.report = ReplayReport(".".join(identifier))

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
                lane = self._lane(stream, contracts)
                for row in self._stage(lane, stream, batch.take(rows), rows.to_pylist()):
                    passed[row] = True
            masks.append(pa.array(passed, pa.bool_()))
        return pa.concat_arrays(masks)

    def _lane(self, stream: str, contracts: Contractor) -> Lane:
        if stream not in self._lanes:
            contract = contracts.contract(stream)
            self._destination = self._store.destination(self._identifier, contract, self._destination)
            good = RowGroups(self._writer(self._destination))
            self._lanes[stream] = Lane(Plan(contract, {}, bare=True), Judge(contract, _STAYS), good)
        return self._lanes[stream]

    def _writer(self, destination: Destination) -> FileWriter:
        writer = FileWriter(self._store.file_target(destination, self._prefix))
        self._writers.append(writer)
        return writer

    def _stage(self, lane: Lane, stream: str, rows: pa.RecordBatch, numbers: Sequence[int]) -> Iterator[int]:
        """Stage one stream's rows; yield the numbers of those that passed."""
        reasons = [[e["rule"] for e in errors or ()] for errors in rows.column("_errors").to_pylist()]
        lines = [text.encode() for text in rows.column("_record").to_pylist()]
        whole = [i for i, line in enumerate(lines) if is_object(line)]
        staged = stage(lane.plan, lane.judge, Records(stream, pa.array([lines[i] + b"\n" for i in whole]), 0, 0, None))
        lane.good.add(staged.accepted)
        self.report.broken_by.update(staged.by_rule)
        self.report.broken_by.update([_MALFORMED] * (len(lines) - len(whole)))
        passed = set(whole) - {whole[r.line_number] for r in staged.rejected}
        for i, found in enumerate(reasons):
            self.report.count(found, replayed=i in passed)
        yield from (numbers[i] for i in sorted(passed))

    # ---- the commit ----

    def _publish(self, table: Table, masks: Mapping[DataFile, pa.BooleanArray]) -> None:
        assert self._destination is not None
        good = [file for lane in self._lanes.values() for file in lane.good.finish()]
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


def is_object(line: bytes) -> bool:
    """Whether a text kept in quarantine is a JSON object: a line that was no record is kept as it came."""
    try:
        return isinstance(decode(line), dict)
    except NotJsonError:
        return False

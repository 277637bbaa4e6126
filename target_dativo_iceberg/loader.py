"""The conductor: route messages, cut epochs, publish, print STATE, stop on signals. Read from the top.

Two workers parse and judge runs of records; their results are taken in order; one encoder thread writes Parquet
and talks to the catalog; the thread that reads is the one that publishes and prints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from target_dativo_iceberg import log
from target_dativo_iceberg.activation import Activation
from target_dativo_iceberg.batch_files import pieces, root_paths
from target_dativo_iceberg.completion import Completion
from target_dativo_iceberg.epochs import Epochs
from target_dativo_iceberg.errors import ContractError, InputError, RecordBeforeSchemaError, StoreError
from target_dativo_iceberg.intake import Intake
from target_dativo_iceberg.interrupts import Interrupts
from target_dativo_iceberg.journal import check_completed, noting
from target_dativo_iceberg.machine import beginning_threads, scratch
from target_dativo_iceberg.messages import ActivateVersion, BatchFiles, Block, Reader, Records, Schema, State
from target_dativo_iceberg.opening import fitting_table, learn_keys
from target_dativo_iceberg.position import Position
from target_dativo_iceberg.progress import Progress
from target_dativo_iceberg.record_stamp import Stamp, now, run_number
from target_dativo_iceberg.report import RunReport
from target_dativo_iceberg.streams import Stream, Streams
from target_dativo_iceberg.tally import Tally
from target_dativo_iceberg.telemetry.events import StateEmitted
from target_dativo_iceberg.telemetry.feed import Feed

if TYPE_CHECKING:
    from target_dativo_iceberg.maps import StreamMaps
    from target_dativo_iceberg.route import Contracts
    from target_dativo_iceberg.settings import Settings

MIB = 1 << 20


class Loader:
    """One run of the target.

    Args:
        settings: checked settings.
        contracts: gives each stream its contract.
        source: the Singer messages, binary.
        emit: prints one STATE value (JSON text, without newline).
        maps: the user's stream maps, if any.
        feed: told of what happens; its report is filled in as the run goes. A new one when none is given.

    """

    def __init__(
        self,
        settings: Settings,
        contracts: Contracts,
        source: BinaryIO,
        emit: Callable[[bytes], None],
        maps: StreamMaps | None = None,
        *,
        feed: Feed | None = None,
    ) -> None:
        self._settings = settings
        self._contracts = contracts
        self._reader = Reader(source, settings.max_line_mb * MIB)
        self._emit = emit
        self._maps = maps
        self._scratch = scratch()
        self._made = Streams(settings, contracts, self._scratch)
        self._streams: dict[str, Stream] = {}
        self._position = Position()
        self._began = self._position.began
        self._last_state = ""
        self._completion = Completion()
        self._interrupts = Interrupts()
        self._progress = Progress()
        self._feed = feed or Feed(RunReport(settings.run_id, settings.job_id, settings.tenant_id))
        self.report = self._feed.report
        self._tally = Tally(self._feed)
        self._epochs = Epochs(settings, self.report)
        self._intake = Intake(settings, self._epochs, self._tally)

    # ---- the run ----

    def run(self) -> RunReport:
        """Load everything on the input.

        Raises:
            DativoError: whatever stopped the run; what was published before stays.

        """
        with self._interrupts.handled():
            try:
                self._begin()
                self._read()
            except BaseException:
                self._abandon()
                raise
            finally:
                self._intake.close()
                self.report.lost_attempts = self._intake.lost
                self._epochs.close(wait=self.report.finished)
                self._progress.close()
                for stream in self._streams.values():
                    stream.ordered.close()
                with suppress(OSError):  # most runs do not make it
                    self._scratch.rmdir()
        return self.report

    def _begin(self) -> None:
        # A signal that is raised while a thread begins would meet Python's own locks.
        with self._interrupts.postponed(), beginning_threads():
            self._intake.begin()
            self._epochs.begin()

    def _read(self) -> None:
        for block in self._reader.blocks():
            self._interrupts.check()
            if block is None:
                self._idle()
            else:
                self._take(block)
            del block  # and its memory, before the next one is filled
        check_completed(self._settings.completion_path)
        self._publish(final=True)
        self.report.finished = True

    def _take(self, block: Block) -> None:
        """Take one block: messages in order, records in runs between them."""
        self._position.nbytes += block.nbytes
        cut = self._cut(block)
        start = 0
        for index, message in block.controls:
            if isinstance(message, State):
                self._position.remember(message)
                self._completion.stated(message.value, block.first_line + index)
                if index == cut:
                    self._submit(block, start, index)
                    start = index + 1
                    self._publish()
            elif not (isinstance(message, Schema) and self._known(message)):
                self._submit(block, start, index)
                start = index + 1
                self._control(message, block.first_line + index)
        self._submit(block, start, len(block))
        if not block.is_full:  # the tap is slower than this target, so nothing is gained by waiting for more
            self._intake.hand_over()
        self._position.state_is_last = self._ends_with_state(block)
        self._progress.show(self.report, self._tally.open, self._position.nbytes)
        self._feed.progress(self._tally.open)

    def _ends_with_state(self, block: Block) -> bool:
        """Whether a pause may end the epoch here: no record, and nothing that acts on rows, follows the last STATE."""
        last = max((i for i, m in block.controls if isinstance(m, State)), default=-1)
        if last < 0 and not self._position.state_is_last:
            return False
        acts = any(i > last and not isinstance(m, Schema) for i, m in block.controls)
        return not acts and not block.has_records(last + 1)

    def _cut(self, block: Block) -> int:
        """Index of the STATE after which the epoch ends, or -1: the last one, once bytes or age pass their limit."""
        due = self._position.is_due(self._settings)
        if due and self._replaced():
            log.once(
                "streams are loaded by overwrite: the run is one epoch, its STATE is printed at the end", level="info"
            )
            return -1
        return max((i for i, m in block.controls if isinstance(m, State)), default=-1) if due else -1

    def _idle(self) -> None:
        """Use a pause of the tap: take results, and publish an old epoch if it ends with a STATE."""
        self._intake.collect_all()
        old = self._position.is_old(self._settings)
        if old and self._position.state_is_last and self._position.nbytes and not self._replaced():
            self._publish()

    def _replaced(self) -> list[Stream]:
        """Return the streams whose rows replace all that their tables have: at the end of the run, once."""
        return [s for s in self._streams.values() if s.settings.load_method == "overwrite"]

    # ---- messages ----

    def _known(self, message: Schema) -> bool:
        stream = self._streams.get(message.stream)
        return stream is not None and stream.schema == message and self._maps is None

    def _control(self, message: Schema | ActivateVersion | BatchFiles | State, line: int) -> None:
        match message:
            case Schema():
                for schema in self._maps.schemas(message) if self._maps else [message]:
                    self._schema(schema, line)
            case BatchFiles():
                self._batch(message, line)
            case ActivateVersion():
                self._activate(message, line)

    def _activate(self, message: ActivateVersion, line: int) -> None:
        for name in [message.stream] if self._maps is None else self._maps.names(message.stream):
            self._completion.activated(name, line)
            stream = self._streams.get(name)
            if stream is not None and stream.obeys_versions:
                found = Activation(message.version, run_number(self._began), now(), stream.settings.hard_delete)
                self._epochs.of(stream).activate(name, found)

    def _schema(self, message: Schema, line: int) -> None:
        """Bind a stream to its contract; what does not fit fails here, before its rows are read."""
        known = self._streams.get(message.stream)
        if known is not None and known.schema == message:
            return
        self._intake.collect_all()
        with _at_line(line):
            stream = self._made.open(message, known)
            self._fit(stream)
        self._streams[message.stream] = stream
        self._completion.began(message.stream, line)
        if stream.ordered.wants_table:
            self._epochs.ask(partial(learn_keys, stream))
        self._tally.bind(stream)
        self._feed.say(stream.started())
        self._epochs.bind(stream)

    def _fit(self, stream: Stream) -> None:
        """Give a stream that its table cannot take another one, if the settings or its contract say so."""
        stated = stream.contract.policies.get("on_incompatible", stream.settings.on_incompatible)
        if stated == "new_table":
            found = self._epochs.ask(partial(fitting_table, stream))
            if found != stream.identifier:
                self._contracts.claim(found, stream.name)
                stream.identifier = found

    def _submit(self, block: Block, start: int, stop: int) -> None:
        """Hand the records of a part of a block to the workers."""
        for run in block.records(start, stop) if stop > start else []:
            if self._maps is not None:
                self._stage_mapped(self._maps.records(run))
            else:
                self._stage(run)

    def _stage_mapped(self, runs: Iterable[tuple[Records, int]]) -> None:
        """Stage what stream maps made of a run; records that a map filters out count as dropped."""
        for run, filtered in runs:
            self._stage(run)
            self._tally.filtered(run.stream, filtered)

    def _stage(self, run: Records) -> None:
        if not len(run.lines):
            return
        stream = self._stream(run.stream, run.line_number(0))
        if stream.settings.load_method == "overwrite" and not run.file:
            self._completion.began(run.stream, run.line_number(len(run.lines) - 1))
        self._intake.records(stream, run, self._stamp(stream))

    def _stamp(self, stream: Stream) -> Stamp | None:
        if not stream.settings.add_record_metadata:
            return None
        return Stamp(now(), self._position.began, self._began)

    def _stream(self, name: str, line: int) -> Stream:
        stream = self._streams.get(name)
        if stream is None:
            raise RecordBeforeSchemaError(f"line {line}: RECORD of stream '{name}' before its SCHEMA", "mend the tap")
        return stream

    def _batch(self, message: BatchFiles, line: int) -> None:
        # The maps know a stream under the tap's name, which may be no table's.
        stream = None if self._maps is not None else self._stream(message.stream, line)
        for name in [message.stream] if self._maps is None else [s.name for s in self._replaced()]:
            self._completion.began(name, line)
        if stream is not None:
            self._intake.files(stream, message, self._stamp(stream))
            return
        assert self._maps is not None
        roots, longest = root_paths(self._settings.batch_roots), self._settings.max_line_mb * MIB
        for name, row, piece in pieces(message, roots, longest):
            self._stage_mapped(self._maps.batch(message.stream, piece, row, name))

    # ---- epochs ----

    def _publish(self, *, final: bool = False) -> None:
        """End the epoch here: everything read so far appears in one commit, then its STATE is printed."""
        self._intake.collect_all()
        if final:
            self._completion.check(stream.name for stream in self._replaced())
        self._tally.check(self._streams.values(), self._settings, final=final)
        state = self._position.state
        with self._interrupts.postponed():
            self._commit(state)
            if state is not None:
                self._print(state)
            self._position = Position()

    def _commit(self, state: State | None) -> None:
        audits = [stream.audit for stream in self._streams.values() if stream.ordered.table_checks]
        note = noting(self._settings.journal_path, state.value if state else None)
        span = self._epochs.publish(self._tally.open, self._hash(state), self._last_state, audits, note)
        if span is None:
            return
        self._tally.published(self._streams.values(), span)
        for stream in self._streams.values():
            stream.ordered.start_epoch()

    def _hash(self, state: State | None) -> str:
        return hashlib.sha256(state.value).hexdigest() if state else self._last_state

    def _print(self, state: State) -> None:
        self._last_state = self._hash(state)
        try:
            self._emit(state.value)
        except OSError as error:
            raise StoreError(
                f"STATE cannot be written to standard output ({error.strerror}); its epoch is published", "run again"
            ) from error
        self._feed.say(StateEmitted(self.report.epochs))

    def _abandon(self) -> None:
        """Drop the open epoch: no snapshot names its files."""
        self._intake.cancel()
        self._epochs.discard()
        self.report.unpublished = self._tally.open


@contextmanager
def _at_line(number: int) -> Iterator[None]:
    """Put the number of the message's line before what is wrong with it."""
    try:
        yield
    except (ContractError, InputError) as error:
        raise type(error)(f"line {number}: {error.message}", error.hint) from error

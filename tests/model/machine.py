"""The state machine: loads, crashes, rivals, care and changes of schema in any order, against the model."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from target_dativo_iceberg import keyed_rows
from target_dativo_iceberg.errors import InputError
from tests.faults.calls import MODES
from tests.model.expected import Expected
from tests.model.kind import CHOICES, METHODS, PARTITIONS, STREAMS, Kind
from tests.model.lake import JOB, Lake, Place, Strike
from tests.model.messages import EPOCHS, MESSAGES, Activate, Bad, Epoch, Message, Put, Tap
from tests.target.running import Server

AT = st.integers(0, 110) | st.integers(80, 105)  # there is the commit, and the STATE
HELD = st.integers(0, 85)  # most often before the commit
SELDOM = st.sampled_from([False, False, False, True])
# Steps of `dativo maintain`; the first two can be done on Nessie, and while a load runs.
CARE = (
    ("--step", "compact", "--min-files", "2"),
    ("--step", "manifests"),
    ("--step", "expire", "--step", "orphans", "--remove-orphans", "--orphan-age-days", "0", "--force"),
)


@dataclass
class World:
    """Where machines live.

    Attributes:
        server: whose children can be struck.
        reader: DuckDB.
        make_place: a place for a folder.
        remote: tables are on Nessie, not in a folder.
        methods: pairs of load methods for the two streams.
        counted: what was done, by name.
        after: called when a machine has ended.

    """

    server: Server
    reader: duckdb.DuckDBPyConnection
    make_place: Callable[[Path], Place]
    remote: bool = False
    methods: Sequence[tuple[str, str]] = METHODS
    counted: Counter[str] = field(default_factory=Counter)
    after: Callable[[], None] = lambda: None


def try_out(world: World, machines: int, steps: int, *, shrinks: bool) -> None:
    """Run state machines, each over a warehouse of its own; a failure prints its steps, and how to take them again.

    Args:
        world: where.
        machines: how many.
        steps: of each.
        shrinks: a failure is made smaller, which takes hundreds of machines.

    """
    phases = (Phase.generate, Phase.shrink) if shrinks else (Phase.generate,)
    options = settings(
        max_examples=machines,
        stateful_step_count=steps,
        phases=phases,
        deadline=None,
        database=None,
        print_blob=True,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine_of(world), settings=options)  # type: ignore[no-untyped-call]


def machine_of(world: World) -> type[RuleBasedStateMachine]:
    """Return a state machine over warehouses of a world."""

    class Chosen(Trial):
        methods = st.sampled_from(list(world.methods))

        def __init__(self) -> None:
            super().__init__(world)

        @initialize(
            methods=methods,
            **CHOICES,
        )
        def open(self, methods: tuple[str, str], **choices: Any) -> None:
            self.begin(Kind(dict(zip(STREAMS, methods, strict=True)), **choices))

    return Chosen


class Trial(RuleBasedStateMachine):
    """One warehouse, what a tap sends to it, and what it must hold."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._folder = Path(tempfile.mkdtemp(prefix="model-"))
        self._runs = 0

    def begin(self, kind: Kind) -> None:
        place = self._world.make_place(self._folder)
        self.lake = Lake(self._world.server, self._world.reader, place, self._folder, kind)
        self.kind, self.tap = kind, Tap(kind)
        self.tables = {stream: Expected(kind, stream) for stream in STREAMS}
        self._contract()
        self._parts = keyed_rows.PART_ENTRIES
        keyed_rows.PART_ENTRIES = 20 if kind.small_parts else self._parts

    def teardown(self) -> None:
        if hasattr(self, "lake"):
            self._world.counted["struck"] += self.lake.strikes
            keyed_rows.PART_ENTRIES = self._parts
        shutil.rmtree(self._folder)
        self._world.after()

    # ---- steps ----

    @rule(epochs=EPOCHS, newer=st.booleans(), dies=SELDOM, again=SELDOM, partition=st.none() | st.none() | PARTITIONS)
    def load(
        self,
        epochs: list[list[Message]],
        newer: bool,
        dies: bool = False,
        again: bool = False,
        partition: tuple[str, ...] | None = None,
    ) -> None:
        """A run that nobody disturbs.

        The tap may have died in the run before; the same may be sent again; there may be other partitions from now on.
        """
        self._count("load")
        if partition is not None:
            self._count("other partitions")
            self.lake.settings["partition_by"] = self.kind.partition_by(partition)
        if dies and self.kind.one_epoch:
            self._dead_tap(epochs[0])
        sent = self._sent(epochs, newer)
        self._loaded(sent)
        if again:
            self._again(sent)

    @rule(epochs=EPOCHS, newer=st.booleans(), mode=st.sampled_from(MODES), at=AT, again=st.none() | AT)
    def crash(self, epochs: list[list[Message]], newer: bool, mode: str, at: int, again: int | None) -> None:
        """A run that is struck, perhaps twice, and resumed from the STATE that its checkpoint names."""
        self._count("crash")
        left = self._sent(epochs, newer)
        for place in (at, again):
            if place is not None and left:
                left = self._struck(left, Strike(mode, place))
        if left:
            self._loaded(left)

    @rule(epochs=EPOCHS, theirs=MESSAGES | st.none(), newer=st.booleans(), at=HELD, ahead=st.booleans())
    def rival(
        self, epochs: list[list[Message]], theirs: list[Message] | None, newer: bool, at: int, ahead: bool
    ) -> None:
        """A run that is held up at some call while another job, or the same one, publishes to the same tables."""
        if theirs is None:
            self._twin(epochs, at)
            return
        self._count("rival")
        # Whose SCHEMA is the later one.
        other = [] if ahead else self.tap.epochs([theirs])
        sent = self._sent(epochs, newer)
        other = other or self.tap.epochs([theirs])
        done = 0

        def meanwhile() -> None:
            nonlocal done
            self._count("rival met")
            done = self.lake.furthest(sent)
            self.publish(sent[:done])
            self._loaded(other, "rival")
            self.as_expected()

        ended = self.lake.struck(sent, Strike("wait", at, meanwhile))
        assert ended.code == 0, ended.log
        assert ended.out == b"".join(epoch.state + b"\n" for epoch in sent), ended.log
        self.publish(sent[done:])

    def _twin(self, epochs: list[list[Message]], at: int) -> None:
        """A run that is held up while another one of the same job does its work: it fails, or has not begun before."""
        self._count("twin")
        sent = self._sent(epochs, newer=False)
        left, looked = list[Epoch](), False

        def meanwhile() -> None:
            nonlocal looked
            self._count("twin met")
            looked = self.lake.has_written()
            done = self.lake.furthest(sent)
            left.extend(sent[done:])
            self.publish(sent[:done])
            if left:
                self._loaded(left)

        ended = self.lake.struck(sent, Strike("wait", at, meanwhile))
        assert ended.out.splitlines() == [epoch.state for epoch in sent][: ended.out.count(b"\n")], ended.log
        if ended.code == 0:
            # It may have been held up before it looked at the tables: then it begins after the other one.
            # An epoch that changes nothing, such as one of ACTIVATE_VERSION alone, is not published by either.
            assert not (looked and any(isinstance(e, Put | Bad) for epoch in left for e in epoch.effects)), ended.log
            self.publish(sent if len(left) == len(sent) or not self.lake.met else [])
        else:
            self._count("twin refused")
            assert (ended.code, len(ended.errors), bool(left)) == (1, 1, True), ended.log

    @precondition(lambda self: self.tables["a"].columns)
    @rule(step=st.sampled_from(CARE), mode=st.sampled_from(MODES), at=st.none() | AT)
    def care(self, step: tuple[str, ...], mode: str, at: int | None) -> None:
        """A step of maintenance, which may be struck."""
        if self._world.remote and step not in CARE[:2]:
            return
        self._count("care")
        self.lake.care(step, None if at is None else Strike(mode, at))
        if step not in CARE[:2] and at is None:
            used, there = self.lake.data_files()
            assert used == there

    @precondition(lambda self: self.tables["a"].columns)
    @rule(step=st.sampled_from(CARE[:2]), theirs=MESSAGES, at=HELD)
    def load_meanwhile(self, step: tuple[str, ...], theirs: list[Message], at: int) -> None:
        """A step of maintenance that is held up while a job publishes to the same tables."""
        self._count("care")
        sent = self._sent([theirs], newer=False)

        def meanwhile() -> None:
            self._count("load during care")
            self._loaded(sent)

        strike = Strike("wait", at, meanwhile)
        assert self.lake.care(step, strike) == 0

    @precondition(lambda self: self.kind.contract and not self.tap.wide)
    @rule()
    def widen(self) -> None:
        """The next version of the contract has a wider type."""
        self._count("wider type")
        self.tap.wide = True
        self._contract()

    # A mark goes to one of several rows with the same key, and nobody says to which.
    @precondition(lambda self: self.kind.hard and not self.kind.contract)
    @rule(methods=st.sampled_from(METHODS))
    def change_methods(self, methods: tuple[str, str]) -> None:
        """Other load methods for the same tables, which may repeat keys then."""
        self._count("other methods")
        self.kind.methods.update(zip(STREAMS, methods, strict=True))
        self.lake.learn(self.kind.methods)

    # ---- what must hold ----

    @invariant()
    def as_expected(self) -> None:
        """The tables are the model's, row by row and column by column."""
        if not hasattr(self, "lake"):
            return
        found = self.lake.bags({stream: table.columns for stream, table in self.tables.items()})
        for stream, table in self.tables.items():
            wanted = table.bag()
            missing, odd = wanted - found[stream], found[stream] - wanted
            assert not missing and not odd, f"{stream}: not there: {missing}; not sent: {odd}"  # noqa: PT018
        assert self.lake.quarantined() == {stream: table.quarantined for stream, table in self.tables.items()}

    # ---- runs ----

    def _count(self, what: str) -> None:
        self._world.counted[what] += 1

    def _sent(self, drawn: Sequence[Sequence[Message]], newer: bool) -> list[Epoch]:
        self.tap.version += newer
        return self.tap.epochs(drawn)

    def publish(self, epochs: Sequence[Epoch]) -> None:
        """Do to the model what a run does."""
        self._runs += 1
        for number, epoch in enumerate(epochs):
            for stream, table in self.tables.items():
                begun = [*epoch.begun, *epoch.effects] if number == 0 else epoch.effects
                table.apply([effect for effect in begun if effect.stream == stream], self._runs)

    def _loaded(self, epochs: Sequence[Epoch], job: str = JOB) -> None:
        """Load without any disturbance."""
        assert self.lake.load(epochs, job) == [epoch.state for epoch in epochs if epoch.state]
        self.publish(epochs)

    def _dead_tap(self, messages: Sequence[Message]) -> None:
        """Load what a tap has sent that ends before its STATE: nothing is replaced."""
        self._count("dead tap")
        # ACTIVATE_VERSION would say that a stream is finished.
        (epoch,) = self.tap.epochs([[message for message in messages if not isinstance(message, Activate)]])
        with pytest.raises(InputError, match="nothing says that the tap had finished"):
            self.lake.load([replace(epoch, state=b"")])
        self.as_expected()

    def _again(self, sent: Sequence[Epoch]) -> None:
        """Send what was sent, where rows have keys or replace all; or begin at the last STATE, which leaves SCHEMAs."""
        self._count("again")
        if self.kind.repeatable:
            self._loaded(sent)
        elif not self.kind.one_epoch:
            self._loaded([self.tap.empty()])

    def _struck(self, epochs: list[Epoch], strike: Strike) -> list[Epoch]:
        """Strike at a run, check what it leaves, and return what is left to send."""
        ended = self.lake.struck(epochs, strike)
        printed = ended.out[: ended.out.rfind(b"\n") + 1].splitlines()
        assert printed == [epoch.state for epoch in epochs[: len(printed)]], ended.log
        if ended.code >= 0:
            assert ended.code == (0 if len(printed) == len(epochs) and not ended.errors else 1), ended.log
            assert len(ended.errors) == ended.code, ended.log
        done = max(self.lake.furthest(epochs), len(printed))
        if done < len(epochs):
            self._count("resumed")
        self.publish(epochs[:done])
        self.as_expected()
        return epochs[done:]

    def _contract(self) -> None:
        """Write the contract as it is now."""
        if self.kind.contract:
            path = self._folder / "contract.yaml"
            path.write_text(json.dumps(self.kind.document(wide=self.tap.wide)))
            self.lake.settings["contract_path"] = str(path)

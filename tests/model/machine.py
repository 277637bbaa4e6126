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

from target_dativo_iceberg.errors import InputError
from tests.faults.calls import MODES
from tests.model.expected import Expected
from tests.model.lake import JOB, Lake, Place, Strike
from tests.model.messages import EPOCHS, MESSAGES, STREAMS, Epoch, Kind, Message, Tap
from tests.target.running import Server

PARTITIONS = st.sampled_from([(), ("p",), ("bucket[2](id)",), ("truncate[1](s)",)])
SORTS = st.sampled_from([(), ("s desc",)])
AT = st.integers(0, 110)
SELDOM = st.sampled_from([False, False, False, True])
METHODS = (
    ("upsert", "upsert"),
    ("upsert", "append-only"),
    ("append-only", "append-only"),
    ("overwrite", "upsert"),
    ("overwrite", "append-only"),
)
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

    """

    server: Server
    reader: duckdb.DuckDBPyConnection
    make_place: Callable[[Path], Place]
    remote: bool = False
    methods: Sequence[tuple[str, str]] = METHODS
    counted: Counter[str] = field(default_factory=Counter)


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

    class Trial(_Trial):
        methods = st.sampled_from(list(world.methods))

        def __init__(self) -> None:
            super().__init__(world)

        @initialize(
            methods=methods,
            hard=st.booleans(),
            metadata=st.booleans(),
            composite=st.booleans(),
            contract=st.booleans(),
            partition=PARTITIONS,
            sort=SORTS,
        )
        def open(self, methods: tuple[str, str], **choices: Any) -> None:
            self.begin(Kind(dict(zip(STREAMS, methods, strict=True)), **choices))

    return Trial


class _Trial(RuleBasedStateMachine):
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
        self.tables = {stream: Expected(kind, kind.methods[stream]) for stream in STREAMS}
        self._contract()

    def teardown(self) -> None:
        if hasattr(self, "lake"):
            self._world.counted["struck"] += self.lake.strikes
        shutil.rmtree(self._folder)

    # ---- steps ----

    @rule(epochs=EPOCHS, newer=st.booleans(), again=SELDOM)
    def load(self, epochs: list[list[Message]], newer: bool, again: bool) -> None:
        """A run that nobody disturbs, and perhaps the same again."""
        self._count("load")
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

    @rule(epochs=EPOCHS, theirs=MESSAGES, newer=st.booleans(), at=AT)
    def rival(self, epochs: list[list[Message]], theirs: list[Message], newer: bool, at: int) -> None:
        """A run that is held up at some call while another job publishes to the same tables."""
        self._count("rival")
        other = self.tap.epochs([theirs])
        sent = self._sent(epochs, newer)
        done = 0

        def meanwhile() -> None:
            nonlocal done
            self._count("rival met")
            done = self.lake.furthest(sent)
            self._publish(sent[:done])
            self._loaded(other, "rival")
            self.as_expected()

        ended = self.lake.struck(sent, Strike("wait", at, meanwhile))
        assert ended.code == 0, ended.log
        assert ended.out == b"".join(epoch.state + b"\n" for epoch in sent), ended.log
        self._publish(sent[done:])

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
    @rule(step=st.sampled_from(CARE[:2]), theirs=MESSAGES, at=AT)
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

    @precondition(lambda self: self.kind.one_epoch)
    @rule(messages=MESSAGES)
    def dead_tap(self, messages: list[Message]) -> None:
        """A tap that ends before its STATE: nothing is replaced."""
        self._count("dead tap")
        (epoch,) = self.tap.epochs([messages])
        with pytest.raises(InputError, match="nothing says that the tap had finished"):
            self.lake.load([replace(epoch, state=b"")])

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

    def _publish(self, epochs: Sequence[Epoch]) -> None:
        """Do to the model what a run does."""
        self._runs += 1
        for number, epoch in enumerate(epochs):
            for stream, table in self.tables.items():
                begun = [*epoch.begun, *epoch.effects] if number == 0 else epoch.effects
                table.apply([effect for effect in begun if effect.stream == stream], self._runs)

    def _loaded(self, epochs: Sequence[Epoch], job: str = JOB) -> None:
        """Load without any disturbance."""
        assert self.lake.load(epochs, job) == [epoch.state for epoch in epochs if epoch.state]
        self._publish(epochs)

    def _again(self, sent: Sequence[Epoch]) -> None:
        """Send what was sent, where rows have keys or replace all; or begin at the last STATE, which leaves SCHEMAs."""
        self._count("again")
        if "append-only" not in self.kind.methods.values():
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
        self._publish(epochs[:done])
        self.as_expected()
        return epochs[done:]

    # ---- the contract ----

    def _contract(self) -> None:
        if not self.kind.contract:
            return
        path = self._folder / "contract.yaml"
        path.write_text(json.dumps(_contract(self.kind, self.tap.wide)))
        self.lake.settings["contract_path"] = str(path)


def _contract(kind: Kind, wide: bool) -> dict[str, Any]:
    bits = {} if wide else {"logicalTypeOptions": {"format": "i32"}}
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "status": "active"}

    def columns(method: str) -> list[dict[str, Any]]:
        key = {"primaryKey": True} if method == "upsert" else {"required": True}
        return [
            {"name": "id", "logicalType": "integer"} | key,
            *([{"name": "k", "logicalType": "string"} | key] if kind.composite else []),
            {"name": "s", "logicalType": "string"},
            {"name": "n", "logicalType": "integer"} | bits,
            {"name": "p", "logicalType": "integer"},
        ]

    objects = [{"name": s, "logicalType": "object", "properties": columns(m)} for s, m in kind.methods.items()]
    return head | {"version": "1.1.0" if wide else "1.0.0", "schema": objects}

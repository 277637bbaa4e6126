"""Any sequence of loads, crashes, rivals and care leaves the tables that dicts and lists say; more in `make faults`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.sweep import Sweep, sql_sweep
from tests.model.kind import METHODS, Kind
from tests.model.machine import Trial, World, try_out
from tests.model.messages import Add, Keyless, Row


@pytest.fixture(scope="module")
def sweep() -> Iterator[Sweep]:
    with sql_sweep() as running:
        yield running


@pytest.mark.timeout(600)
@pytest.mark.parametrize("methods", METHODS, ids="-".join)
def test_any_sequence_leaves_what_the_model_says(sweep: Sweep, methods: tuple[str, str]) -> None:
    try_out(World(sweep.server, sweep.reader, sweep.make_place, methods=[methods]), 1, 25, shrinks=False)


def test_what_the_model_does_not_say_is_told(sweep: Sweep) -> None:
    world = World(sweep.server, sweep.reader, sweep.make_place)
    choices: dict[str, Any] = {"hard": True, "metadata": False, "contract": False, "small_parts": False}
    methods = {"a": "upsert", "b": "append-only"}
    kind = Kind(methods, ("id",), partition=(), sort=(), publish="commit", **choices)
    trial = Trial(world)
    try:
        trial.begin(kind)
        trial.load([[Row("a", 1, "x", 1, 1), Row("b", 1, "x", 1, 1)]], newer=False)
        trial.as_expected()
        for unsaid in (Row("a", 1, "y", 1, 1), Row("b", 1, "x", 1, 1), Keyless("a"), Add("b")):
            sent = trial.tap.epochs([[unsaid]])
            trial.lake.load(sent)
            with pytest.raises(AssertionError):
                trial.as_expected()
            trial.publish(sent)
            trial.as_expected()
    finally:
        trial.teardown()

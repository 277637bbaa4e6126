"""A seeded sample of the call sweep on a real Nessie, with both publishers; `make faults` runs all of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dativo_ingest.stack import LocalStack
from tests.faults.calls import MODES
from tests.faults.on_nessie import nessie_sweep
from tests.faults.sweep import Sweep

pytestmark = pytest.mark.nessie

SAMPLE = 2
TURNS = ("http POST commit", "http POST merge", "state")


@pytest.fixture(scope="session")
def sweep(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    with nessie_sweep(tmp_path_factory.mktemp("sweep"), stack) as running:
        yield running


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_struck_at_any_call_nothing_is_lost_or_doubled(sweep: Sweep, tmp_path: Path, publish: str) -> None:
    calls = sweep.calls(tmp_path / "calls", publish=publish)
    turns = [n for n, call in enumerate(calls, 1) if call in TURNS]
    assert len(turns) == (4 if publish == "commit" else 6)
    for mode in MODES:
        choice = random.Random(f"{mode} {publish}")
        for number in {*choice.sample(range(1, len(calls) + 1), SAMPLE), choice.choice(turns)}:
            assert sweep.point(tmp_path / f"{mode}{number}", mode, number, publish=publish)

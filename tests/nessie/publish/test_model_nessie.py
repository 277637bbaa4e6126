"""Any sequence of loads, crashes, rivals and care on a real Nessie; more in `make faults`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dativo_ingest.stack import LocalStack
from tests.faults.on_nessie import nessie_sweep
from tests.model.machine import World, try_out

pytestmark = pytest.mark.nessie


@pytest.mark.timeout(600)
def test_any_sequence_leaves_what_the_model_says(stack: LocalStack, tmp_path: Path) -> None:
    with nessie_sweep(tmp_path, stack) as sweep:
        try_out(World(sweep.server, sweep.reader, sweep.make_place, remote=True), 1, 15, shrinks=False)

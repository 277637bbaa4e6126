"""Any sequence of loads, crashes, rivals and care leaves the tables that dicts and lists say; more in `make faults`."""

from __future__ import annotations

import pytest

from tests.faults.sweep import sql_sweep
from tests.model.machine import METHODS, World, try_out


@pytest.mark.timeout(600)
@pytest.mark.parametrize("methods", METHODS, ids="-".join)
def test_any_sequence_leaves_what_the_model_says(methods: tuple[str, str]) -> None:
    with sql_sweep() as sweep:
        try_out(World(sweep.server, sweep.reader, sweep.make_place, methods=[methods]), 2, 12, shrinks=False)

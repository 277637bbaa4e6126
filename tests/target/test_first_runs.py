"""Several runs that are the first of a new warehouse: each makes what the others make too."""

from __future__ import annotations

import multiprocessing as mp
from pathlib import Path
from typing import Any

from tests.readback import Tables

RUNS, ROUNDS = 4, 4
DEADLINE = 60.0


def test_the_first_runs_of_a_warehouse_may_be_at_once(tmp_path: Path) -> None:
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["pyiceberg.catalog.sql", "target_dativo_iceberg.target"])  # once, not in each
    barrier, answers = context.Barrier(RUNS), context.Queue()
    warehouses = [tmp_path / f"w{n}" for n in range(ROUNDS)]
    children = [context.Process(target=_runs, args=(warehouses, n, barrier, answers)) for n in range(RUNS)]
    for child in children:
        child.start()
    assert [answers.get(timeout=DEADLINE) for _ in children] == [""] * RUNS
    for child in children:
        child.join(DEADLINE)
    for warehouse in warehouses:
        tables = Tables(warehouse)
        assert [tables.count(f"s{n}") for n in range(RUNS)] == [1] * RUNS


def _runs(warehouses: list[Path], number: int, barrier: Any, answers: Any) -> None:
    """Run the target on each warehouse in turn, all processes at once."""
    import io
    import json

    import pyiceberg.catalog.sql  # noqa: F401 - so that none is late

    from target_dativo_iceberg.loader import Loader
    from target_dativo_iceberg.route import Contracts
    from target_dativo_iceberg.settings import parse

    stream = f"s{number}"
    schema = {"type": "SCHEMA", "stream": stream, "schema": {"properties": {"id": {"type": "integer"}}}}
    messages = [schema | {"key_properties": []}, {"type": "RECORD", "stream": stream, "record": {"id": 1}}]
    try:
        for warehouse in warehouses:
            settings = parse({"warehouse": str(warehouse)})
            source = io.BytesIO("".join(json.dumps(m) + "\n" for m in messages).encode())
            barrier.wait(DEADLINE)
            Loader(settings, Contracts(settings), source, lambda _state: None).run()
        answers.put("")
    except Exception as error:
        barrier.abort()
        answers.put(f"{type(error).__name__}: {error}")

"""What several streams hold of their rows goes by `memory_limit_mb`, not by how many streams there are."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest

from tests.target.running import Target

STREAMS = 4
ROWS = 3500
# 18 MB of a stream, which fill no row group, and 70 MB of all.
TEXT = "x" * 5000
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "text": {"type": "string"}}}


def _messages() -> Iterator[bytes]:
    for n in range(STREAMS):
        schema = {"type": "SCHEMA", "stream": f"s{n}", "schema": SCHEMA, "key_properties": ["id"]}
        yield json.dumps(schema).encode() + b"\n"
    for row in range(ROWS):
        for n in range(STREAMS):
            record = {"type": "RECORD", "stream": f"s{n}", "record": {"id": row, "text": TEXT}}
            yield json.dumps(record).encode() + b"\n"


@pytest.mark.parametrize(("memory", "are_written_early"), [(256, True), (400, False)])
def test_rows_of_all_streams_together_are_bounded_by_the_memory(
    memory: int, are_written_early: bool, target: Target
) -> None:
    ended = target.run(_messages(), memory_limit_mb=memory)
    assert ended.code == 0, ended.log
    footers = [pq.read_metadata(path) for path in target.warehouse.rglob("*.parquet")]
    assert sum(footer.num_rows for footer in footers) == STREAMS * ROWS
    assert (max(footer.num_row_groups for footer in footers) > 1) is are_written_early

"""Upsert and overwrite on Nessie, by both publishers, read by DuckDB on the branch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nessie.publish.landing import Landing
from tests.target.running import record, schema, state


def _rows(landing: Landing) -> list[tuple[Any, ...]]:
    return sorted(landing.query("a", "id, s"))


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_rows_are_replaced_by_key_in_one_commit(landing: Landing, publish: str) -> None:
    settings = {"load_method": "upsert", "publish": publish, "job_id": "j"}
    for text, numbers in (("first", range(6)), ("second", range(3, 9)), ("second", range(3, 9))):
        lines = [schema(), *(record(n, s=text) for n in numbers), state(text)]
        assert landing.run(lines, **settings).code == 0
    assert _rows(landing) == [(n, "first") for n in range(3)] + [(n, "second") for n in range(3, 9)]


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_a_table_is_replaced_in_one_commit(landing: Landing, publish: str) -> None:
    settings = {"load_method": "overwrite", "publish": publish}
    for text, numbers in (("first", range(6)), ("second", range(3, 5))):
        lines = [schema(), *(record(n, s=text) for n in numbers), state(text)]
        assert landing.run(lines, **settings).code == 0
    assert _rows(landing) == [(3, "second"), (4, "second")]

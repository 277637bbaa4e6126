"""Evolutions that need more than one schema, or more than one table, in one payload of a real Nessie."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nessie.publish.landing import Landing
from tests.target.running import schema

pytestmark = pytest.mark.nessie
ID: dict[str, Any] = {"name": "id", "logicalType": "integer", "primaryKey": True, "required": True}
INT = {"name": "n", "logicalType": "integer", "id": "n1", "logicalTypeOptions": {"format": "i32"}, "required": True}


def _lines(**members: Any) -> list[dict[str, Any]]:
    head = schema("a", keys=("id",)) | {
        "schema": {"properties": {"id": {"type": "integer"}, **{name: {} for name in members}}}
    }
    return [head, {"type": "RECORD", "stream": "a", "record": members}]


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_a_column_is_renamed_widened_and_relaxed_in_one_commit(landing: Landing, publish: str) -> None:
    first = landing.contract("1.0.0", ID, INT)
    assert landing.run(_lines(id=1, n=5), contract_path=first, publish=publish).code == 0
    before = landing.head()
    total = {"name": "total", "logicalType": "integer", "id": "n1"}
    second = landing.contract("2.0.0", ID, total, {"name": "more", "logicalType": "string"})
    run = landing.run(_lines(id=2, total=2**40, more="m"), contract_path=second, publish=publish)
    assert run.code == 0, run.log
    assert landing.query("a", "id, total, more") == [(1, 5, None), (2, 2**40, "m")]
    assert len(landing.commits(before)) == 1
    other = {"name": "total", "logicalType": "integer", "id": "n1", "primaryKey": True, "required": True}
    third = landing.contract("3.0.0", {**ID, "primaryKey": False, "required": False}, other)
    run = landing.run(_lines(id=None, total=7), contract_path=third, publish=publish)
    assert run.code == 0, run.log
    assert landing.query("a", "id, total") == [(1, 5), (2, 2**40), (None, 7)]


@pytest.mark.parametrize("publish", ["commit", "branch"])
def test_incompatible_values_go_to_a_variant_column_or_to_the_next_table(landing: Landing, publish: str) -> None:
    text, number = {"name": "n", "logicalType": "string"}, {"name": "n", "logicalType": "integer"}
    settings = {"publish": publish, "contract_path": landing.contract("1.0.0", ID, text)}
    assert landing.run(_lines(id=1, n="a"), **settings).code == 0
    landing.contract("2.0.0", ID, number)
    for number_, choice in ((2, "variant_column"), (3, "new_table")):
        run = landing.run(_lines(id=number_, n=5), on_incompatible=choice, **settings)
        assert run.code == 0, run.log
    assert landing.query("a", "id, n, n__v_long") == [(1, "a", None), (2, None, 5)]
    assert landing.query("a_v2", "id, n") == [(3, 5)]

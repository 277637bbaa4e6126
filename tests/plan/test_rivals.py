"""Situation 21: two processes evolve one table at once; both land, and every value is in its own column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.plan import rivals
from tests.plan.conftest import ID, column
from tests.plan.test_situations import AMOUNT, INT, NAME, Orders, orders

__all__ = ["orders"]
TYPES: dict[str, Any] = {n: {} for n in ("id", "name", "amount", "who", "odd name", "uid")}
WHO = column("who", "object", properties=[AMOUNT, column("tags", "array", items={"logicalType": "string"})])
UUID = column("uid", physicalType="UUID")


def meet(orders: Orders, *loads: tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]], **settings: Any) -> None:
    """Load one record under each contract, all at the same time."""
    staged = []
    for number, (columns, record) in enumerate(loads):
        path = Path(orders.contract(columns, "2.0.0")).rename(orders.folder / f"rival{number}.json")
        config = {"warehouse": str(orders.folder / "warehouse"), "contract_path": str(path)} | settings
        staged.append((config, [orders.schema(TYPES), orders.record(record)]))
    assert rivals.run(staged) == [""] * len(loads)


def test_21_both_add_the_same_column(orders: Orders) -> None:
    orders.load([ID], {"id": 1})
    meet(orders, ([ID, NAME], {"id": 2, "name": "b"}), ([ID, NAME], {"id": 3, "name": "c"}))
    assert orders.rows() == [{"id": 1, "name": None}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]
    assert list(orders.fields()) == ["id", "name"]


def test_21_each_adds_columns_of_its_own_in_another_order(orders: Orders) -> None:
    """Both give the same field ids to different columns: the loser's files are written anew."""
    orders.load([ID], {"id": 1})
    odd = column("odd name")
    uid = "0b9d1f3e-1d0c-4f38-9f9a-0a4c1f6f9e11"
    meet(
        orders,
        ([ID, NAME, AMOUNT, WHO, odd], {"id": 2, "name": "b", "amount": 2, "who": {"amount": 7}, "odd name": "x"}),
        ([ID, odd, UUID, WHO, AMOUNT], {"id": 3, "odd name": "y", "amount": 3, "who": {"tags": ["t"]}, "uid": uid}),
    )
    rows = [{k: str(v) if k == "uid" else v for k, v in row.items()} for row in orders.rows()]
    none = {"name": None, "amount": None, "who": None, "odd name": None, "uid": "None"}
    assert [{k: r[k] for k in ("id", *none)} for r in rows] == [
        {"id": 1} | none,
        {"id": 2} | none | {"name": "b", "amount": 2, "who": {"amount": 7, "tags": None}, "odd name": "x"},
        {"id": 3} | none | {"amount": 3, "who": {"amount": None, "tags": ["t"]}, "odd name": "y", "uid": uid},
    ]
    ids = [f["id"] for f in orders.fields().values()]
    assert len(set(ids)) == len(ids) == 6


def test_21_both_create_the_table(orders: Orders) -> None:
    meet(orders, ([ID, NAME, AMOUNT], {"id": 2, "name": "b", "amount": 2}), ([ID, AMOUNT], {"id": 3, "amount": 3}))
    assert orders.rows() == [{"id": 2, "name": "b", "amount": 2}, {"id": 3, "name": None, "amount": 3}]


def test_21_one_widens_what_the_other_writes(orders: Orders) -> None:
    orders.load([ID, INT], {"id": 1, "amount": 1}, types={n: {} for n in ("id", "amount")})
    meet(orders, ([ID, INT, NAME], {"id": 2, "amount": 2, "name": "b"}), ([ID, AMOUNT], {"id": 3, "amount": 2**40}))
    assert [(r["id"], r["amount"]) for r in orders.rows()] == [(1, 1), (2, 2), (3, 2**40)]


@pytest.mark.parametrize("order", [1, -1])
def test_21_a_variant_column_that_the_other_made_necessary(orders: Orders, order: int) -> None:
    """Both create the table with another type of one column: one of them finds itself in need of a variant."""
    loads = [([ID, NAME], {"id": 2, "name": "b"}), ([ID, column("name", "integer")], {"id": 3, "name": 3})]
    meet(orders, *loads[::order], on_incompatible="variant_column")
    rows = orders.rows()
    values = [[v for k, v in row.items() if k != "id" and v is not None] for row in rows]
    assert values == [["b"], [3]]
    assert len(orders.fields()) == 3

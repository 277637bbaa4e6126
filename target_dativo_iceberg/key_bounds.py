"""The range of keys, as a filter that tells which files of a table may hold one of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, GreaterThanOrEqual, In, LessThanOrEqual

# PyIceberg looks at each value of a set up to this many.
_FEW = 200
_WITH_BOUNDS = (
    pa.types.is_integer,
    pa.types.is_string,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
)


class KeyBounds:
    """Collects the least and the largest value of each key column, and the values of a column that has few.

    Args:
        columns: names of the key's columns.

    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._least: dict[str, Any] = {}
        self._most: dict[str, Any] = {}
        self._few: dict[str, pa.Array | None] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the keys of a batch."""
        for name in self._columns:
            column = batch.column(name)
            if not _has_bounds(column.type) or column.null_count == len(column):
                continue
            found = pc.min_max(column).as_py()
            self._least[name] = min(self._least.get(name, found["min"]), found["min"])
            self._most[name] = max(self._most.get(name, found["max"]), found["max"])
            self._few[name] = self._with_more(name, column)

    def _with_more(self, name: str, column: pa.Array) -> pa.Array | None:
        known = self._few.get(name, pa.array([], column.type))
        if known is None:
            return None
        values = pc.unique(pa.concat_arrays([known, pc.unique(column)]))
        return values if len(values) <= _FEW else None

    def expression(self, names: Mapping[str, str]) -> BooleanExpression:
        """Return a filter that no row with one of the keys fails.

        Args:
            names: of the columns in the table.

        """
        found: BooleanExpression = AlwaysTrue()
        for name, least in self._least.items():
            few = self._few[name]
            column = names[name]
            if few is not None:
                found = And(found, _in(column, few.drop_null().to_pylist()))
            else:
                found = And(found, _at_least(column, least), _at_most(column, self._most[name]))
        return found


def _has_bounds(type_: pa.DataType) -> bool:
    return any(is_one(type_) for is_one in _WITH_BOUNDS)


# PyIceberg's expressions are pydantic models with a constructor of their own, which mypy does not see.
def _in(column: str, values: list[Any]) -> BooleanExpression:
    return In(column, {_literal(v) for v in values})  # type: ignore[call-arg, arg-type]


def _at_least(column: str, value: Any) -> BooleanExpression:
    return GreaterThanOrEqual(column, _literal(value))  # type: ignore[call-arg, arg-type]


def _at_most(column: str, value: Any) -> BooleanExpression:
    return LessThanOrEqual(column, _literal(value))  # type: ignore[call-arg, arg-type]


def _literal(value: Any) -> Any:
    """Return a value as PyIceberg reads literals of its type."""
    return value.isoformat() if isinstance(value, dt.date) else value

"""Rows that repeat a key: `unique` properties and the primary key, within a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from target_dativo_iceberg.contract.model import Contract, Field, Kind
from target_dativo_iceberg.contract.rules.distinct import Distinct
from target_dativo_iceberg.contract.values.coerce import Violation


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows of a batch that repeat a key of the run.

    Attributes:
        violation: the reason against each of them.
        rows: which rows these are.

    """

    violation: Violation
    rows: pa.BooleanArray


class Uniqueness:
    """All keys of a contract that a run may hold once only. False if there are none.

    A key belongs to the first row of the run that carries it, even if another rule turns that row away.

    Args:
        contract: its primary key and unique properties.
        memory_bytes: bound of the memory for keys of all kinds together.
        scratch: folder for the keys beyond it.
        primary_key: whether the primary key counts; a load by key replaces rows instead.

    """

    def __init__(self, contract: Contract, memory_bytes: int, scratch: Path, *, primary_key: bool = True) -> None:
        keys: dict[tuple[str, ...], str] = {}
        if primary_key and contract.primary_key:
            keys[contract.primary_key] = f"{contract.name}.primaryKey"
        for path in _unique(contract.fields, ""):
            keys.setdefault((path,), f"{contract.name}.{path}.unique")
        share = memory_bytes // max(1, len(keys))
        self._keys = [(rule, Distinct(columns, share, scratch)) for columns, rule in keys.items()]

    def __bool__(self) -> bool:
        """Whether there is anything to watch."""
        return bool(self._keys)

    @property
    def columns(self) -> tuple[tuple[str, ...], ...]:
        """The columns of each key."""
        return tuple(distinct.columns for _, distinct in self._keys)

    def repeats(self, batch: pa.RecordBatch) -> list[Repeats]:
        """Return the rows that repeat a key of an earlier row of the run, for each key, and remember the batch's keys.

        Raises:
            ContractError: a key column holds objects, lists or maps.
            StoreError: the scratch folder is full.

        """
        found = []
        for rule, distinct in self._keys:
            rows = distinct.duplicates(batch)
            if rows is not None:
                path = f"$.{distinct.columns[0]}" if len(distinct.columns) == 1 else "$"
                message = f"repeats {' + '.join(distinct.columns)} of an earlier record of the run"
                found.append(Repeats(Violation(path, "duplicate_key", rule, message), rows))
        return found


def _unique(fields: Sequence[Field], prefix: str) -> Iterator[str]:
    for field in fields:
        if field.unique:
            yield prefix + field.name
        if field.type.kind is Kind.STRUCT:
            yield from _unique(field.type.fields, f"{prefix}{field.name}.")

"""Rows that repeat a key: `unique` properties and the primary key, within a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from target_dativo_iceberg.contract.findings import Violation, member
from target_dativo_iceberg.contract.model import Contract, Field, Kind
from target_dativo_iceberg.contract.rules.distinct import Distinct


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

    """

    def __init__(self, contract: Contract, memory_bytes: int, scratch: Path) -> None:
        keys = _keys(contract)
        share = memory_bytes // max(1, len(keys))
        self._keys = [(violation, Distinct(columns, share, scratch)) for columns, violation in keys.items()]

    def __bool__(self) -> bool:
        """Whether there is anything to watch."""
        return bool(self._keys)

    @property
    def keys(self) -> tuple[tuple[tuple[str, ...], Violation], ...]:
        """The columns of each key, and the reason against a row that repeats it."""
        return tuple((distinct.columns, violation) for violation, distinct in self._keys)

    def know(self, columns: Sequence[str], batch: pa.RecordBatch) -> None:
        """Remember the values of one key in rows that are no records of the run."""
        for _, distinct in self._keys:
            if distinct.columns == tuple(columns):
                distinct.duplicates(batch)

    def repeats(self, batch: pa.RecordBatch) -> list[Repeats]:
        """Return the rows that repeat a key of an earlier row of the run, for each key, and remember the batch's keys.

        Raises:
            ContractError: a key column holds objects, lists or maps.
            StoreError: the scratch folder is full.

        """
        found = []
        for violation, distinct in self._keys:
            rows = distinct.duplicates(batch)
            if rows is not None:
                found.append(Repeats(violation, rows))
        return found


def unique_rules(contract: Contract) -> frozenset[str]:
    """Return the ids of a contract's rules about keys."""
    return frozenset(violation.rule for violation in _keys(contract).values())


def _keys(contract: Contract) -> dict[tuple[str, ...], Violation]:
    """Return the columns of each key, with the reason against a row that repeats it."""
    keys: dict[tuple[str, ...], Violation] = {}
    if contract.primary_key and not contract.keys_repeat:
        columns = contract.primary_key
        path = member("$", columns[0]) if len(columns) == 1 else "$"
        keys[columns] = _repeat(path, f"{contract.name}.primaryKey", columns)
    for dotted, path in _unique(contract.fields, "", "$"):
        keys.setdefault((dotted,), _repeat(path, f"{contract.name}.{dotted}.unique", (dotted,)))
    return keys


def _repeat(path: str, rule: str, columns: Sequence[str]) -> Violation:
    return Violation(path, "duplicate_key", rule, f"repeats {' + '.join(columns)} of an earlier record")


def _unique(fields: Sequence[Field], prefix: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield each unique member: its dotted name and its JSON path."""
    for field in fields:
        if field.unique:
            yield prefix + field.name, member(path, field.name)
        if field.type.kind is Kind.STRUCT:
            yield from _unique(field.type.fields, f"{prefix}{field.name}.", member(path, field.name))

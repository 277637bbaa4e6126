"""The tables as lists say they must be, publish after publish."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.model.kind import Kind
from tests.model.messages import Bad, Columns, Effect, Put, Retire

DELETED_AT, VERSION = "_sdc_deleted_at", "_sdc_table_version"
MARKED = "some time"  # when ACTIVATE_VERSION came
Bag = Counter[tuple[Any, ...]]


@dataclass(eq=False)
class Held:
    """A row, and the run that has written it."""

    values: dict[str, Any]
    run: int


@dataclass
class Expected:
    """One table and its quarantine.

    Attributes:
        kind: of the warehouse.
        stream: whose table it is.
        columns: of the table, and members of them (dotted); none when there is no table.
        rows: all of them.
        quarantined: rows in quarantine.

    """

    kind: Kind
    stream: str
    columns: frozenset[str] = frozenset()
    rows: list[Held] = field(default_factory=list)
    quarantined: int = 0

    def bag(self) -> Bag:
        """All rows, column by column in the order of names."""
        names = sorted(name for name in self.columns if "." not in name)
        return Counter(tuple(self._value(held.values.get(name), name) for name in names) for held in self.rows)

    def _value(self, value: Any, name: str) -> Any:
        if isinstance(value, dict):
            members = (column.partition(".") for column in self.columns)
            value = {member: value.get(member) for column, _, member in members if column == name and member}
        return frozen(value)

    def apply(self, effects: Iterable[Effect], run: int) -> None:
        """Publish what a run has sent to this table in an epoch."""
        method = self.kind.methods[self.stream]
        if method == "overwrite":
            self.rows = []
        puts, retires = [], []
        for effect in effects:
            match effect:
                case Columns(_, names):
                    self.columns |= names
                case Bad():
                    self.quarantined += 1
                case Put():
                    puts.append(effect)
                case Retire():
                    retires.append(effect)
        if method == "upsert":
            self._merge(puts, run)
        else:
            self.rows += [Held(put.row | {DELETED_AT: put.deleted}, run) for put in puts]
        if self.kind.metadata and method != "overwrite":
            for retire in retires:
                self._retire(retire.version, run)

    def _merge(self, puts: Sequence[Put], run: int) -> None:
        """One row for each key, as each put in turn leaves it; a deleted row keeps its values."""
        there = defaultdict(list)
        for held in self.rows:
            there[self._key(held.values)].append(held)
        for put in puts:
            key = self._key(put.row)
            if put.deleted is None:
                there[key] = [Held(dict(put.row), run)]
            elif self.kind.hard:
                there[key] = []
            elif there[key]:
                _mark(there[key][0], put.deleted)
            else:
                there[key] = [Held(put.row | {DELETED_AT: put.deleted}, run)]
        self.rows = [held for rows in there.values() for held in rows]

    def _key(self, row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.kind.keys)

    def _retire(self, version: int, run: int) -> None:
        older = {
            id(held)
            for held in self.rows
            if held.values.get(VERSION) is not None and held.values[VERSION] < version and held.run != run
        }
        if self.kind.hard:
            self.rows = [held for held in self.rows if id(held) not in older]
        for held in self.rows:
            if id(held) in older:
                _mark(held, MARKED)


def _mark(held: Held, at: str) -> None:
    if held.values.get(DELETED_AT) is None:
        held.values[DELETED_AT] = at


def frozen(value: Any) -> Any:
    """Return a value that can be counted."""
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else value

"""The tables as dicts and lists say they must be, publish after publish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.model.messages import Bad, Columns, Effect, Kind, Put, Retire

DELETED_AT, VERSION = "_sdc_deleted_at", "_sdc_table_version"
MARKED = "some time"  # when ACTIVATE_VERSION came


@dataclass
class Held:
    """A row, and the run that has written it."""

    values: dict[str, Any]
    run: int


@dataclass
class Expected:
    """One table and its quarantine.

    Attributes:
        kind: of the warehouse.
        method: load method.
        columns: of the table; none when there is no table.
        rows: by key under upsert, else by number.
        quarantined: rows in quarantine.

    """

    kind: Kind
    method: str
    columns: frozenset[str] = frozenset()
    rows: dict[Any, Held] = field(default_factory=dict)
    quarantined: int = 0
    _count: int = 0

    def bag(self) -> Counter[tuple[Any, ...]]:
        """All rows, column by column in the order of names."""
        names = sorted(self.columns)
        return Counter(tuple(held.values.get(name) for name in names) for held in self.rows.values())

    def apply(self, effects: Iterable[Effect], run: int) -> None:
        """Publish what a run has sent to this table in an epoch."""
        if self.method == "overwrite":
            self.rows = {}
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
        if self.method == "upsert":
            self._merge(puts, run)
        else:
            self._add(puts, run)
            retires = [] if self.method == "overwrite" else retires
        for retire in retires if self.kind.metadata else ():
            self._retire(retire.version, run)

    def _add(self, puts: Sequence[Put], run: int) -> None:
        for put in puts:
            self._count += 1
            self.rows[self._count] = Held(put.row | {DELETED_AT: put.deleted}, run)

    def _merge(self, puts: Sequence[Put], run: int) -> None:
        last = {tuple(put.row[name] for name in self.kind.keys): put for put in puts}
        for key, put in last.items():
            if put.deleted is None:
                self.rows[key] = Held(dict(put.row), run)
            elif self.kind.hard:
                self.rows.pop(key, None)
            elif key not in self.rows:
                self.rows[key] = Held(put.row | {DELETED_AT: put.deleted}, run)
            else:
                self._mark(self.rows[key], put.deleted)

    def _retire(self, version: int, run: int) -> None:
        for key, held in list(self.rows.items()):
            own = held.values.get(VERSION)
            if own is None or own >= version or held.run == run:
                continue
            if self.kind.hard:
                del self.rows[key]
            else:
                self._mark(held, MARKED)

    def _mark(self, held: Held, at: str) -> None:
        if held.values.get(DELETED_AT) is None:
            held.values[DELETED_AT] = at

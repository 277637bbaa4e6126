"""Examples for people of where records broke their contract: the line and the path inside the record, never a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type

if TYPE_CHECKING:
    from target_dativo_iceberg.quarantine import Rejected

PER_RULE, RULES = 3, 20
_STEP = re.compile(r"\.(?P<plain>[^.\[\]']+)|\['(?P<quoted>(?:[^'\\]|\\.)*)'\]|(?P<index>\[\d+\])", re.DOTALL)
_LONGEST = 200
_MASK = "*"


@dataclass(frozen=True, slots=True)
class Example:
    """One place where a record broke a rule.

    Attributes:
        rule: id of the rule.
        klass: of the violation.
        path: JSON path inside the record; keys of maps, which are data, are masked.
        line: of the input, or line or row of the BATCH file, from 1.
        file: BATCH file, or empty.

    """

    rule: str
    klass: str
    path: str
    line: int
    file: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "rule": self.rule,
            "class": self.klass,
            "path": self.path,
            "line": self.line,
            "file": self.file or None,
        }


class Examples:
    """The first places of each rule, as many as a person looks at: 3 for each of at most 20 rules."""

    def __init__(self) -> None:
        self._by_rule: dict[str, list[Example]] = {}
        self._full = 0

    def take(self, contract: Contract, rejected: Iterable[Rejected]) -> None:
        """Keep places of rejected records where there is still room for their rules."""
        if self._full == RULES:
            return
        for one in rejected:
            for violation, _action in one.reasons:
                if self._has_room(violation.rule):
                    path = masked(violation.path, contract)
                    self._keep(Example(violation.rule, violation.klass, path, one.line_number, one.file))

    def add(self, other: Examples) -> None:
        """Take over those of a later epoch."""
        for example in other:
            if self._has_room(example.rule):
                self._keep(example)

    def _has_room(self, rule: str) -> bool:
        found = self._by_rule.get(rule)
        return len(self._by_rule) < RULES if found is None else len(found) < PER_RULE

    def _keep(self, example: Example) -> None:
        kept = self._by_rule.setdefault(example.rule, [])
        kept.append(example)
        self._full += len(kept) == PER_RULE

    def __iter__(self) -> Iterator[Example]:
        """Yield them, rule by rule."""
        for examples in self._by_rule.values():
            yield from examples


def masked(path: str, contract: Contract) -> str:
    """Return a JSON path with `*` for every key that the contract does not name below the record's own members."""
    type_: Type | None = Type(Kind.STRUCT, fields=contract.fields)
    found = "$"
    for depth, step in enumerate(_STEP.finditer(path)):
        if step["index"] is not None:
            found += step[0]
            type_ = _item(type_, Kind.LIST)
            continue
        name = step["plain"] or step["quoted"] or ""
        field = _member(type_, name)
        # A record's own members are listed as unknown fields anyway.
        found += step[0] if field is not None or depth == 0 else f".{_MASK}"
        type_ = field.type if field is not None else _item(type_, Kind.MAP)
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}…"


def _member(type_: Type | None, name: str) -> Field | None:
    if type_ is None or type_.kind is not Kind.STRUCT:
        return None
    return next((field for field in type_.fields if field.name == name), None)


def _item(type_: Type | None, kind: Kind) -> Type | None:
    return type_.item.type if type_ is not None and type_.kind is kind and type_.item is not None else None

"""What reading one record finds beside its values: reasons against it, and members nobody declared."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from target_dativo_iceberg.contract.json_text import NonFinite, TooLong

_MARKS = re.compile(r"[.\[\]']")
_QUOTED = re.compile(r"\$\['((?:[^'\\]|\\.)*)'\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason why a record breaks its contract.

    Attributes:
        path: JSON path inside the record, `$.a.b[0]`.
        klass: `malformed`, `missing_required`, `type`, `constraint`, `duplicate_key` or `unknown_field`.
        rule: id of the contract's rule, or `type`/`required`/`json`.
        message: what was expected and what kind of value came; never the value.

    """

    path: str
    klass: str
    rule: str
    message: str


def member(path: str, name: str) -> str:
    """Return the JSON path of an object's member; a name that would read as a path itself stands in brackets."""
    if not _MARKS.search(name):
        return f"{path}.{name}"
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"{path}['{escaped}']"


def unknown(path: str, name: str) -> str:
    """Return how a member that the contract does not have is listed: its JSON path without `$` and the first dot."""
    return member(path, name).removeprefix("$").removeprefix(".")


def unknown_path(listed: str) -> str:
    """Return the JSON path of a member that is listed as unknown."""
    return f"${listed}" if listed.startswith("['") else f"$.{listed}"


def column_of(path: str) -> str:
    """Return the top-level column of a JSON path, empty for the record as a whole."""
    quoted = _QUOTED.match(path)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[1])
    return path.removeprefix("$").removeprefix(".").partition(".")[0].partition("[")[0]


@dataclass(slots=True)
class Findings:
    """What reading one record gave beside its values.

    Attributes:
        violations: reasons against it.
        unknown: members that are not in the contract.
        coercions: how many values were converted, by column and kind of conversion.
        column: the column that is being read.

    """

    violations: list[Violation] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    coercions: dict[tuple[str, str], int] = field(default_factory=dict)
    column: str = ""

    def coerced(self, kind: str) -> None:
        """Count a value of the column that was converted."""
        key = (self.column, kind)
        self.coercions[key] = self.coercions.get(key, 0) + 1

    def add(self, other: Findings) -> None:
        """Take over what was found in another part of the record."""
        self.violations.extend(other.violations)
        for key, count in other.coercions.items():
            self.coercions[key] = self.coercions.get(key, 0) + count

    def type(self, path: str, expected: str, value: Any) -> None:
        """Note a value of the wrong type."""
        self.wrong(path, f"expected {expected}, got {_kind_of(value)}")

    def wrong(self, path: str, message: str) -> None:
        """Note a value that the type does not hold."""
        self.violations.append(Violation(path, "type", "type", message))

    def missing(self, path: str) -> None:
        """Note the absence of a required value."""
        self.violations.append(Violation(path, "missing_required", "required", "is required"))


def _kind_of(value: Any) -> str:
    return next((name for types, name in _KIND_NAMES if isinstance(value, types)), "null")


_KIND_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (Decimal, "a number with a fraction"),
    (str, "a text"),
    (dict, "an object"),
    (list, "an array"),
    (bytes, "bytes"),
    (NonFinite, "NaN or an infinity, which JSON does not have"),
    (TooLong, "a number too long to hold"),
)

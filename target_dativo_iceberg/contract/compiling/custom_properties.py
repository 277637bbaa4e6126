"""What the compile steps share: dativo's custom properties, and what one schema object gathers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.manner import Coercion, Manner, Rounding
from target_dativo_iceberg.contract.model import Check, Note, RuleKind, Severity, Type
from target_dativo_iceberg.contract.reading.document import Block, Place, nearest, plain

if TYPE_CHECKING:
    from collections.abc import Collection

# What `dativo.onViolation` may say of a property, of a rule about single values, and of an aggregate check.
OF_PROPERTY = ("fail", "quarantine", "drop", "null_value", "rescue", "keep")
OF_RULE = ("fail", "quarantine", "drop", "null_value", "keep")
OF_CHECK = ("fail", "keep")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Reading:
    """One schema object being compiled.

    Attributes:
        name: of the object; ids of rules begin with it.
        notes: findings so far.
        checks: aggregate checks so far.

    """

    name: str
    notes: list[Note]
    checks: list[Check]

    def say(self, place: Place, message: str, key: str = "", level: str = "warning") -> None:
        """Note something about a key of a place."""
        self.notes.append(place.note(message, key, level))


@dataclass(frozen=True, slots=True)
class Implied:
    """A rule that a type brings with it, such as the bounds of `i8` or the length of `VARCHAR(20)`."""

    kind: RuleKind
    argument: Any
    severity: Severity = Severity.ERROR


Typed = tuple[Type, tuple[Implied, ...]]


def options_of(place: Place) -> Place:
    """Return the `logicalTypeOptions` of a property, an empty mapping if there are none."""
    return place.child("logicalTypeOptions") or Place(Block(place.line()), place.source, place.path)


def settings(place: Place) -> dict[str, Place]:
    """Return dativo's custom properties of a place: `dativo.x`, or `x` with vendor dativo, by `x`."""
    found = {}
    for custom in place.children("customProperties"):
        name = custom.text("property")
        if name.startswith("dativo."):
            found[name.removeprefix("dativo.")] = custom
        elif custom.text("vendor").lower() == "dativo":
            found[name] = custom
    return found


def setting(place: Place, name: str) -> str:
    """Return one of dativo's custom properties as text, empty if it is not given."""
    custom = settings(place).get(name)
    return custom.text("value") if custom else ""


def chosen(place: Place, name: str, known: Collection[str]) -> str:
    """Return a setting that must be one of a few words, empty if it is not given."""
    word = setting(place, name)
    if word and word not in known:
        hint = nearest(word, known, f"use one of {', '.join(known)}")
        raise settings(place)[name].error(f"dativo.{name} has an unknown value", hint, "value")
    return word


def action_of(place: Place, known: Collection[str]) -> str | None:
    """Return `dativo.onViolation` of a place, None if it leaves the choice to the policy.

    Raises:
        ContractError: it is not one of the actions known there.

    """
    return chosen(place, "onViolation", known) or None


def manner_of(place: Place) -> Manner:
    """Return how a property says that its values are read."""
    cuts = settings(place).get("truncateNanoseconds")
    return Manner(
        Coercion(word) if (word := chosen(place, "coercion", tuple(Coercion))) else None,
        Rounding(word) if (word := chosen(place, "decimalRounding", tuple(Rounding))) else None,
        cuts.flag("value") if cuts else None,
    )


def snake(name: str) -> str:
    """Return a custom property's name in the form that settings have: `onViolation` → `on_violation`."""
    return _HUMP.sub("_", name).replace("-", "_").lower()


def policies(*places: Place) -> dict[str, Any]:
    """Return the settings that places carry, later places win; nested names keep their dots."""
    return {snake(name): plain(custom.value("value")) for place in places for name, custom in settings(place).items()}

"""What a setting is, as people see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as people see it.

    Attributes:
        name: key in the config, lower snake case.
        kind: JSON type, one of string, integer, number, boolean, object (of texts), json (any object), array.
        default: value when absent, None when there is none.
        description: what it does, one or two sentences.
        group: heading in the README.
        choices: allowed texts, if closed.
        minimum: smallest allowed number.
        secret: never shown, never logged.
        aliases: other keys that mean the same (dativo's older names).

    """

    name: str
    kind: str
    default: Any
    description: str
    group: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    secret: bool = False
    aliases: tuple[str, ...] = ()

"""Classes of violations, what may be done about each, and the named choices among that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum


class Klass(StrEnum):
    """Why a record, a value or a run breaks its contract."""

    MALFORMED = "malformed"
    MISSING_REQUIRED = "missing_required"
    TYPE = "type"
    CONSTRAINT = "constraint"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_FIELD = "unknown_field"
    QUALITY = "quality"


class Action(StrEnum):
    """What is done about it, the strongest first: the strongest action of a record's violations is the record's."""

    FAIL = "fail"
    QUARANTINE = "quarantine"
    DROP = "drop"
    NULL_VALUE = "null_value"
    RESCUE = "rescue"
    KEEP = "keep"
    EVOLVE = "evolve"


_ROW = frozenset({Action.FAIL, Action.QUARANTINE, Action.DROP})
VALID: Mapping[Klass, frozenset[Action]] = {
    Klass.MALFORMED: _ROW,
    Klass.MISSING_REQUIRED: _ROW,
    Klass.TYPE: _ROW | {Action.NULL_VALUE, Action.RESCUE},
    Klass.CONSTRAINT: _ROW | {Action.NULL_VALUE, Action.KEEP},
    Klass.DUPLICATE_KEY: _ROW | {Action.KEEP},
    Klass.UNKNOWN_FIELD: frozenset({Action.FAIL, Action.QUARANTINE, Action.DROP, Action.RESCUE, Action.EVOLVE}),
    Klass.QUALITY: frozenset({Action.FAIL, Action.KEEP}),
}


def _preset(row: Action, **others: Action) -> dict[Klass, Action]:
    found = dict.fromkeys(Klass, row)
    found |= {Klass.QUALITY: Action.FAIL, Klass.UNKNOWN_FIELD: Action.DROP}
    return found | {Klass(name): action for name, action in others.items()}


PRESETS: Mapping[str, Mapping[Klass, Action]] = {
    "strict": _preset(Action.FAIL),
    "quarantine": _preset(Action.QUARANTINE, unknown_field=Action.RESCUE),
    "warn": _preset(
        Action.QUARANTINE,
        type=Action.NULL_VALUE,
        constraint=Action.KEEP,
        duplicate_key=Action.KEEP,
        quality=Action.KEEP,
    ),
    # dlt's names. Its discard_row loses the row; ours keeps it in quarantine.
    "evolve": _preset(Action.QUARANTINE, unknown_field=Action.EVOLVE),
    "freeze": _preset(Action.FAIL, unknown_field=Action.FAIL),
    "discard_row": _preset(Action.QUARANTINE, unknown_field=Action.QUARANTINE),
    "discard_value": _preset(Action.QUARANTINE, type=Action.NULL_VALUE),
}


def listed(actions: Collection[Action]) -> str:
    """Return actions as a message lists them, the strongest first."""
    return ", ".join(action for action in Action if action in actions)

"""What a violation causes: classes and actions, from presets, settings and the contract itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from target_dativo_iceberg.contract.model import Contract, Field
from target_dativo_iceberg.errors import ContractError, SettingsError


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


_STRENGTH = {action: index for index, action in enumerate(Action)}
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


@dataclass(frozen=True, slots=True)
class Policy:
    """What each violation causes.

    Attributes:
        classes: action per class.
        fields: by column name, over the class's action.
        rules: by rule id, over everything.

    """

    classes: Mapping[Klass, Action] = field(default_factory=lambda: PRESETS["strict"])
    fields: Mapping[str, Action] = field(default_factory=dict)
    rules: Mapping[str, Action] = field(default_factory=dict)

    def action(self, klass: Klass, column: Field | None, rule: str, rule_action: str | None = None) -> Action:
        """Return what one violation causes.

        Args:
            klass: its class.
            column: the top-level column it is in, None for the record as a whole.
            rule: id of the broken rule.
            rule_action: what the contract says of the rule.

        """
        found = self._stated(klass, column, rule, rule_action)
        if column is not None:
            weak = _STRENGTH[found] > _STRENGTH[Action.QUARANTINE]
            if found is Action.NULL_VALUE and column.required:
                return Action.QUARANTINE
            if column.critical and weak and klass is not Klass.UNKNOWN_FIELD:
                return Action.QUARANTINE
        return found

    def _stated(self, klass: Klass, column: Field | None, rule: str, rule_action: str | None) -> Action:
        stated = (
            self.rules.get(rule),
            Action(rule_action) if rule_action else None,
            self.fields.get(column.name) if column else None,
            Action(column.action) if column and column.action else None,
        )
        return next((a for a in stated if a is not None and a in VALID[klass]), self.classes[klass])


def strongest(actions: list[Action]) -> Action:
    """Return the action of a record with several violations."""
    return min(actions, key=_STRENGTH.__getitem__)


def policy_of(stated: str | Mapping[str, Any], contract: Contract) -> Policy:
    """Return the policy of a stream.

    Args:
        stated: setting `on_violation`: a preset, or `{"preset": …, class: action, "fields": {…}, "rules": {…}}`.
        contract: of the stream; its own `dativo.onViolation` on the object is a preset that the setting overrides
            class by class.

    Raises:
        SettingsError: an unknown preset, class or action, or one that cannot be (the matrix is checked at start).
        ContractError: the same, in the contract.

    """
    if isinstance(stated, str):
        return Policy(classes=_named(stated))
    rest = _mapping(stated, "on_violation")
    classes = dict(_named(str(rest.pop("preset", "strict"))))
    own = _mapping(rest.pop("fields", {}), "on_violation.fields")
    fields = {str(k): _action(v, f"field '{k}'") for k, v in own.items()}
    named = _mapping(rest.pop("rules", {}), "on_violation.rules")
    rules = {str(k): _action(v, f"rule '{k}'") for k, v in named.items()}
    for name, action in rest.items():
        classes[_klass(name)] = _valid(_klass(name), _action(action, f"class '{name}'"))
    _known_fields(fields, contract)
    return Policy(classes, fields, rules)


def evolves_unknown(stated: str | Mapping[str, Any]) -> bool:
    """Whether setting `on_violation` asks for a column for each member that only the SCHEMA has."""
    if isinstance(stated, str):
        return _named(stated)[Klass.UNKNOWN_FIELD] is Action.EVOLVE
    preset = _named(str(stated.get("preset", "strict")))
    return bool(stated.get(Klass.UNKNOWN_FIELD.value, preset[Klass.UNKNOWN_FIELD]) == Action.EVOLVE)


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} must be an object", "see docs/contracts.md")
    return dict(value)


def _named(name: str) -> Mapping[Klass, Action]:
    if name not in PRESETS:
        raise SettingsError("on_violation is not a preset", f"use one of {', '.join(PRESETS)}, or an object")
    return PRESETS[name]


def _klass(name: str) -> Klass:
    try:
        return Klass(name)
    except ValueError:
        raise SettingsError(
            f"on_violation has no class '{name}'", f"classes are {', '.join(Klass)}; also preset, fields, rules"
        ) from None


def _action(name: Any, where: str) -> Action:
    try:
        return Action(name)
    except ValueError:
        raise SettingsError(f"on_violation: {where} has an unknown action", f"use one of {', '.join(Action)}") from None


def _valid(klass: Klass, action: Action) -> Action:
    if action not in VALID[klass]:
        allowed = ", ".join(a for a in Action if a in VALID[klass])
        raise SettingsError(f"on_violation: class '{klass}' cannot have action '{action}'", f"use one of {allowed}")
    return action


def _known_fields(fields: Mapping[str, Action], contract: Contract) -> None:
    unknown = sorted(set(fields) - {f.name for f in contract.fields})
    if unknown and not contract.inferred:
        raise ContractError(f"on_violation names fields {unknown} that contract '{contract.name}' does not have")

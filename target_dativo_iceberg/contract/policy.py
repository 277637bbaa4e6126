"""What a violation causes: classes and actions, from presets, settings and the contract itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from target_dativo_iceberg.contract.model import Contract, Field
from target_dativo_iceberg.contract.reading.document import nearest
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


_NULLING = (Action.NULL_VALUE, Action.RESCUE)
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


# Classes of what may be wrong with a column, and the rules that have no id of their own.
_OF_COLUMN = (Klass.MISSING_REQUIRED, Klass.TYPE, Klass.CONSTRAINT, Klass.DUPLICATE_KEY)
_GENERAL = {
    "json": Klass.MALFORMED,
    "required": Klass.MISSING_REQUIRED,
    "type": Klass.TYPE,
    "unknown_field": Klass.UNKNOWN_FIELD,
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
            if column.required and klass is not Klass.UNKNOWN_FIELD and found in _NULLING:
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
        contract: of the stream; a preset that its object or document names (`dativo.onViolation`) is used in place of
            the setting's.

    Raises:
        SettingsError: an unknown preset, class or action, or one that cannot be (the matrix is checked at start).
        ContractError: it names a column or a rule that the contract does not have, or the contract's preset is none.

    """
    own = _own_preset(contract)
    if isinstance(stated, str):
        return Policy(classes=own or _named(stated))
    rest = _mapping(stated, "on_violation")
    preset = _named(str(rest.pop("preset", "strict")))
    classes = dict(own or preset)
    by_field = _mapping(rest.pop("fields", {}), "on_violation.fields")
    fields = {str(k): _action(v, f"field '{k}'") for k, v in by_field.items()}
    named = _mapping(rest.pop("rules", {}), "on_violation.rules")
    rules = {str(k): _action(v, f"rule '{k}'") for k, v in named.items()}
    for name, action in rest.items():
        classes[_klass(name)] = _valid(_klass(name), _action(action, f"class '{name}'"))
    _check_fields(fields, contract)
    _check_rules(rules, contract)
    return Policy(classes, fields, rules)


def _own_preset(contract: Contract) -> Mapping[Klass, Action] | None:
    name = contract.policies.get("on_violation")
    if name is None or name in PRESETS:
        return None if name is None else PRESETS[name]
    message = f"contract '{contract.name}': its own dativo.onViolation is not a preset"
    raise ContractError(message, nearest(str(name), PRESETS, f"use one of {', '.join(PRESETS)}"))


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
        message = f"on_violation: class '{klass}' cannot have action '{action}'"
        raise SettingsError(message, f"use one of {_listed(VALID[klass])}")
    return action


def _listed(actions: Collection[Action]) -> str:
    return ", ".join(action for action in Action if action in actions)


# ---- fields and rules ----


def _check_fields(fields: Mapping[str, Action], contract: Contract) -> None:
    allowed = frozenset().union(*(VALID[klass] for klass in _OF_COLUMN))
    for name, action in fields.items():
        if action not in allowed:
            message = f"on_violation: field '{name}' cannot have action '{action}'"
            raise SettingsError(message, f"use one of {_listed(allowed)}")
    unknown = sorted(set(fields) - {f.name for f in contract.fields})
    if unknown and not contract.inferred:
        raise ContractError(f"on_violation names fields {unknown} that contract '{contract.name}' does not have")


def _check_rules(rules: Mapping[str, Action], contract: Contract) -> None:
    """Refuse actions that a rule's class cannot have; ids of other streams' contracts pass."""
    classes = dict(_classes(contract))
    for rule, action in rules.items():
        klass = classes.get(rule)
        if klass is not None and action not in VALID[klass]:
            message = f"on_violation: rule '{rule}' is of class '{klass}' and cannot have action '{action}'"
            raise SettingsError(message, f"use one of {_listed(VALID[klass])}")
        if klass is None and rule.startswith(f"{contract.name}.") and not contract.inferred:
            message = f"on_violation names rule '{rule}', which contract '{contract.name}' does not have"
            raise ContractError(message, nearest(rule, classes, "see docs/contracts.md for the ids of rules"))


def _classes(contract: Contract) -> Iterator[tuple[str, Klass]]:
    """Yield the ids of a contract's rules, each with its class."""
    yield from _GENERAL.items()
    yield f"{contract.name}.primaryKey", Klass.DUPLICATE_KEY
    for check in contract.checks:
        yield check.id, Klass.QUALITY
    for column in contract.fields:
        yield f"{contract.name}.{column.name}.required", Klass.MISSING_REQUIRED
        yield from _inside(column, f"{contract.name}.{column.name}")


def _inside(member: Field, path: str) -> Iterator[tuple[str, Klass]]:
    yield f"{path}.unique", Klass.DUPLICATE_KEY
    for rule in member.rules:
        yield rule.id, Klass.CONSTRAINT
    for below in member.type.fields:
        yield from _inside(below, f"{path}.{below.name}")
    if member.type.item is not None:
        yield from _inside(member.type.item, f"{path}[]")

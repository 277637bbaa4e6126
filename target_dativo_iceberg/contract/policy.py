"""What a violation causes: from presets, settings and the contract itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from target_dativo_iceberg.contract.actions import PRESETS, VALID, Action, Klass, listed
from target_dativo_iceberg.contract.model import Contract, Field
from target_dativo_iceberg.contract.policy_names import check_fields, check_rules
from target_dativo_iceberg.contract.reading.document import nearest
from target_dativo_iceberg.errors import ContractError, SettingsError

_NULLING = (Action.NULL_VALUE, Action.RESCUE)
_STRENGTH = {action: index for index, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Policy:
    """What each violation causes.

    Attributes:
        classes: action per class.
        fields: by column name, or path of what is in a column, over the class's action.
        rules: by rule id, over everything.
        spares: records that would be dropped, or end the run, are quarantined.

    """

    classes: Mapping[Klass, Action] = field(default_factory=lambda: PRESETS["strict"])
    fields: Mapping[str, Action] = field(default_factory=dict)
    rules: Mapping[str, Action] = field(default_factory=dict)
    spares: bool = False

    def action(
        self, klass: Klass, place: Sequence[tuple[str, Field]], rule: str, rule_action: str | None = None
    ) -> Action:
        """Return what one violation causes.

        Args:
            klass: its class.
            place: the column it is in and what is in that on the way to it, each with its path; none for the record
                as a whole.
            rule: id of the broken rule.
            rule_action: what the contract says of the rule.

        """
        # Members that the contract does not have are no matter of the column they are in.
        place = () if klass is Klass.UNKNOWN_FIELD else place
        found = next((a for a in self._stated(place, rule, rule_action) if a in VALID[klass]), self.classes[klass])
        if self.spares and klass is not Klass.UNKNOWN_FIELD and found in (Action.FAIL, Action.DROP):
            return Action.QUARANTINE
        if place and place[0][1].required and found in _NULLING:
            return Action.QUARANTINE
        if any(f.critical for _, f in place) and _STRENGTH[found] > _STRENGTH[Action.QUARANTINE]:
            return Action.QUARANTINE
        return found

    def _stated(self, place: Sequence[tuple[str, Field]], rule: str, rule_action: str | None) -> Iterator[Action]:
        """Yield what settings and contract say, that which counts most first: of the rule, of the innermost field."""
        if rule in self.rules:
            yield self.rules[rule]
        if rule_action:
            yield Action(rule_action)
        inner_first = place[::-1]
        yield from (self.fields[label] for label, _ in inner_first if label in self.fields)
        yield from (Action(f.action) for _, f in inner_first if f.action)


def strongest(actions: list[Action]) -> Action:
    """Return the action of a record with several violations."""
    return min(actions, key=_STRENGTH.__getitem__)


def policy_of(stated: str | Mapping[str, Any], contract: Contract, others: Sequence[Contract] = ()) -> Policy:
    """Return the policy of a stream.

    Args:
        stated: setting `on_violation`: a preset, or `{"preset": …, class: action, "fields": {…}, "rules": {…}}`.
        contract: of the stream; a preset that its object or document names (`dativo.onViolation`) is used in place of
            the setting's.
        others: contracts of other streams, whose fields and rules the setting may name too.

    Raises:
        SettingsError: an unknown preset, class or action, or one that cannot be.
        ContractError: it names a column or a rule that no contract has, or the contract's preset is none.

    """
    own = _own_preset(contract)
    preset, classes, fields, rules = _read(stated)
    check_fields(fields, contract, others)
    check_rules(rules, contract, others)
    return Policy({**(own or preset), **classes}, fields, rules)


def check_stated(stated: str | Mapping[str, Any]) -> None:
    """Check what can be checked of setting `on_violation` before there is a contract: the matrix above all.

    Raises:
        SettingsError: an unknown preset, class or action, or a class that cannot have its action.

    """
    _read(stated)


def _own_preset(contract: Contract) -> Mapping[Klass, Action] | None:
    name = contract.policies.get("on_violation")
    if name is None or name in PRESETS:
        return None if name is None else PRESETS[name]
    message = f"contract '{contract.name}': its own dativo.onViolation is not a preset"
    raise ContractError(message, nearest(str(name), PRESETS, f"use one of {', '.join(PRESETS)}"))


def evolves_unknown(stated: str | Mapping[str, Any], contract: Contract) -> bool:
    """Whether setting `on_violation` or the contract asks for a column for each member that only the SCHEMA has.

    Raises:
        SettingsError: as of `policy_of`.
        ContractError: the contract's preset is none.

    """
    preset, classes, _, _ = _read(stated)
    return {**(_own_preset(contract) or preset), **classes}[Klass.UNKNOWN_FIELD] is Action.EVOLVE


# ---- reading what is stated ----

_Actions = Mapping[str, Action]


def _read(stated: str | Mapping[str, Any]) -> tuple[Mapping[Klass, Action], Mapping[Klass, Action], _Actions, _Actions]:
    """Return the preset's actions, those of single classes, of fields and of rules."""
    if isinstance(stated, str):
        return _named(stated), {}, {}, {}
    rest = dict(stated)
    preset = _named(rest.pop("preset", "strict"))
    fields = _by_name(rest.pop("fields", {}), "field")
    rules = _by_name(rest.pop("rules", {}), "rule")
    classes = {_klass(name): _valid(_klass(name), action) for name, action in rest.items()}
    return preset, classes, fields, rules


def _by_name(value: Any, what: str) -> dict[str, Action]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"on_violation.{what}s must be an object", f"give an action by the name of each {what}")
    return {str(name): _action(action, f"{what} '{name}'", Action) for name, action in value.items()}


def _named(name: Any) -> Mapping[Klass, Action]:
    if not isinstance(name, str) or name not in PRESETS:
        raise SettingsError("on_violation is not a preset", f"use one of {', '.join(PRESETS)}, or an object")
    return PRESETS[name]


def _klass(name: str) -> Klass:
    try:
        return Klass(name)
    except ValueError:
        known = f"classes are {', '.join(Klass)}; also preset, fields, rules"
        hint = nearest(name, [*Klass, "preset", "fields", "rules"], known)
        raise SettingsError(f"on_violation has no class '{name}'", hint) from None


def _action(name: Any, where: str, allowed: Any) -> Action:
    try:
        return Action(name)
    except ValueError:
        raise SettingsError(f"on_violation: {where} has an unknown action", f"use one of {listed(allowed)}") from None


def _valid(klass: Klass, name: Any) -> Action:
    action = _action(name, f"class '{klass}'", VALID[klass])
    if action not in VALID[klass]:
        message = f"on_violation: class '{klass}' cannot have action '{action}'"
        raise SettingsError(message, f"use one of {listed(VALID[klass])}")
    return action


__all__ = ["PRESETS", "VALID", "Action", "Klass", "Policy", "check_stated", "evolves_unknown", "policy_of", "strongest"]

"""Quality rules of any version → the shape of ODCS 3.2: one metric, one operator, arguments in their place."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.reading.document import Block, Items, Place, block, nearest
from target_dativo_iceberg.contract.reading.vocabulary import ARGUMENTS, METRICS, OPERATORS

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.model import Note

# `rule` is the word of ODCS 3.0; beside those of its text, these are met in contracts.
_METRIC_OF_RULE = {
    **{metric: metric for metric in METRICS},
    "duplicateCount": "duplicateValues",
    "unique": "duplicateValues",
    "validValues": "invalidValues",
    "nullCheck": "nullValues",
}
# Keys that a rule of type text does not have.
_EVALUATED = OPERATORS | ARGUMENTS | {"rule", "metric", "arguments", "unit"}
_BOUNDS_OF = {
    "mustBeGreaterThan": "exclusiveMinimum",
    "mustBeGreaterOrEqualTo": "minimum",
    "mustBeLessThan": "exclusiveMaximum",
    "mustBeLessOrEqualTo": "maximum",
}


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What rewriting a document needs to know, and the notes it leaves.

    Attributes:
        version: major and minor of the ODCS version the document declares.
        notes: findings, in the order they were made.

    """

    version: tuple[int, int]
    notes: list[Note]

    def say(self, place: Place, message: str, key: str = "", level: str = "info") -> None:
        """Note something about a key of a place."""
        self.notes.append(place.note(message, key, level))


def canonical_rules(place: Place, rewriting: Rewriting) -> Items:
    """Return the quality rules of an object or property, rewritten; a rule with two operators becomes two."""
    rules = Items(place.line("quality"))
    for rule in place.children("quality"):
        for rewritten in _canonical_rule(rule, rewriting):
            rules.put(rewritten, rewritten.line)
    return rules


def _canonical_rule(place: Place, rewriting: Rewriting) -> list[Block]:
    _refuse_unknown_operators(place)
    rule = Place(place.block.twin(), place.source, place.path)
    if "type" not in rule.block:
        rule.block.put("type", _type_of(rule.block))
    if rule.text("type") == "library":
        _rename(rule, rewriting)
    if rule.text("type") == "library":
        _gather_arguments(rule, rewriting)
        _default_operator(rule, rewriting)
    return _split(rule, rewriting)


def _refuse_unknown_operators(place: Place) -> None:
    for key in place.block:
        if key.startswith("must") and key not in OPERATORS:
            hint = nearest(key, OPERATORS, f"use one of {', '.join(sorted(OPERATORS))}")
            raise place.error(f"operator '{key[:40]}' is not known", hint, key)


def _type_of(rule: Block) -> str:
    """Tell the type a rule without `type` has; ODCS says library, its keys may say otherwise."""
    for key, type_ in (("metric", "library"), ("rule", "library"), ("query", "sql"), ("engine", "custom")):
        if key in rule:
            return type_
    return "library" if OPERATORS & rule.keys() else "text"


# ---- rule → metric ----


def _rename(rule: Place, rewriting: Rewriting) -> None:
    name = rule.text("rule")
    if rule.block.get("metric") is not None or not name:
        return
    if name == "range":
        _range(rule, rewriting)
    elif name not in _METRIC_OF_RULE:
        _as_text(rule, rewriting, f"rule '{rule.shown('rule')[:40]}' is not known")
    elif name == "validValues" and not OPERATORS.isdisjoint(rule.block) and not _is_zero(rule.block):
        _as_text(rule, rewriting, "rule 'validValues' has an operator, which ODCS does not define")
    else:
        _to_metric(rule, name, rewriting)


def _to_metric(rule: Place, name: str, rewriting: Rewriting) -> None:
    metric = _METRIC_OF_RULE[name]
    rewriting.say(rule, f"rule '{name}' is read as metric '{metric}'", "rule")
    line = rule.line("rule")
    rule.block.drop("rule")
    rule.block.put("metric", metric, line)
    if name == "unique":
        for operator in OPERATORS & rule.block.keys():
            rule.block.drop(operator)
        rule.block.put("mustBe", 0, line)
    if name == "nullCheck" and isinstance(rule.block.get("mustBe"), bool):
        rule.block.put("mustBe", 0)


def _as_text(rule: Place, rewriting: Rewriting, reason: str) -> None:
    rewriting.say(rule, f"{reason}; it is not enforced", "rule", "warning")
    for key in [key for key in rule.block if key in _EVALUATED]:
        rule.block.drop(key)
    rule.block.put("type", "text")
    if not rule.text("description"):
        rule.block.put("description", reason)


def _range(rule: Place, rewriting: Rewriting) -> None:
    """A range bounds single values: it becomes a row rule of our own engine, which keeps severity and id."""
    bounds = Block(rule.line("rule"))
    for operator in sorted(OPERATORS & rule.block.keys()):
        for bound, limit in _bounds(rule, operator).items():
            bounds.put(bound, limit, rule.line(operator))
        rule.block.drop(operator)
    for source in (rule.child("arguments"), rule):
        for key, bound in (("min", "minimum"), ("max", "maximum"), ("minimum", "minimum"), ("maximum", "maximum")):
            if source and key in source.block:
                bounds.put(bound, source.block[key], source.line(key))
                source.block.drop(key)
    if not bounds:
        raise rule.error("rule 'range' has no bounds", "give `mustBeBetween: [low, high]`", "rule")
    rewriting.say(rule, "rule 'range' is read as bounds of each value", "rule")
    for key in ("rule", "arguments", "unit"):
        rule.block.drop(key)
    for key, value in (("type", "custom"), ("engine", "dativo"), ("implementation", bounds)):
        rule.block.put(key, value, bounds.line)


def _bounds(rule: Place, operator: str) -> dict[str, Any]:
    value = rule.block[operator]
    if operator == "mustBe":
        return {"minimum": value, "maximum": value}
    if operator == "mustBeBetween" and isinstance(value, Items) and len(value) == 2:
        return {"minimum": value[0], "maximum": value[1]}
    if operator not in _BOUNDS_OF:
        raise rule.error("rule 'range' needs bounds", "give `mustBeBetween: [low, high]`", operator)
    return {_BOUNDS_OF[operator]: value}


# ---- arguments and operators ----


def _gather_arguments(rule: Place, rewriting: Rewriting) -> None:
    """Move arguments that stand beside the metric under `arguments`."""
    strays = sorted(ARGUMENTS & rule.block.keys())
    if not strays:
        if rule.block.get("arguments", rule) is None:
            rule.block.drop("arguments")
        return
    given = rule.child("arguments")
    arguments = given.block.twin() if given else Block(rule.line(strays[0]))
    for key in strays:
        line = rule.line(key)
        arguments.put(key, rule.block.drop(key), line)
    if rewriting.version >= (3, 1):
        rewriting.say(rule, f"'{strays[0]}' belongs under 'arguments'", level="warning")
    rule.block.put("arguments", arguments, arguments.line)


def _default_operator(rule: Place, rewriting: Rewriting) -> None:
    if not OPERATORS.isdisjoint(rule.block) or not rule.text("metric"):
        return
    if rule.text("metric") == "rowCount":
        raise rule.error("metric 'rowCount' has no operator", "add one, such as `mustBeGreaterThan: 0`")
    rewriting.say(rule, f"metric '{rule.shown('metric')[:40]}' has no operator; 'mustBe: 0' is meant")
    rule.block.put("mustBe", 0)


def _is_zero(rule: Block) -> bool:
    value = rule.get("mustBe")
    only = OPERATORS & rule.keys() == {"mustBe"}
    return only and isinstance(value, (int, Decimal)) and not isinstance(value, bool) and value == 0


def _split(rule: Place, rewriting: Rewriting) -> list[Block]:
    found = [key for key in rule.block if key in OPERATORS]
    if len(found) < 2:
        return [rule.block]
    if rewriting.version >= (3, 1):
        hint = "write one rule per operator (ODCS 3.0 allowed several, 3.1 does not)"
        raise rule.error(f"a rule has {len(found)} operators, '{found[0]}' and '{found[1]}'", hint, found[1])
    rewriting.say(rule, f"a rule with {len(found)} operators is read as {len(found)} rules")
    return [_only(rule.block, operator, found) for operator in found]


def _only(rule: Block, operator: str, found: list[str]) -> Block:
    single = rule.twin()
    for other in found:
        if other != operator:
            single.drop(other)
    for key in ("id", "name"):
        if single.get(key):
            single.put(key, f"{single[key]}.{operator}" if key == "name" else f"{single[key]}-{operator}")
    return single


def quality_rule(line: int, **values: Any) -> Block:
    """Return a new quality rule, for rewriting from other forms."""
    return block(line, **{key: value for key, value in values.items() if value not in (None, "")})

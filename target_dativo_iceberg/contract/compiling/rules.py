"""Row rules of one property: its options, its enum, what its type implies, and quality rules about single values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.compiling.custom_properties import Implied, Reading, options_of
from target_dativo_iceberg.contract.compiling.values import NUMERIC, TEMPORAL, allowed, bound, exact
from target_dativo_iceberg.contract.model import Kind, Rule, RuleKind, Severity
from target_dativo_iceberg.contract.patterns import PatternError, re2_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_dativo_iceberg.contract.model import Type
    from target_dativo_iceberg.contract.reading.document import Place

# Formats of text that are checked; others (`password`, `binary` …) describe or change the type.
CHECKED_FORMATS = frozenset({"uuid", "email", "uri", "hostname", "ipv4", "ipv6"})
_DESCRIBING = frozenset({"password", "byte", "binary"})

_LENGTHS = frozenset({RuleKind.MIN_LENGTH, RuleKind.MAX_LENGTH})
_BOUNDS = frozenset({RuleKind.MINIMUM, RuleKind.MAXIMUM, RuleKind.EXCLUSIVE_MINIMUM, RuleKind.EXCLUSIVE_MAXIMUM})
_APPLIES: dict[RuleKind, frozenset[Kind]] = {
    **dict.fromkeys(_LENGTHS, frozenset({Kind.STRING, Kind.BINARY})),
    **dict.fromkeys(_BOUNDS, NUMERIC | TEMPORAL),
    RuleKind.PATTERN: frozenset({Kind.STRING}),
    RuleKind.FORMAT: frozenset({Kind.STRING}),
    RuleKind.MULTIPLE_OF: NUMERIC,
    RuleKind.MIN_ITEMS: frozenset({Kind.LIST}),
    RuleKind.MAX_ITEMS: frozenset({Kind.LIST}),
    RuleKind.UNIQUE_ITEMS: frozenset({Kind.LIST}),
    RuleKind.MIN_PROPERTIES: frozenset({Kind.STRUCT}),
    RuleKind.MAX_PROPERTIES: frozenset({Kind.STRUCT}),
    RuleKind.REQUIRED_PROPERTIES: frozenset({Kind.STRUCT}),
}
_KIND_OF = {kind.value: kind for kind in _APPLIES} | {"required": RuleKind.REQUIRED_PROPERTIES}


@dataclass(frozen=True, slots=True)
class Column:
    """The property whose rules are compiled.

    Attributes:
        place: the property.
        type: its type.
        path: dotted names from the object's top; `[]` stands for the element of a list or map.
        reading: of the schema object.

    """

    place: Place
    type: Type
    path: str
    reading: Reading

    @property
    def label(self) -> str:
        """Object and path, the first part of generated ids."""
        return f"{self.reading.name}.{self.path}"

    @property
    def inside_list(self) -> bool:
        """Tell whether the column is an element of a list or map, or below one."""
        return "[]" in self.path


def rules_of(column: Column, implied: Iterable[Implied]) -> tuple[Rule, ...]:
    """Return the rules of a property without its quality rules."""
    rules = [_rule(column, item.kind, item.argument, item.severity) for item in implied]
    options = options_of(column.place)
    for key in options.block:
        rules += option_rules(column, options, key)
    rules += _enum(column)
    return tuple(_tightest(rules))


def option_rules(column: Column, options: Place, key: str) -> list[Rule]:
    """Return the rule of one option (none, if it only shapes the type or has no effect).

    Raises:
        ContractError: its argument is of the wrong kind.

    """
    kind = _KIND_OF.get(key)
    value = options.value(key)
    if kind is None or value is None or (key == "format" and column.type.kind is not Kind.STRING):
        return []
    if column.type.kind not in _APPLIES[kind]:
        options_note = f"'{key}' has no effect on a column of type {column.type.kind.value}"
        column.reading.say(options, options_note, key)
        return []
    argument = _ARGUMENTS[kind](column, options, key)
    return [] if argument is None else [_rule(column, kind, argument, Severity.ERROR)]


def values_of(column: Column, place: Place, key: str) -> tuple[Any, ...]:
    """Return a list of allowed values in the column's form.

    Raises:
        ContractError: a value stands twice, or the column can never hold it.

    """
    return _distinct(column, [(place, key, value) for value in place.values(key)])


def numbered(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return rules with ids that differ: a repeated id gets a number."""
    seen: dict[str, int] = {}
    out = []
    for rule in rules:
        seen[rule.id] = seen.get(rule.id, 0) + 1
        out.append(rule if seen[rule.id] == 1 else replace(rule, id=f"{rule.id}.{seen[rule.id]}"))
    return tuple(out)


def _rule(column: Column, kind: RuleKind, argument: Any, severity: Severity) -> Rule:
    return Rule(f"{column.label}.{kind.value}", kind, argument, severity)


def _tightest(rules: list[Rule]) -> list[Rule]:
    """Where the type and an option give the same kind of bound, keep the one that allows less."""
    best: dict[RuleKind, Rule] = {}
    for rule in rules:
        earlier = best.get(rule.kind)
        if earlier is not None and not _allows_less(rule, earlier):
            continue
        best[rule.kind] = rule
    return list(best.values())


def _allows_less(rule: Rule, than: Rule) -> bool:
    lower_bound = rule.kind in (RuleKind.MINIMUM, RuleKind.MIN_ITEMS)
    return bool(rule.argument > than.argument if lower_bound else rule.argument < than.argument)


# ---- arguments ----


def _count(_column: Column, options: Place, key: str) -> int | None:
    number = options.whole(key)
    if number is not None and number < 0:
        raise options.error(f"'{key}' is negative", "give 0 or more", key)
    return number


def _limit(column: Column, options: Place, key: str) -> Any:
    try:
        return bound(options.block[key], column.type)
    except ValueError:
        kind = column.type.kind
        what = "an ISO 8601 text, or one in the column's format" if kind in TEMPORAL else "a number"
        raise options.error(f"'{key}' is no limit for a column of type {kind.value}", f"give {what}", key) from None


def _step(_column: Column, options: Place, key: str) -> Any:
    try:
        step = exact(options.block[key])
    except ValueError:
        step = 0
    if step <= 0:
        raise options.error(f"'{key}' is not a number above 0", "give one, such as 0.01", key)
    return step


def _pattern(_column: Column, options: Place, key: str) -> str:
    try:
        return re2_pattern(options.text(key))
    except PatternError as error:
        hint = "write the pattern without it, or check it with a SQL rule"
        raise options.error(f"'{key}' cannot be run: {error}", hint, key) from None


def _format(column: Column, options: Place, key: str) -> str | None:
    name = options.text(key)
    if name in CHECKED_FORMATS:
        return name
    if name not in _DESCRIBING:
        column.reading.say(options, "the format is not one that is checked", key, "info")
    return None


def _flag(_column: Column, options: Place, key: str) -> bool | None:
    return options.flag(key) or None


def _names(_column: Column, options: Place, key: str) -> tuple[str, ...] | None:
    return options.texts(key) or None


_ARGUMENTS: dict[RuleKind, Callable[[Column, Place, str], Any]] = {
    **dict.fromkeys((*_LENGTHS, RuleKind.MIN_ITEMS, RuleKind.MAX_ITEMS), _count),
    **dict.fromkeys((RuleKind.MIN_PROPERTIES, RuleKind.MAX_PROPERTIES), _count),
    **dict.fromkeys(_BOUNDS, _limit),
    RuleKind.MULTIPLE_OF: _step,
    RuleKind.PATTERN: _pattern,
    RuleKind.FORMAT: _format,
    RuleKind.UNIQUE_ITEMS: _flag,
    RuleKind.REQUIRED_PROPERTIES: _names,
}


# ---- enum ----


def _enum(column: Column) -> list[Rule]:
    entries = column.place.children("enum")
    for entry in entries:
        if "value" not in entry.block:
            raise entry.error("an enum entry has no value", "write `- value: …`")
    values = _distinct(column, [(entry, "value", entry.block["value"]) for entry in entries])
    return [_rule(column, RuleKind.ENUM, values, Severity.ERROR)] if entries else []


def _distinct(column: Column, written_at: list[tuple[Place, str, Any]]) -> tuple[Any, ...]:
    """Convert values to the column's form; null is left out, it passes every rule."""
    found: list[Any] = []
    for index, (place, key, value) in enumerate(written_at, 1):
        if value is None:
            continue
        try:
            converted = allowed(value, column.type)
        except ValueError:
            message = f"allowed value {index} can never stand in a column of type {column.type.kind.value}"
            raise place.error(message, "mend the value or the column's type", key) from None
        if converted in found:
            raise place.error(f"allowed value {index} stands twice", "keep one of the two", key)
        found.append(converted)
    return tuple(found)

"""`quality` of objects and properties → aggregate checks, or row rules where single values decide.

`invalidValues`, `missingValues` and `nullValues` that must be 0 are decided row by row, so that single rows can
be quarantined; every other threshold stays an aggregate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.compiling.custom_properties import OF_CHECK, OF_RULE, Reading, action_of, chosen
from target_dativo_iceberg.contract.compiling.rules import Column, numbered, option_rules, values_of
from target_dativo_iceberg.contract.compiling.values import allowed, exact
from target_dativo_iceberg.contract.model import Check, CheckKind, Rule, RuleKind, Severity, Threshold
from target_dativo_iceberg.contract.patterns import PatternError, re2_pattern
from target_dativo_iceberg.contract.reading.document import Items, Place, nearest, plain
from target_dativo_iceberg.contract.reading.vocabulary import METRICS, OPERATORS, RANGES

if TYPE_CHECKING:
    from collections.abc import Collection

_WARNINGS = frozenset({"info", "warning", "warn", "low", "minor", "trivial"})
_TYPES = ("library", "sql", "custom", "text")
_SCOPES = ("batch", "run", "table")
_UNITS = {"": "rows", "row": "rows", "rows": "rows", "percent": "percent", "%": "percent"}


@dataclass(frozen=True, slots=True)
class RowQuality:
    """What the quality rules of one property ask of every row."""

    rules: tuple[Rule, ...] = ()
    required: bool = False


def property_quality(column: Column) -> RowQuality:
    """Compile the quality rules of a property; aggregate checks go to its reading.

    Raises:
        ContractError: a rule cannot be understood or evaluated.

    """
    rules: list[Rule] = []
    required = False
    for rule in column.place.children("quality"):
        found = _row_quality(column, rule)
        if found is None:
            _aggregate(column, rule)
        else:
            rules += found.rules
            required = required or found.required
    return RowQuality(tuple(rules), required)


def object_quality(place: Place, columns: Collection[str], reading: Reading) -> None:
    """Compile the quality rules of an object into checks of its reading.

    Raises:
        ContractError: a rule cannot be understood, or names a column that is not there.

    """
    for rule in place.children("quality"):
        kind = _check_kind(rule)
        fields = rule.child("arguments")
        named = fields.texts("properties") if fields else ()
        for name in named:
            if name not in columns and fields:
                hint = nearest(name, columns, "name properties of this object")
                raise fields.error(f"'properties' names '{name[:60]}', which is no column", hint, "properties")
        if kind in (CheckKind.NULL_VALUES, CheckKind.MISSING_VALUES, CheckKind.INVALID_VALUES):
            reading.say(rule, f"metric '{kind.value}' belongs to a property; it is not checked")
            kind = CheckKind.TEXT
        reading.checks.append(_check(rule, kind, named, reading, reading.name))


def unique_checks(checks: list[Check]) -> tuple[Check, ...]:
    """Return checks with ids that differ: a repeated id gets a number."""
    seen: dict[str, int] = {}
    out = []
    for check in checks:
        seen[check.id] = seen.get(check.id, 0) + 1
        out.append(check if seen[check.id] == 1 else replace(check, id=f"{check.id}.{seen[check.id]}"))
    return tuple(out)


def severity_of(rule: Place) -> Severity:
    """Return the severity of a quality rule: a few words mean warning, every other word and none mean error."""
    return Severity.WARNING if rule.text("severity").lower() in _WARNINGS else Severity.ERROR


# ---- row rules ----


def _row_quality(column: Column, rule: Place) -> RowQuality | None:
    """Return what a quality rule asks of each row, None if it is an aggregate."""
    kind = _check_kind(rule)
    if kind is CheckKind.CUSTOM and rule.text("engine") == "dativo":
        return RowQuality(_own_rules(column, rule))
    decide = _BY_ROW.get(kind)
    if decide is None or not _must_be_zero(rule):
        return None
    return decide(column, rule)


def _must_be_zero(rule: Place) -> bool:
    value = rule.value("mustBe")
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool) and value == 0


def _invalid(column: Column, rule: Place) -> RowQuality:
    arguments = _arguments(rule)
    found: list[tuple[RuleKind, Any]] = []
    if arguments and arguments.block.get("validValues") is not None:
        found.append((RuleKind.ENUM, values_of(column, arguments, "validValues")))
    if arguments and arguments.text("pattern"):
        found += [(RuleKind.PATTERN, r.argument) for r in option_rules(column, arguments, "pattern")]
    return RowQuality(tuple(_rule(column, rule, kind, argument) for kind, argument in found))


def _missing(column: Column, rule: Place) -> RowQuality:
    arguments = rule.child("arguments")
    values = arguments.values("missingValues") if arguments else ()
    refused = tuple(dict.fromkeys(_storable(column, values)))
    rules = (_rule(column, rule, RuleKind.NOT_IN, refused),) if refused else ()
    return RowQuality(rules, None in values and severity_of(rule) is Severity.ERROR)


def _storable(column: Column, values: tuple[Any, ...]) -> list[Any]:
    """Leave out values that the column can never hold: as missing values they need no check."""
    found = []
    for value in values:
        try:
            found.append(allowed(value, column.type) if value is not None else None)
        except ValueError:
            continue
    return [value for value in found if value is not None]


def _null(column: Column, rule: Place) -> RowQuality | None:
    if severity_of(rule) is Severity.WARNING:
        return None
    column.reading.say(rule, "'nullValues' that must be 0 makes the property required", level="info")
    if action_of(rule, OF_RULE):
        column.reading.say(rule, "dativo.onViolation of 'nullValues' has no effect; give it to the property")
    return RowQuality(required=True)


_BY_ROW = {
    CheckKind.INVALID_VALUES: _invalid,
    CheckKind.MISSING_VALUES: _missing,
    CheckKind.NULL_VALUES: _null,
}


def _own_rules(column: Column, rule: Place) -> tuple[Rule, ...]:
    """Rules of engine `dativo`: the options of logical types, with a severity and an action."""
    bounds = rule.child("implementation")
    if bounds is None:
        raise rule.error("engine 'dativo' has no implementation", "give `implementation: {minimum: 0}`")
    found = [made for key in bounds.block for made in option_rules(column, bounds, key)]
    return numbered(_rule(column, rule, made.kind, made.argument) for made in found)


def _rule(column: Column, rule: Place, kind: RuleKind, argument: Any) -> Rule:
    name = rule.text("id") or f"{column.label}.{kind.value}"
    return Rule(name, kind, argument, severity_of(rule), action_of(rule, OF_RULE))


# ---- aggregate checks ----


def _aggregate(column: Column, rule: Place) -> None:
    kind = _check_kind(rule)
    fields = () if kind is CheckKind.ROW_COUNT else (column.path,)
    if column.inside_list and kind not in (CheckKind.TEXT, CheckKind.CUSTOM):
        column.reading.say(rule, "a rule inside a list or map is not checked")
        kind = CheckKind.TEXT
    check = _check(rule, kind, fields, column.reading, column.label)
    arguments = rule.child("arguments")
    if kind is CheckKind.INVALID_VALUES and arguments and arguments.block.get("validValues") is not None:
        check.arguments["validValues"] = list(values_of(column, arguments, "validValues"))
    column.reading.checks.append(check)


def _check(rule: Place, kind: CheckKind, fields: tuple[str, ...], reading: Reading, label: str) -> Check:
    return Check(
        id=rule.text("id") or rule.text("name") or f"{label}.{kind.value}",
        kind=kind,
        fields=fields,
        arguments=_check_arguments(rule, kind),
        threshold=None if kind in (CheckKind.TEXT, CheckKind.CUSTOM) else _threshold(rule, reading),
        scope=chosen(rule, "scope", _SCOPES) or "run",
        severity=severity_of(rule),
        description=rule.text("description") or rule.text("name"),
        action=action_of(rule, OF_CHECK),
    )


def _check_kind(rule: Place) -> CheckKind:
    type_ = rule.text("type")
    if type_ not in _TYPES:
        raise rule.error(
            "the quality type is not known", nearest(type_, _TYPES, f"use one of {', '.join(_TYPES)}"), "type"
        )
    if type_ != "library":
        return CheckKind(type_)
    metric = rule.text("metric")
    if metric not in METRICS:
        hint = nearest(metric, METRICS, f"use one of {', '.join(sorted(METRICS))}")
        raise rule.error("the metric is missing or not known", hint, "metric")
    return CheckKind(metric)


def _check_arguments(rule: Place, kind: CheckKind) -> dict[str, Any]:
    if kind is CheckKind.SQL:
        if not rule.text("query"):
            raise rule.error("the SQL rule has no query", "add `query:`")
        return {"query": rule.text("query")}
    if kind is CheckKind.CUSTOM:
        return {key: plain(rule.block.get(key)) for key in ("engine", "implementation")}
    if kind is CheckKind.TEXT:
        return {}
    arguments = _arguments(rule) if kind is CheckKind.INVALID_VALUES else rule.child("arguments")
    return {key: plain(value) for key, value in arguments.block.items()} if arguments else {}


def _arguments(rule: Place) -> Place | None:
    """Return the arguments of `invalidValues`; it needs to know what is valid."""
    arguments = rule.child("arguments")
    if arguments is None or not (arguments.block.get("validValues") or arguments.text("pattern")):
        hint = "add `validValues:` or `pattern:` under `arguments:`"
        raise rule.error("metric 'invalidValues' does not say what is valid", hint)
    if arguments.text("pattern"):
        try:
            re2_pattern(arguments.text("pattern"))
        except PatternError as error:
            hint = "write the pattern without it, or check it with a SQL rule"
            raise arguments.error(f"'pattern' cannot be run: {error}", hint, "pattern") from None
    return arguments


# ---- thresholds ----


def _threshold(rule: Place, reading: Reading) -> Threshold:
    operators = [key for key in rule.block if key in OPERATORS]
    if not operators:
        hint = "add one, such as `mustBe: 0`"
        raise rule.error("the rule has no operator", hint)
    operator = operators[0]
    unit = _UNITS.get(rule.text("unit").lower())
    if unit is None:
        reading.say(rule, "the unit is not known; rows are counted", "unit")
    return Threshold(operator, _limits(rule, operator), unit or "rows")


def _limits(rule: Place, operator: str) -> tuple[Any, ...]:
    value = rule.value(operator)
    if operator in RANGES:
        return _range(rule, operator, value)
    if operator in ("mustBe", "mustNotBe") and rule.text("type") == "sql" and isinstance(value, (bool, str)):
        return (plain(value),)
    try:
        return (exact(value),)
    except ValueError:
        raise rule.error(f"'{operator}' needs a number", f"write `{operator}: 0`", operator) from None


def _range(rule: Place, operator: str, value: Any) -> tuple[Any, ...]:
    hint = f"write `{operator}: [low, high]`"
    if not isinstance(value, Items) or len(value) != 2:
        raise rule.error(f"'{operator}' needs exactly two numbers", hint, operator)
    try:
        low, high = exact(value[0]), exact(value[1])
    except ValueError:
        raise rule.error(f"'{operator}' needs two numbers", hint, operator) from None
    if low > high:
        raise rule.error(f"'{operator}' has its larger number first", hint, operator)
    return low, high

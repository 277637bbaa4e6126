"""Row rules over whole batches: one boolean column per broken rule, nothing per record unless a rule is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.arrow import arrow_type
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Rule, RuleKind, Severity, Type
from target_dativo_iceberg.errors import ContractError

_EXACT = Context(prec=100)
# A mask of the rows that break a rule, given the column. Null values pass every rule but `required`.
Test = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True, slots=True)
class Compiled:
    """One rule, ready to run: on which top-level column, by which path inside it, with which test."""

    rule: str
    klass: str
    column: int
    path: str
    steps: tuple[str, ...]
    severity: Severity
    message: str
    test: Test


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that some rows of a batch break, and the mask of those rows."""

    compiled: Compiled
    rows: pa.BooleanArray


class Checker:
    """All row rules of a contract.

    Args:
        contract: what to enforce.

    Raises:
        ContractError: a rule cannot be applied to its field's type, or its pattern is not one RE2 can run.

    """

    def __init__(self, contract: Contract) -> None:
        self._rules: list[Compiled] = []
        for index, field in enumerate(contract.fields):
            self._add(contract.name, index, field, (), contract.inferred)

    def _add(self, owner: str, column: int, field: Field, steps: tuple[str, ...], lenient: bool) -> None:
        path = ".".join(("$", *steps, field.name))
        if field.required and not steps:
            self._rules.append(
                Compiled(
                    f"{owner}.{field.name}.required",
                    "missing_required",
                    column,
                    path,
                    steps,
                    Severity.ERROR,
                    "is required",
                    pc.is_null,
                )  # fmt: skip
            )
        for rule in field.rules:
            test = compiled_test(rule, field.type, lenient=lenient)
            if test is not None:
                message = _sentence(rule)
                klass = "constraint"
                self._rules.append(Compiled(rule.id, klass, column, path, steps, rule.severity, message, test))
        if field.type.kind is Kind.STRUCT:
            for member in field.type.fields:
                self._add(owner, column, member, (*steps, field.name), lenient)

    def broken(self, batch: pa.RecordBatch) -> list[Broken]:
        """Return the rules that some row of a typed batch breaks."""
        found = []
        for compiled in self._rules:
            column = batch.column(compiled.column)
            if compiled.klass == "missing_required" and column.null_count == 0:
                continue
            rows = compiled.test(_reached(column, compiled))
            if pc.any(rows, min_count=0).as_py():
                found.append(Broken(compiled, pc.fill_null(rows, False)))
        return found


_SAID = {
    RuleKind.MINIMUM: "is below {}",
    RuleKind.MAXIMUM: "is above {}",
    RuleKind.EXCLUSIVE_MINIMUM: "is not above {}",
    RuleKind.EXCLUSIVE_MAXIMUM: "is not below {}",
    RuleKind.MULTIPLE_OF: "is no multiple of {}",
    RuleKind.MIN_LENGTH: "is shorter than {}",
    RuleKind.MAX_LENGTH: "is longer than {}",
    RuleKind.PATTERN: "does not match {}",
    RuleKind.FORMAT: "is no {}",
    RuleKind.MIN_ITEMS: "has fewer than {} items",
    RuleKind.MAX_ITEMS: "has more than {} items",
}


def _sentence(rule: Rule) -> str:
    """Say what the rule asks; its argument is the contract's, not the record's."""
    if rule.kind in _SAID:
        return _SAID[rule.kind].format(rule.argument)
    return {RuleKind.ENUM: "is none of the allowed values", RuleKind.NOT_IN: "is one of the refused values"}.get(
        rule.kind, f"breaks {rule.kind.value}"
    )


def _reached(column: pa.Array, compiled: Compiled) -> pa.Array:
    """Follow a path into structs."""
    names = [*compiled.steps[1:], compiled.path.rsplit(".", 1)[1]] if compiled.steps else []
    return pc.struct_field(column, names) if names else column


# ---- tests of single rules ----


def compiled_test(rule: Rule, type_: Type, *, lenient: bool = False) -> Test | None:
    """Return the test of a rule on a type, or None when every value passes.

    Args:
        rule: what is tested.
        type_: of the field.
        lenient: a rule that cannot be applied is ignored (the SCHEMA is the contract) instead of refused.

    """
    build = _TESTS.get(rule.kind)
    try:
        if build is None:
            raise ContractError(f"rule '{rule.id}' is of a kind this version does not enforce")
        return build(rule.argument, type_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, TypeError, ValueError):
        problem: ContractError = ContractError(
            f"rule '{rule.id}' cannot be applied to a field of type {type_.kind.value}", "mend the rule's argument"
        )
    except ContractError as error:
        problem = error
    if lenient:
        return None
    raise problem


def _bound(compare: Callable[[Any, Any], Any], rounding: str) -> Callable[[Any, Type], Test | None]:
    def build(argument: Any, type_: Type) -> Test | None:
        reach = _beyond(argument, type_)
        if reach:  # no value of the column is past such a bound, or every value is
            broken = bool(compare(pa.scalar(0), pa.scalar(reach)).as_py())
            return (lambda column: column.is_valid()) if broken else None
        limit = scalar(argument, type_, rounding)
        compare(pa.nulls(0, limit.type), limit)
        return lambda column: compare(column, limit)

    return build


def _beyond(argument: Any, type_: Type) -> int:
    """Return 1 or -1 when a bound is above or below all that a column can hold, else 0."""
    if type_.kind is Kind.INTEGER:
        high = 2 ** (type_.bits - 1)
    elif type_.kind is Kind.DECIMAL:
        high = 10 ** (type_.precision - type_.scale)
    else:
        return 0
    number = Decimal(str(argument))
    return int(number >= high) - int(number < -high)


def scalar(argument: Any, type_: Type, rounding: str) -> pa.Scalar:
    """Return a bound in the column's own type, rounded towards the side that keeps the rule's meaning."""
    target = arrow_type(type_)
    if type_.kind is Kind.INTEGER:
        return pa.scalar(int(Decimal(str(argument)).to_integral_value(rounding=rounding)), pa.int64())
    if type_.kind is Kind.DECIMAL:
        step = Decimal(1).scaleb(-type_.scale)
        return pa.scalar(
            Decimal(str(argument)).quantize(step, rounding=rounding, context=_EXACT), pa.decimal128(38, type_.scale)
        )
    if type_.kind in (Kind.DOUBLE, Kind.FLOAT):
        return pa.scalar(float(argument), pa.float64())
    if type_.kind in (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return pa.scalar(str(argument)).cast(target)
    if type_.kind is Kind.TIME:
        return pa.scalar(f"1970-01-01T{argument}").cast(pa.timestamp("us")).cast(target)
    if type_.kind is Kind.STRING:
        return pa.scalar(str(argument))
    raise TypeError


def _enum(argument: Sequence[Any], type_: Type) -> Test:
    allowed = _values(argument, type_)
    return lambda column: pc.and_(pc.invert(pc.is_in(column, allowed)), pc.is_valid(column))


def _not_in(argument: Sequence[Any], type_: Type) -> Test:
    refused = _values(argument, type_)
    return lambda column: pc.is_in(column, refused)


def _values(argument: Sequence[Any], type_: Type) -> pa.Array:
    if type_.kind is Kind.STRING:
        return pa.array([v if isinstance(v, str) else str(v) for v in argument], pa.string())
    if type_.kind is Kind.DECIMAL:
        exact = [Decimal(str(v)) for v in argument]
        return pa.array([v.quantize(Decimal(1).scaleb(-type_.scale), context=_EXACT) for v in exact], arrow_type(type_))
    if type_.kind in (Kind.INTEGER, Kind.DOUBLE, Kind.FLOAT, Kind.BOOLEAN):
        return pa.array(list(argument), arrow_type(type_))
    return pa.array([str(v) for v in argument], pa.string()).cast(arrow_type(type_))


def _pattern(argument: str, type_: Type) -> Test:
    _needs(type_, Kind.STRING)
    pc.match_substring_regex(pa.array([""], pa.string()), argument)
    return lambda column: pc.invert(pc.match_substring_regex(column, argument))


def _min_length(argument: int, type_: Type) -> Test:
    length = _length_of(type_)
    return lambda column: pc.less(length(column), int(argument))


def _max_length(argument: int, type_: Type) -> Test:
    length = _length_of(type_)
    return lambda column: pc.greater(length(column), int(argument))


def _length_of(type_: Type) -> Callable[[pa.Array], pa.Array]:
    """Length in code points for text, in bytes for binary."""
    if type_.kind is Kind.BINARY:
        return lambda column: pc.binary_length(column)
    _needs(type_, Kind.STRING)
    return lambda column: pc.utf8_length(column)


def _multiple_of(argument: Any, type_: Type) -> Test:
    exact = Decimal(str(argument))
    if exact <= 0:
        raise ValueError
    if type_.kind is Kind.INTEGER and exact == int(exact):
        step = int(exact)
        return lambda c: pc.not_equal(pc.multiply(pc.divide(c, step), step), c)
    if type_.kind in (Kind.DOUBLE, Kind.FLOAT):
        # A double is taken as the shortest decimal that reads back to it: 19.99 is a multiple of 0.01.
        return lambda c: pa.array(
            [None if v is None else Decimal(repr(v)) % exact != 0 for v in c.to_pylist()], pa.bool_()
        )
    if type_.kind not in (Kind.INTEGER, Kind.DECIMAL):
        raise TypeError
    return lambda c: pa.array([None if v is None else v % exact != 0 for v in c.to_pylist()], pa.bool_())


def _min_items(argument: int, type_: Type) -> Test:
    _needs(type_, Kind.LIST)
    return lambda column: pc.less(pc.list_value_length(column), int(argument))


def _max_items(argument: int, type_: Type) -> Test:
    _needs(type_, Kind.LIST)
    return lambda column: pc.greater(pc.list_value_length(column), int(argument))


def _unique_items(argument: bool, type_: Type) -> Test | None:
    _needs(type_, Kind.LIST)
    return _repeats if argument else None


def _repeats(column: pa.Array) -> pa.Array:
    rows = column.to_pylist()
    return pa.array([None if r is None else len({repr(v) for v in r}) != len(r) for r in rows], pa.bool_())


_FORMATS: Mapping[str, str] = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$",
    "hostname": r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$",
    "ipv4": r"^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.|$)){4}$",
    "ipv6": r"^(([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(([0-9A-Fa-f]{1,4}:)*[0-9A-Fa-f]{1,4})?::"
    r"(([0-9A-Fa-f]{1,4}:)*[0-9A-Fa-f]{1,4})?)$",
}  # fmt: skip


def _format(argument: str, type_: Type) -> Test | None:
    """Formats are free text in ODCS: those we know are enforced, the others describe."""
    return _pattern(_FORMATS[argument], type_) if argument in _FORMATS and type_.kind is Kind.STRING else None


def _needs(type_: Type, kind: Kind) -> None:
    if type_.kind is not kind:
        raise TypeError


def _properties(argument: Any, type_: Type) -> Test | None:
    """Rules about the members of an object apply to structs."""
    _needs(type_, Kind.STRUCT)
    counted = [f.name for f in type_.fields]
    low, high = argument
    return lambda c: _out_of(_members_present(c, counted), low, high, c)


def _members_present(column: pa.Array, names: Sequence[str]) -> pa.Array:
    total: pa.Array = pa.array([0] * len(column), pa.int64())
    for name in names:
        total = pc.add(total, pc.struct_field(column, [name]).is_valid().cast(pa.int64()))
    return total


def _out_of(count: pa.Array, low: int, high: int, column: pa.Array) -> pa.Array:
    return pc.and_(column.is_valid(), pc.or_(pc.less(count, low), pc.greater(count, high)))


def _required_properties(argument: Sequence[str], type_: Type) -> Test:
    _needs(type_, Kind.STRUCT)
    names = [n for n in argument if n in {f.name for f in type_.fields}]
    return lambda c: pc.and_(c.is_valid(), pc.less(_members_present(c, names), len(names)))


_TESTS: Mapping[RuleKind, Callable[[Any, Type], Test | None]] = {
    RuleKind.ENUM: _enum,
    RuleKind.NOT_IN: _not_in,
    RuleKind.MINIMUM: _bound(pc.less, ROUND_CEILING),
    RuleKind.MAXIMUM: _bound(pc.greater, ROUND_FLOOR),
    RuleKind.EXCLUSIVE_MINIMUM: _bound(pc.less_equal, ROUND_FLOOR),
    RuleKind.EXCLUSIVE_MAXIMUM: _bound(pc.greater_equal, ROUND_CEILING),
    RuleKind.MULTIPLE_OF: _multiple_of,
    RuleKind.MIN_LENGTH: _min_length,
    RuleKind.MAX_LENGTH: _max_length,
    RuleKind.PATTERN: _pattern,
    RuleKind.FORMAT: _format,
    RuleKind.MIN_ITEMS: _min_items,
    RuleKind.MAX_ITEMS: _max_items,
    RuleKind.UNIQUE_ITEMS: _unique_items,
    RuleKind.MIN_PROPERTIES: lambda a, t: _properties((int(a), len(t.fields)), t),
    RuleKind.MAX_PROPERTIES: lambda a, t: _properties((0, int(a)), t),
    RuleKind.REQUIRED_PROPERTIES: _required_properties,
}

"""Tests of single row rules: each takes a typed column and says which of its values break the rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.layout import elements, rows_mask
from target_dativo_iceberg.contract.model import Kind, Rule, RuleKind, Type
from target_dativo_iceberg.contract.rules.line_patterns import mismatches
from target_dativo_iceberg.contract.values.arrow import arrow_type
from target_dativo_iceberg.contract.values.octets import longest
from target_dativo_iceberg.errors import ContractError

# A mask of the values that break a rule, given the column. Null values pass every rule but `required`.
Test = Callable[[pa.Array], pa.Array]
# Rules that no value of a column breaks when neither its least nor its greatest does.
RANGES = frozenset({RuleKind.MINIMUM, RuleKind.MAXIMUM, RuleKind.EXCLUSIVE_MINIMUM, RuleKind.EXCLUSIVE_MAXIMUM})
_EXACT = Context(prec=100)
# Up to these every integer, and every power of ten, is a double.
_EXACT_DOUBLE, _EXACT_POWERS = 2.0**53, 22


def compiled_test(rule: Rule, type_: Type, *, lenient: bool = False) -> Test | None:
    """Return the test of a rule on a type, or None when every value passes.

    Args:
        rule: what is tested.
        type_: of the field.
        lenient: a rule that cannot be applied is ignored (the SCHEMA is the contract) instead of refused.

    Raises:
        ContractError: the rule cannot be applied to the type, or its pattern is not one RE2 can run.

    """
    try:
        return _TESTS[rule.kind](rule.argument, type_)
    except (pa.ArrowException, TypeError, ValueError, ArithmeticError):
        if lenient:
            return None
        message = f"rule '{rule.id}' cannot be applied to a field of type {type_.kind.value}"
        raise ContractError(message, "mend the rule's argument") from None


def _needs(type_: Type, *kinds: Kind) -> None:
    if type_.kind not in kinds:
        raise TypeError


# ---- bounds ----


def _bound(compare: Callable[[Any, Any], Any], rounding: str, *, lower: bool) -> Callable[[Any, Type], Test | None]:
    def build(argument: Any, type_: Type) -> Test | None:
        beyond = _beyond(argument, type_)
        if beyond:  # no value of the type is on the other side
            return (lambda column: column.is_valid()) if (beyond > 0) == lower else None
        limit = scalar(argument, type_, rounding)
        compare(pa.nulls(0, limit.type), limit)
        return lambda column: compare(column, limit)

    return build


def _beyond(argument: Any, type_: Type) -> int:
    """1 or -1 if a bound lies beyond all numbers that the type holds, else 0."""
    if type_.kind is Kind.INTEGER:
        largest = Decimal(2 ** (type_.bits - 1))
    elif type_.kind is Kind.DECIMAL:
        largest = Decimal(10) ** (type_.precision - type_.scale)
    else:
        return 0
    exact = Decimal(str(argument))
    if exact >= largest:
        return 1
    return -1 if exact < -largest else 0


def scalar(argument: Any, type_: Type, rounding: str) -> pa.Scalar:
    """Return a bound in the column's own type, rounded towards the side that keeps the rule's meaning."""
    target = arrow_type(type_)
    if type_.kind is Kind.INTEGER:
        return pa.scalar(int(Decimal(str(argument)).to_integral_value(rounding=rounding)), pa.int64())
    if type_.kind is Kind.DECIMAL:
        step = Decimal(1).scaleb(-type_.scale)
        exact = Decimal(str(argument)).quantize(step, rounding=rounding, context=_EXACT)
        return pa.scalar(exact, pa.decimal128(38, type_.scale))
    if type_.kind in (Kind.DOUBLE, Kind.FLOAT):
        return pa.scalar(float(argument), pa.float64())
    if type_.kind in (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return pa.scalar(str(argument)).cast(target)
    if type_.kind is Kind.TIME:
        return pa.scalar(f"1970-01-01T{argument}").cast(pa.timestamp("us")).cast(target)
    _needs(type_, Kind.STRING)
    return pa.scalar(str(argument))


def _multiple_of(argument: Any, type_: Type) -> Test:
    if type_.kind in (Kind.FLOAT, Kind.DOUBLE):
        return _multiple_of_float(Decimal(str(argument)).normalize())
    _needs(type_, Kind.INTEGER, Kind.DECIMAL)
    scale = type_.scale if type_.kind is Kind.DECIMAL else 0
    step = Decimal(str(argument)).scaleb(scale)
    if step <= 0 or step != step.to_integral_value():
        raise ValueError
    return lambda column: _not_divided(_unscaled(column, scale), int(step))


def _unscaled(column: pa.Array, scale: int) -> pa.Array:
    """Return decimals as the integers that they are at their scale."""
    if not pa.types.is_decimal(column.type):
        return column
    whole = pa.decimal128(38, 0)
    return pa.Array.from_buffers(whole, len(column), column.buffers(), column.null_count, column.offset)


def _not_divided(numbers: pa.Array, step: int) -> pa.Array:
    try:
        small = numbers.cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.array([None if v is None else v % step != 0 for v in numbers.to_pylist()], pa.bool_())
    return pc.not_equal(pc.multiply(pc.divide(small, step), step), small)


def _multiple_of_float(step: Decimal) -> Test:
    """A binary float is a multiple of a step when it is the one nearest to a multiple: 0.3 is three times 0.1."""
    scale = max(0, -int(step.as_tuple().exponent))
    if step <= 0 or scale > _EXACT_POWERS:
        raise ValueError
    unit, tens = float(step.scaleb(scale)), 10.0**scale

    def test(column: pa.Array) -> pa.Array:
        wholes = pc.multiply(pc.round(pc.divide(pc.multiply(column.cast(pa.float64()), tens), unit)), unit)
        odd = pc.not_equal(pc.divide(wholes, tens).cast(column.type, safe=False), column)
        large = pc.invert(pc.less(pc.abs(wholes), _EXACT_DOUBLE))
        if not pc.any(large, min_count=0).as_py():
            return odd
        rest = [Fraction(repr(v)) % Fraction(step) != 0 for v in column.filter(large).to_pylist()]
        return pc.replace_with_mask(odd, pc.fill_null(large, False), pa.array(rest, pa.bool_()))

    return test


# ---- values ----


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
        return pa.array([v for v in (_held(a, type_) for a in argument) if v is not None], arrow_type(type_))
    if type_.kind in (Kind.INTEGER, Kind.BOOLEAN):
        return pa.array(list(argument), arrow_type(type_))
    if type_.kind in (Kind.DOUBLE, Kind.FLOAT):
        return pa.array([float(v) for v in argument], arrow_type(type_))
    return pa.array([str(v) for v in argument], pa.string()).cast(arrow_type(type_))


def _held(value: Any, type_: Type) -> Decimal | None:
    """Return a value as the decimal type holds it, or None: no row can have it."""
    exact = Decimal(str(value))
    try:
        scaled = exact.quantize(Decimal(1).scaleb(-type_.scale), context=Context(prec=type_.precision))
    except InvalidOperation:
        return None
    return scaled if scaled == exact else None


def _pattern(argument: str, type_: Type) -> Test:
    _needs(type_, Kind.STRING)
    pc.match_substring_regex(pa.array([""]), argument)  # compiles it; over no text at all it would not
    return mismatches(argument)


_FORMATS: Mapping[str, str] = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$",
    "hostname": r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$",
    "ipv4": r"^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.|$)){4}$",
    "ipv6": r"^(([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(([0-9A-Fa-f]{1,4}:)*[0-9A-Fa-f]{1,4})?::"
    r"(([0-9A-Fa-f]{1,4}:)*[0-9A-Fa-f]{1,4})?)$",
}


def _format(argument: str, type_: Type) -> Test | None:
    """Formats are free text in ODCS: those we know are enforced, the others describe."""
    return _pattern(_FORMATS[argument], type_) if argument in _FORMATS and type_.kind is Kind.STRING else None


# ---- sizes ----


def _sized(compare: Callable[[Any, Any], Any], length_of: Callable[[Type], Test]) -> Callable[[Any, Type], Test]:
    def build(argument: Any, type_: Type) -> Test:
        length, limit = length_of(type_), int(argument)
        return lambda column: compare(length(column), limit)

    return build


def _length(type_: Type) -> Test:
    """Length in code points for text, in bytes for binary."""
    _needs(type_, Kind.STRING, Kind.BINARY)
    return pc.utf8_length if type_.kind is Kind.STRING else pc.binary_length  # type: ignore[no-any-return]


def _longest(argument: Any, type_: Type) -> Test:
    """Text has as many bytes as characters or more, and bytes are counted at a tenth of the cost."""
    longer, limit = _sized(pc.greater, _length)(argument, type_), int(argument)

    def test(column: pa.Array) -> pa.Array:
        return pa.repeat(pa.scalar(value=False), len(column)) if longest(column) <= limit else longer(column)

    return test


def _items(type_: Type) -> Test:
    _needs(type_, Kind.LIST)
    return pc.list_value_length  # type: ignore[no-any-return]


def _unique_items(argument: bool, type_: Type) -> Test | None:
    _needs(type_, Kind.LIST)
    return _repeats if argument else None


def _repeats(column: pa.Array) -> pa.Array:
    """Lists that hold a value twice."""
    values, parents = elements(column)
    if pa.types.is_nested(values.type):
        rows = column.to_pylist()
        return pa.array([None if r is None else len({repr(v) for v in r}) != len(r) for r in rows], pa.bool_())
    table = pa.table({"parent": parents, "value": values})
    counted = table.group_by(["parent", "value"]).aggregate([([], "count_all")])
    return rows_mask(counted["parent"].filter(pc.greater(counted["count_all"], 1)), len(column))


def _members_present(column: pa.Array, names: Sequence[str]) -> pa.Array:
    total: pa.Array = pa.array([0] * len(column), pa.int64())
    for name in names:
        total = pc.add(total, pc.struct_field(column, [name]).is_valid().cast(pa.int64()))
    return total


def _properties(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Type], Test]:
    """Rules about how many members of a struct have a value."""

    def build(argument: Any, type_: Type) -> Test:
        _needs(type_, Kind.STRUCT)
        names, limit = [f.name for f in type_.fields], int(argument)
        return lambda c: pc.and_(c.is_valid(), compare(_members_present(c, names), limit))

    return build


def _required_properties(argument: Sequence[str], type_: Type) -> Test:
    _needs(type_, Kind.STRUCT)
    names = [n for n in argument if n in {f.name for f in type_.fields}]
    return lambda c: pc.and_(c.is_valid(), pc.less(_members_present(c, names), len(names)))


_TESTS: Mapping[RuleKind, Callable[[Any, Type], Test | None]] = {
    RuleKind.ENUM: _enum,
    RuleKind.NOT_IN: _not_in,
    RuleKind.MINIMUM: _bound(pc.less, ROUND_CEILING, lower=True),
    RuleKind.MAXIMUM: _bound(pc.greater, ROUND_FLOOR, lower=False),
    RuleKind.EXCLUSIVE_MINIMUM: _bound(pc.less_equal, ROUND_FLOOR, lower=True),
    RuleKind.EXCLUSIVE_MAXIMUM: _bound(pc.greater_equal, ROUND_CEILING, lower=False),
    RuleKind.MULTIPLE_OF: _multiple_of,
    RuleKind.MIN_LENGTH: _sized(pc.less, _length),
    RuleKind.MAX_LENGTH: _longest,
    RuleKind.PATTERN: _pattern,
    RuleKind.FORMAT: _format,
    RuleKind.MIN_ITEMS: _sized(pc.less, _items),
    RuleKind.MAX_ITEMS: _sized(pc.greater, _items),
    RuleKind.UNIQUE_ITEMS: _unique_items,
    RuleKind.MIN_PROPERTIES: _properties(pc.less),
    RuleKind.MAX_PROPERTIES: _properties(pc.greater),
    RuleKind.REQUIRED_PROPERTIES: _required_properties,
}

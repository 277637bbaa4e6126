"""Number types: integer widths, decimals, binary floats."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.compiling.custom_properties import Implied, Typed, options_of
from target_dativo_iceberg.contract.model import Kind, RuleKind, Type

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.compiling.custom_properties import Reading
    from target_dativo_iceberg.contract.reading.document import Place
    from target_dativo_iceberg.contract.reading.physical_types import Physical

MAX_PRECISION = 38
# Digits that a 64-bit integer holds whatever they are.
_LONG_DIGITS = 18

_INTEGER_FORMATS = {
    **{f"i{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64, 128)},
    **{f"u{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64, 128)},
}
_INTEGER_ALIASES = {"int32": "i32", "int64": "i64"}
_NUMBER_FORMATS = {"f32": Kind.FLOAT, "float": Kind.FLOAT, "f64": Kind.DOUBLE, "double": Kind.DOUBLE}


def integer_type(place: Place, known: Physical | None, reading: Reading) -> Typed:
    """Return the type of a whole number; a format brings its exact bounds."""
    if known and known.family == "decimal" and known.arguments:
        precision, scale = (*known.arguments, 0)[:2]
        if scale:
            message = "physicalType has digits after the point, logicalType 'integer' has none; it is not used"
            reading.say(place, message, "physicalType")
        elif precision > _LONG_DIGITS:
            return decimal(precision, 0, place, "physicalType"), ()
    name = options_of(place).text("format")
    if name in _INTEGER_ALIASES:
        name = _INTEGER_ALIASES[name]
        reading.say(options_of(place), f"the integer format is read as ODCS's '{name}'", "format", "info")
    if name and name not in _INTEGER_FORMATS:
        reading.say(options_of(place), "integer format is not known; 64 bits are used", "format")
    return _sized(name) if name in _INTEGER_FORMATS else (Type(Kind.INTEGER), ())


def _sized(name: str) -> Typed:
    low, high = _INTEGER_FORMATS[name]
    if name == "i64":
        return Type(Kind.INTEGER), ()
    if name == "i128":
        return Type(Kind.DECIMAL, precision=MAX_PRECISION), ()
    if name == "u128":
        return Type(Kind.DECIMAL, precision=MAX_PRECISION), (Implied(RuleKind.MINIMUM, 0),)
    bounds = (Implied(RuleKind.MINIMUM, low), Implied(RuleKind.MAXIMUM, high))
    if name == "u64":
        return Type(Kind.DECIMAL, precision=20), bounds
    return Type(Kind.INTEGER, bits=64 if name == "u32" else 32), bounds


def number_type(place: Place, known: Physical | None, reading: Reading) -> Typed:
    """Return the type of a number: decimal where digits are given, whole where there are none after the point."""
    family = known.family if known else ""
    if known and family == "decimal" and known.arguments:
        precision, scale = (*known.arguments, 0)[:2]
        if known.name == "number" and len(known.arguments) == 1:
            return integer_type(place, known, reading)
        return decimal(precision, scale, place, "physicalType"), ()
    digits = _digits(place)
    if digits:
        return digits, ()
    if family == "integer":
        return Type(Kind.INTEGER), ()
    if family in ("float", "double"):
        return Type(Kind(family)), ()
    return _binary_float(place, family, reading), ()


def _binary_float(place: Place, family: str, reading: Reading) -> Type:
    name = options_of(place).text("format")
    if family == "decimal":
        reading.say(place, "physicalType has no precision; the column is a double", "physicalType")
    if name and name not in _NUMBER_FORMATS:
        reading.say(options_of(place), "number format is not known; a double is used", "format")
    step = str(options_of(place).block.get("multipleOf", ""))
    if re.fullmatch(r"0\.0*1", step):
        message = f"multipleOf suggests physicalType DECIMAL(38,{len(step) - 2}); the column is a binary float"
        reading.say(options_of(place), message, "multipleOf", "info")
    return Type(_NUMBER_FORMATS.get(name, Kind.DOUBLE), assumed=name not in _NUMBER_FORMATS and not family)


def _digits(place: Place) -> Type | None:
    """Read `precision` and `scale` from custom properties, whatever their vendor."""
    custom = {c.text("property").removeprefix("dativo."): c for c in place.children("customProperties")}
    if "precision" not in custom:
        return None
    precision = custom["precision"].whole("value")
    scale = custom["scale"].whole("value") if "scale" in custom else 0
    return decimal(precision or 0, scale or 0, custom["precision"], "value")


def decimal(precision: int, scale: int, place: Place, key: str) -> Type:
    """Return a decimal, or raise the ContractError of the place that asks for impossible digits."""
    if not 1 <= precision <= MAX_PRECISION:
        raise place.error(f"a decimal of {precision} digits cannot be stored", "give 1 to 38 digits", key)
    if not 0 <= scale <= precision:
        hint = f"give a scale of 0 to {precision}"
        raise place.error(f"a decimal of {precision} digits cannot have {scale} after the point", hint, key)
    return Type(Kind.DECIMAL, precision=precision, scale=scale)

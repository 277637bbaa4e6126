"""Cells to values: null markers and column types, on whole Arrow columns. Nothing is rounded or guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tap_adapters.common.arrow import compute as pc
from tap_adapters.common.errors import SettingsError

STRING = "string"
TRUE = ("true", "t", "yes", "y", "1")
FALSE = ("false", "f", "no", "n", "0")
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "date-time": {"type": ["string", "null"], "format": "date-time"},
    STRING: {"type": ["string", "null"]},
}
KINDS = tuple(SCHEMAS)
ARROW_TYPES: Mapping[str, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.string(),
    "date-time": pa.string(),
    STRING: pa.string(),
}
INTEGER = r"\A[+-]?[0-9]+\z"
NUMBER = r"\A[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\z"
DATE = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
OFFSET = r"(?P<hours>[+-](?:[01][0-9]|2[0-3]))(?::?(?P<minutes>[0-5][0-9]))?"
DATE_TIME = (
    r"\A(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2})?"
    rf"(?P<fraction>\.[0-9]+)?(?: ?(?:(?P<utc>[Zz])|{OFFSET}))?\z"
)
EXACT_DIGITS = 15
"""A decimal of up to this many digits survives the way through a double."""


class UnfitError(Exception):
    """A cell that its column's type cannot hold without loss; `row` is its position in the batch."""

    def __init__(self, row: int) -> None:
        super().__init__()
        self.row = row


def check_types(types: Mapping[str, str], place: str) -> None:
    """Refuse a column type that there is not."""
    for column, kind in types.items():
        if kind not in KINDS:
            raise SettingsError(f"Setting '{place}.types.{column}' must be one of {', '.join(KINDS)}.")


def null_markers(null_values: list[str] | None, empty_is_null: bool | None) -> tuple[str, ...]:
    """Return the texts that mean null by the settings of these names; an empty text is one unless it is said not to."""
    markers = tuple(null_values or ())
    return markers if empty_is_null is False else ("", *(marker for marker in markers if marker))


def with_nulls(cells: pa.Array, markers: tuple[str, ...]) -> pa.Array:
    """Return the cells with those equal to a null marker made null."""
    if not markers:
        return cells
    if markers == ("",):
        marked = pc.equal(pc.binary_length(cells), 0)
    else:
        marked = pc.is_in(cells, value_set=pa.array(markers, pa.string()))
    return pc.if_else(marked, pa.scalar(None, pa.string()), cells) if pc.any(marked).as_py() else cells


def typed(cells: pa.Array, kind: str, markers: tuple[str, ...]) -> pa.Array:
    """Return text cells as values of a kind (int64, double, bool or text); UnfitError at the first that is none."""
    if kind == STRING:
        return with_nulls(cells, markers)
    return CONVERSIONS[kind](with_nulls(pc.utf8_trim_whitespace(cells), markers))


def kind_of(schema: Mapping[str, Any]) -> str | None:
    """Return the kind that a property's JSON schema asks of its column, None if a CSV column cannot have it."""
    declared = schema.get("type", STRING)
    types = set(declared if isinstance(declared, list) else [declared]) - {"null"}
    if types & {"object", "array"}:
        return None
    if STRING in types or len(types) != 1:
        form = str(schema.get("format"))
        return form if types == {STRING} and form in {"date", "date-time"} else STRING
    return str(next(iter(types)))


def _integers(cells: pa.Array) -> pa.Array:
    _demand(pc.match_substring_regex(cells, INTEGER))
    digits = pc.utf8_ltrim(cells, "+")
    try:
        return pc.cast(digits, pa.int64())
    except pa.ArrowInvalid:
        _demand(_judged(digits, lambda text: -(2**63) <= int(text[:40]) < 2**63))
        raise


def _numbers(cells: pa.Array) -> pa.Array:
    _demand(pc.match_substring_regex(cells, NUMBER))
    numbers = pc.cast(pc.utf8_ltrim(cells, "+"), pa.float64())
    long = pc.greater(pc.binary_length(cells), EXACT_DIGITS)
    doubtful = pc.or_(long, pc.match_substring_regex(cells, "[eE]"))
    if pc.any(doubtful).as_py():
        _demand(_judged(pc.if_else(doubtful, cells, pa.scalar(None, pa.string())), _survives_a_double))
    return numbers


def _booleans(cells: pa.Array) -> pa.Array:
    lowered = pc.utf8_lower(cells)
    true = pc.is_in(lowered, value_set=pa.array(TRUE))
    false = pc.is_in(lowered, value_set=pa.array(FALSE))
    _demand(pc.or_(pc.or_(true, false), pc.is_null(cells)))
    return pc.if_else(pc.is_null(cells), pa.scalar(None, pa.bool_()), true)


def _dates(cells: pa.Array) -> pa.Array:
    _demand(pc.match_substring_regex(cells, DATE))
    _demand_calendar(cells, pa.date32())
    return cells


def _date_times(cells: pa.Array) -> pa.Array:
    """RFC 3339 text: `T`, seconds and a colon in the offset are supplied; fraction and offset stay as they are."""
    _demand(pc.match_substring_regex(cells, DATE_TIME))
    part = dict(zip(("date", "time", "second", "fraction", "utc", "hours", "minutes"), _fields(cells), strict=True))
    second = _or(part["second"], ":00")
    local = _joined(part["date"], "T", part["time"], second)
    _demand_calendar(local, pa.timestamp("s"))
    offset = _joined(part["hours"], ":", _or(part["minutes"], "00"))
    zone = pc.if_else(pc.equal(part["hours"], ""), pc.utf8_upper(part["utc"]), offset)
    return _joined(local, part["fraction"], zone)


CONVERSIONS: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "integer": _integers,
    "number": _numbers,
    "boolean": _booleans,
    "date": _dates,
    "date-time": _date_times,
}


def _demand(fits: pa.Array) -> None:
    """Raise UnfitError at the first false; null counts as fitting."""
    if not pc.all(fits, min_count=0).as_py():
        raise UnfitError(pc.index(fits, pa.scalar(False)).as_py())


def _demand_calendar(cells: pa.Array, kind: pa.DataType) -> None:
    try:
        pc.cast(cells, kind)
    except pa.ArrowInvalid:
        _demand(_judged(cells, lambda text: _casts(text, kind)))
        raise


def _casts(text: str, kind: pa.DataType) -> bool:
    try:
        pc.cast(pa.scalar(text), kind)
    except pa.ArrowInvalid:
        return False
    return True


def _judged(cells: pa.Array, fits: Callable[[str], bool]) -> pa.Array:
    return pa.array([None if text is None else fits(text) for text in cells.to_pylist()], pa.bool_())


def _survives_a_double(text: str) -> bool:
    return Decimal(repr(float(text))) == Decimal(text)


def _fields(cells: pa.Array) -> list[pa.Array]:
    # flatten() keeps a null null in every field, where field() would show what lies beneath it.
    return list(pc.extract_regex(cells, DATE_TIME).flatten())


def _or(cells: pa.Array, default: str) -> pa.Array:
    return pc.if_else(pc.equal(cells, ""), default, cells)


def _joined(*pieces: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*pieces, "")

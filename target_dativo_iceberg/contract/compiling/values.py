"""Values that a contract names (bounds, allowed values) in the form of the column they are about."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from target_dativo_iceberg.contract.model import Kind
from target_dativo_iceberg.contract.reading.document import scalar, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_dativo_iceberg.contract.model import Type

NUMERIC = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL})
TEMPORAL = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
TEXTUAL = frozenset({Kind.STRING, Kind.UUID})
NESTED = frozenset({Kind.STRUCT, Kind.LIST, Kind.MAP, Kind.JSON})


def bound(value: Any, type_: Type) -> Any:
    """Return a limit for a column: int or Decimal, float for binary floats, ISO text for temporal kinds.

    Raises:
        ValueError: the value is no limit for such a column.

    """
    if type_.kind in TEMPORAL:
        return iso_text(written(value), type_)
    number = exact(value)
    if type_.kind in (Kind.FLOAT, Kind.DOUBLE):
        return float(number)
    if type_.kind is Kind.DECIMAL:
        return Decimal(number)
    return number


def exact(value: Any) -> int | Decimal:
    """Return a number of the document, whole ones as int; a text that came from a variable counts.

    Raises:
        ValueError: it is no number.

    """
    number = scalar(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, Decimal)):
        raise ValueError("no number")
    return int(number) if number == int(number) else number


def allowed(value: Any, type_: Type) -> Any:
    """Return a value that a column may (or may not) hold, in the column's form.

    Raises:
        ValueError: the column can never hold it.

    """
    if isinstance(value, (dict, list)):
        raise ValueError("not a single value")
    return _ALLOWED.get(type_.kind, _refused)(value, type_)


def iso_text(text: str, type_: Type) -> str:
    """Return an instant of the document as ISO 8601 in the column's terms: UTC for timestamps with zone.

    Raises:
        ValueError: the text is neither ISO 8601 nor in the column's own format.

    """
    if type_.kind is Kind.TIME:
        return _time_of(text, type_).isoformat()
    moment = _moment(text, type_)
    zone = ZoneInfo(type_.naive_zone or "UTC")
    try:
        if type_.kind is Kind.TIMESTAMPTZ:
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC).isoformat()
        naive = moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment
    except OverflowError:
        raise ValueError("out of range") from None
    if type_.kind is Kind.TIMESTAMP:
        return naive.isoformat()
    if naive.time() != time():
        raise ValueError("a date with a time of day")
    return naive.date().isoformat()


def _moment(text: str, type_: Type) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return _by_patterns(text, type_)


def _time_of(text: str, type_: Type) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return _by_patterns(text, type_).time()


def _by_patterns(text: str, type_: Type) -> datetime:
    if not type_.formats:
        raise ValueError("not ISO 8601")
    return datetime.strptime(text, type_.formats[0])  # noqa: DTZ007 - the pattern decides whether there is a zone


def _whole(value: Any, _type: Type) -> int:
    number = exact(value)
    if isinstance(number, Decimal):
        raise ValueError("not whole")
    return number


def _truth(value: Any, _type: Type) -> bool:
    truth = scalar(value) if isinstance(value, str) else value
    if not isinstance(truth, bool):
        raise ValueError("no boolean")
    return truth


def _refused(_value: Any, _type: Type) -> Any:
    raise ValueError("no single values")


_ALLOWED: dict[Kind, Callable[[Any, Type], Any]] = {
    Kind.INTEGER: _whole,
    Kind.DECIMAL: bound,
    Kind.FLOAT: bound,
    Kind.DOUBLE: bound,
    Kind.BOOLEAN: _truth,
    Kind.STRING: lambda value, _type: written(value),
    Kind.UUID: lambda value, _type: written(value).lower(),
    **dict.fromkeys(TEMPORAL, lambda value, type_: iso_text(written(value), type_)),
}

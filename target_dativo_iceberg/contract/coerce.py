"""One record at a time: the reader that explains.

Decides what the whole-column casts were not sure of, with every reason by JSON path. A record that the
fast path accepts reads to the same values here (a property test holds the two together).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from target_dativo_iceberg.contract.model import Field, Kind, Type

_INT64 = (-(2**63), 2**63 - 1)
_INT32 = (-(2**31), 2**31 - 1)
_LONGEST_NUMBER = 400
_FRACTION = re.compile(r"\.(\d{7,})")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason why a record breaks its contract.

    Attributes:
        path: JSON path inside the record, `$.a.b[0]`.
        klass: `malformed`, `missing_required`, `type`, `constraint`, `duplicate_key` or `unknown_field`.
        rule: id of the contract's rule, or `type`/`required`.
        message: what was expected and what kind of value came; never the value.

    """

    path: str
    klass: str
    rule: str
    message: str


@dataclass(slots=True)
class Findings:
    """What reading one record gave beside its values: reasons against it, coercions done, members unknown."""

    violations: list[Violation] = field(default_factory=list)
    coerced: int = 0
    unknown: set[str] = field(default_factory=set)

    def type(self, path: str, expected: str, value: Any) -> None:
        """Note a value of the wrong type."""
        self.violations.append(Violation(path, "type", "type", f"expected {expected}, got {_kind_of(value)}"))


class NotJsonError(Exception):
    """The line is not one JSON document. The message says where, never what."""


class _NonFinite:
    """NaN or an infinity: JSON has neither."""


class _TooLong:
    """A number with more digits than any column holds."""


class _Duplicates(dict[str, Any]):
    """An object that names a member twice."""


def decode(line: bytes) -> Any:
    """Parse a line exactly: decimals as Decimal, with marks where JSON leaves the meaning open.

    Raises:
        NotJsonError: it is not UTF-8 or not JSON, or is nested too deep.

    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8 at byte {error.start + 1}") from None
    if text.startswith("\ufeff"):
        raise NotJsonError("starts with a byte order mark")
    try:
        return _DECODER.decode(text.strip())
    except json.JSONDecodeError as error:
        raise NotJsonError(f"not JSON at character {error.pos + 1}") from None
    except RecursionError:
        raise NotJsonError("nested too deep") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Duplicates(found)


_DECODER = json.JSONDecoder(
    parse_float=lambda t: Decimal(t) if len(t) <= _LONGEST_NUMBER else _TooLong(),
    parse_int=lambda t: int(t) if len(t) <= _LONGEST_NUMBER else _TooLong(),
    parse_constant=lambda _: _NonFinite(),
    object_pairs_hook=_pairs,
)


def typed(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> Any:
    """Return a decoded JSON value as the Python value of a contract type, or None with a violation noted.

    Args:
        value: as `decode` gave it; not None.
        type_: the contract type.
        path: JSON path of the value.
        found: collects violations.
        raw: returns the JSON text of the value, for columns that keep it.

    """
    return _READERS[type_.kind](value, type_, path, found, raw)


def members(record: dict[str, Any], fields: tuple[Field, ...], path: str, found: Findings, line: Raw) -> dict[str, Any]:
    """Read the fields of an object; members that the contract does not name are noted in `found.unknown`."""
    if isinstance(record, _Duplicates):
        found.violations.append(Violation(path, "type", "type", "an object names a member twice"))
    known = {f.name for f in fields}
    found.unknown.update(f"{path}.{name}"[2:] for name in record if name not in known)
    out: dict[str, Any] = {}
    for f in fields:
        value = record.get(f.name)
        here = f"{path}.{f.name}"
        if value is not None:
            out[f.name] = typed(value, f.type, here, found, line.at(f.name))
        elif f.required and path != "$":
            found.violations.append(Violation(here, "missing_required", "required", "is required"))
    return out


class Raw:
    """JSON text of parts of a line, cut on demand."""

    def __init__(self, text: Callable[[], bytes]) -> None:
        self._text = text
        self._parts: dict[str, msgspec.Raw] | None = None

    def at(self, name: str) -> Callable[[], bytes]:
        """Return a function that gives the text of a member."""

        def text() -> bytes:
            if self._parts is None:
                self._parts = msgspec.json.decode(self._text(), type=dict[str, msgspec.Raw])
            return bytes(self._parts[name])

        return text

    def item(self, index: int) -> Callable[[], bytes]:
        """Return a function that gives the text of an array's element."""
        return lambda: bytes(msgspec.json.decode(self._text(), type=list[msgspec.Raw])[index])


def _kind_of(value: Any) -> str:
    for types, name in _KIND_NAMES:
        if isinstance(value, types):
            return name
    return "null"


_KIND_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (Decimal, "a number with a fraction"),
    (str, "a text"),
    (dict, "an object"),
    (list, "an array"),
    (_NonFinite, "NaN or an infinity, which JSON does not have"),
    (_TooLong, "a number too long to hold"),
)


# ---- scalars ----


def _string(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> str | None:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            found.violations.append(Violation(path, "type", "type", "expected text, got half of a surrogate pair"))
            return None
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        found.coerced += 1
        return str(value)
    if isinstance(value, Decimal):
        found.coerced += 1
        return raw().decode()
    found.type(path, "text", value)
    return None


def _exact(value: Any, found: Findings) -> Decimal | None:
    """Return the number a JSON number or a text of one stands for, exactly."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?", value):
        found.coerced += 1
        return Decimal(value)
    return None


def _integer(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> int | None:
    low, high = _INT32 if type_.bits == 32 else _INT64
    number = _exact(value, found)
    if number is None:
        found.type(path, "an integer", value)
    elif number.adjusted() > 20 or not low <= number <= high:
        found.violations.append(Violation(path, "type", "type", f"expected an integer of {type_.bits} bits, got a larger one"))
    elif number != number.to_integral_value():
        found.type(path, "an integer", Decimal("0.5"))
    else:
        return int(number)
    return None


def _double(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> float | None:
    number = _exact(value, found)
    if number is None:
        found.type(path, "a number", value)
        return None
    out = float(number)
    limit = 3.4028235677973366e38 if type_.kind is Kind.FLOAT else 1.7976931348623157e308
    whole = isinstance(value, int) and abs(value) > 2**53 and Decimal(out) != number
    if not abs(out) <= limit or whole:
        found.violations.append(Violation(path, "type", "type", f"expected a {type_.kind}, got a number it cannot hold"))
        return None
    return out


def _decimal(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> Decimal | None:
    number = _exact(value, found)
    if number is None:
        found.type(path, f"decimal({type_.precision},{type_.scale})", value)
        return None
    context = Context(prec=type_.precision + 1)
    try:
        exact = number.quantize(Decimal(1).scaleb(-type_.scale), context=context)
    except InvalidOperation:
        exact = None
    if exact is None or exact != number or len(exact.as_tuple().digits) > type_.precision:
        message = f"expected decimal({type_.precision},{type_.scale}), got a number with more digits"
        found.violations.append(Violation(path, "type", "type", message))
        return None
    return exact


def _boolean(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> bool | None:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        found.coerced += 1
        return bool(value == "true")
    found.type(path, "a boolean", value)
    return None


# ---- temporal ----


def _moment(value: Any, type_: Type) -> datetime | None:
    if not isinstance(value, str):
        return None
    for pattern in type_.formats:
        try:
            return datetime.strptime(value, pattern)  # noqa: DTZ007 - the zone is decided by the caller
        except ValueError:
            continue
    fraction = _FRACTION.search(value)
    if not re.match(r"\d{4}-\d{2}-\d{2}", value) or (fraction and fraction[1][6:].strip("0")):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _timestamptz(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> datetime | None:
    moment = _moment(value, type_)
    if moment is None:
        found.type(path, "an ISO 8601 date-time of at most microseconds", value)
        return None
    if moment.tzinfo is not None:
        return _shifted(moment, UTC, path, found)
    if type_.naive_zone is None:
        found.violations.append(Violation(path, "type", "type", "expected a date-time with an offset, got one without"))
        return None
    found.coerced += 1
    return _shifted(moment.replace(tzinfo=ZoneInfo(type_.naive_zone)), UTC, path, found)


def _timestamp(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> datetime | None:
    moment = _moment(value, type_)
    if moment is None:
        found.type(path, "an ISO 8601 date-time of at most microseconds", value)
        return None
    if moment.tzinfo is None:
        return moment
    if type_.naive_zone is None:
        found.violations.append(Violation(path, "type", "type", "expected a date-time without an offset, got one with"))
        return None
    found.coerced += 1
    shifted = _shifted(moment, ZoneInfo(type_.naive_zone), path, found)
    return None if shifted is None else shifted.replace(tzinfo=None)


def _shifted(moment: datetime, zone: Any, path: str, found: Findings) -> datetime | None:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        found.violations.append(Violation(path, "type", "type", "expected a date-time in years 1 to 9999"))
        return None


def _date(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> date | None:
    moment = _moment(value, type_)
    if moment is None:
        found.type(path, "an ISO 8601 date", value)
        return None
    if moment.time() != time(0):
        found.violations.append(Violation(path, "type", "type", "expected a date, got a date-time that is not midnight"))
        return None
    found.coerced += len(value) != len("2024-01-01")
    return moment.date()


def _time(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> time | None:
    if isinstance(value, str) and re.fullmatch(r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?", value):
        try:
            return time.fromisoformat(value)
        except ValueError:
            pass
    found.type(path, "a time of day without zone, at most microseconds", value)
    return None


# ---- bytes ----


def _uuid(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> bytes | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", value):
        return bytes.fromhex(value.replace("-", ""))
    found.type(path, "a UUID", value)
    return None


def _bytes(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> bytes | None:
    try:
        data = _DECODE_BYTES[type_.encoding](value) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        data = None
    if data is None:
        found.type(path, f"{type_.encoding} text", value)
    elif type_.kind is Kind.FIXED and len(data) != type_.length:
        found.violations.append(Violation(path, "type", "type", f"expected {type_.length} bytes, got another length"))
        data = None
    return data


_DECODE_BYTES: dict[str, Callable[[str], bytes]] = {
    "base64": lambda t: base64.b64decode(t, validate=True),
    "hex": bytes.fromhex,
    "utf8": lambda t: t.encode("utf-8"),
}


# ---- nested ----


def _struct(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        found.type(path, "an object", value)
        return None
    return members(value, type_.fields, path, found, Raw(raw))


def _list(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> list[Any] | None:
    assert type_.item is not None
    if not isinstance(value, list):
        found.type(path, "an array", value)
        return None
    text = Raw(raw)
    return [
        _element(v, type_.item, f"{path}[{i}]", found, text.item(i)) for i, v in enumerate(value)
    ]


def _element(value: Any, item: Field, path: str, found: Findings, raw: Callable[[], bytes]) -> Any:
    if value is not None:
        return typed(value, item.type, path, found, raw)
    if item.required:
        found.violations.append(Violation(path, "missing_required", "required", "is required"))
    return None


def _map(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> list[tuple[Any, Any]] | None:
    assert type_.item is not None
    assert type_.key is not None
    if not isinstance(value, dict) or isinstance(value, _Duplicates):
        found.type(path, "an object with distinct keys", value)
        return None
    text = Raw(raw)
    return [
        (typed(k, type_.key, f"{path}.*", found, lambda: b"null"), _element(v, type_.item, f"{path}.*", found, text.at(k)))
        for k, v in value.items()
    ]


def _json(value: Any, type_: Type, path: str, found: Findings, raw: Callable[[], bytes]) -> str | None:
    """Text stays as it is; everything else is kept as the JSON text that came."""
    if _strange(value):
        found.type(path, "JSON", value)
        return None
    if isinstance(value, str):
        return _string(value, type_, path, found, raw)
    return raw().decode("utf-8")


def _strange(value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(value, _Duplicates) or any(_strange(v) for v in value.values())
    if isinstance(value, list):
        return any(_strange(v) for v in value)
    return isinstance(value, (_NonFinite, _TooLong)) or (isinstance(value, str) and bool(_SURROGATE.search(value)))


_READERS: dict[Kind, Callable[[Any, Type, str, Findings, Callable[[], bytes]], Any]] = {
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _double,
    Kind.DOUBLE: _double,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamptz,
    Kind.UUID: _uuid,
    Kind.BINARY: _bytes,
    Kind.FIXED: _bytes,
    Kind.STRUCT: _struct,
    Kind.LIST: _list,
    Kind.MAP: _map,
    Kind.JSON: _json,
}

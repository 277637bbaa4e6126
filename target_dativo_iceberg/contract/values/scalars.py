"""Single values, each from what JSON carries to its contract type: exactly, or with a reason and None.

A value that was of another JSON type than its column is counted: `coercions` does the same for whole columns.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from target_dativo_iceberg.contract.findings import Findings
from target_dativo_iceberg.contract.json_text import Text, TooLong, number_of
from target_dativo_iceberg.contract.model import Kind, Type
from target_dativo_iceberg.contract.values import coercions, moments

_INT64 = (-(2**63), 2**63 - 1)
_INT32 = (-(2**31), 2**31 - 1)
# From here on a number rounds to infinity.
_FLOAT_END = 3.4028235677973366e38
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = {"s": 6, "ms": 3, "us": 0}
_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTES = {
    "base64": re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
    "hex": re.compile(r"(?:[0-9a-fA-F]{2})*"),
    "utf8": re.compile("[^\ud800-\udfff]*"),
}


def text_of(value: Any, type_: Type, path: str, found: Findings, text: Text) -> str | None:
    """Read text; a number becomes its digits as they came."""
    came = value
    if isinstance(value, bytes) and not type_.manner.strict:
        value = _of_bytes(value)
    if isinstance(value, str):
        if not _SURROGATE.search(value):
            _count(came, type_, found)
            return value
        found.wrong(path, "expected text, got half of a surrogate pair")
    elif _is_number(value) and not type_.manner.strict:
        _count(value, type_, found)
        return str(value) if isinstance(value, int) else text.cut()
    else:
        found.type(path, "text", value)
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal, TooLong)) and not isinstance(value, bool)


def _count(value: Any, type_: Type, found: Findings) -> None:
    """Count a value that was read, if it came as another type than its column has."""
    source = next((name for types, name in coercions.SOURCES if isinstance(value, types)), "")
    if kind := coercions.kind_of(source, type_):
        found.coerced(kind)


def _of_bytes(value: bytes) -> str | bytes:
    """Return the text in a binary column of a file, or the bytes when they are none."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def _exact(value: Any, type_: Type) -> Any:
    """Return the number a JSON number or a text of one stands for, exactly; anything else as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    found = number_of(value) if isinstance(value, str) and not type_.manner.strict else None
    return value if found is None else found


def integer_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> int | None:
    """Read an integer of the type's bits; 5.0 is one, 5.7 is not."""
    low, high = _INT32 if type_.bits == 32 else _INT64
    exact = _exact(value, type_)
    if not isinstance(exact, Decimal) or (isinstance(value, Decimal) and type_.manner.strict):
        found.type(path, "an integer", exact)
    elif (exact and exact.adjusted() > 20) or not low <= exact <= high:
        found.wrong(path, f"expected an integer of {type_.bits} bits, got a larger one")
    elif exact != exact.to_integral_value():
        found.type(path, "an integer", exact)
    else:
        _count(value, type_, found)
        return int(exact)
    return None


def double_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> float | None:
    """Read a floating-point number; an integer that it would change is refused."""
    exact = _exact(value, type_)
    if not isinstance(exact, Decimal):
        found.type(path, "a number", exact)
        return None
    out = float(exact)
    end = _FLOAT_END if type_.kind is Kind.FLOAT else float("inf")
    if abs(out) < end and (not isinstance(value, int) or Decimal(out) == exact):
        _count(value, type_, found)
        return out
    found.wrong(path, f"expected a {type_.kind}, got a number it cannot hold")
    return None


def decimal_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> Decimal | None:
    """Read a decimal; digits are dropped only by a column that rounds, and then counted."""
    exact = _exact(value, type_)
    if not isinstance(exact, Decimal):
        found.type(path, f"decimal({type_.precision},{type_.scale})", exact)
        return None
    try:
        scaled = exact.quantize(Decimal(1).scaleb(-type_.scale), ROUND_HALF_EVEN, Context(prec=type_.precision))
    except InvalidOperation:
        scaled = None
    if scaled is None or (scaled != exact and not type_.manner.rounds):
        found.wrong(path, f"expected decimal({type_.precision},{type_.scale}), got a number with more digits")
        return None
    _count(value, type_, found)
    if scaled != exact:
        found.coerced(coercions.ROUNDED)
    return scaled


def boolean_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> bool | None:
    """Read a boolean, or the texts `true` and `false`; by dativo's ways also other words, and the numbers 1 and 0."""
    if isinstance(value, bool):
        return value
    read = None
    if isinstance(value, str) and not type_.manner.strict:
        read = coercions.WORDS.get(value.lower()) if type_.manner.lenient else coercions.TRUTHS.get(value)
    elif _is_number(value) and type_.manner.lenient and value in (0, 1):
        read = value == 1
    if read is None:
        found.type(path, "a boolean", value)
    else:
        _count(value, type_, found)
    return read


# ---- temporal ----


def _moment(value: Any, type_: Type, path: str, found: Findings, expected: str) -> datetime | None:
    moment = moments.moment_of(value, type_) if isinstance(value, str) else None
    if moment is None or (moment.dated and type_.kind is not Kind.DATE and type_.manner.strict):
        found.type(path, expected, value)
        return None
    if moment.dated and type_.kind is not Kind.DATE:
        found.coerced(coercions.DATED)
    if moment.cut:
        found.coerced(coercions.CUT)
    return moment.at


def _instant(value: Any, type_: Type, path: str, found: Findings) -> datetime | None:
    """Read a date-time, or the number of seconds since 1970 (or of a part of them) that the contract says it is."""
    if type_.epoch:
        is_text = isinstance(value, str) and moments.moment_of(value, type_) is not None
        exact = value if is_text else _exact(value, type_)
        if isinstance(exact, Decimal):
            return _since_epoch(exact, value, type_, path, found)
    return _moment(value, type_, path, found, "an ISO 8601 date-time of at most microseconds")


def _since_epoch(exact: Decimal, value: Any, type_: Type, path: str, found: Findings) -> datetime | None:
    micros = exact.scaleb(_MICROSECONDS[type_.epoch]) if exact.adjusted() < 40 else exact
    whole = micros.to_integral_value(ROUND_FLOOR)
    if whole != micros and not type_.manner.cuts:
        found.type(path, "a number of at most microseconds since 1970", exact)
        return None
    try:
        at = _EPOCH + timedelta(microseconds=int(whole))
    except OverflowError:
        found.wrong(path, "expected a date-time in years 1 to 9999")
        return None
    _count(value, type_, found)
    if whole != micros:
        found.coerced(coercions.CUT)
    return at


def timestamptz_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> datetime | None:
    """Read an instant as UTC."""
    moment = _instant(value, type_, path, found)
    if moment is None:
        return None
    if moment.tzinfo is not None:
        return _shifted(moment, UTC, path, found)
    if type_.naive_zone is None:
        found.wrong(path, "expected a date-time with an offset, got one without")
        return None
    return _shifted(moment.replace(tzinfo=ZoneInfo(type_.naive_zone)), UTC, path, found)


def timestamp_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> datetime | None:
    """Read a date-time without zone."""
    moment = _instant(value, type_, path, found)
    if moment is None or moment.tzinfo is None:
        return moment
    if type_.naive_zone is None and not (type_.epoch and not isinstance(value, str)):
        found.wrong(path, "expected a date-time without an offset, got one with")
        return None
    shifted = _shifted(moment, ZoneInfo(type_.naive_zone or "UTC"), path, found)
    return None if shifted is None else shifted.replace(tzinfo=None)


def _shifted(moment: datetime, zone: Any, path: str, found: Findings) -> datetime | None:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        found.wrong(path, "expected a date-time in years 1 to 9999")
        return None


def date_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> date | None:
    """Read a date, or a date-time at midnight."""
    moment = _moment(value, type_, path, found, "an ISO 8601 date")
    if moment is None:
        return None
    if moment.time() != time(0):
        found.wrong(path, "expected a date, got a date-time that is not midnight")
        return None
    return moment.date()


def time_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> time | None:
    """Read a time of day."""
    read = moments.time_of(value, type_) if isinstance(value, str) else None
    if read is None:
        found.type(path, "a time of day without zone, at most microseconds", value)
        return None
    if read[1]:
        found.coerced(coercions.CUT)
    return read[0]


# ---- bytes ----


def uuid_of(value: Any, _type: Type, path: str, found: Findings, _text: Text) -> bytes | None:
    """Read a UUID as its 16 bytes."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", value):
        return bytes.fromhex(value.replace("-", ""))
    found.type(path, "a UUID", value)
    return None


def bytes_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> bytes | None:
    """Read bytes from text in the type's encoding."""
    data = value if isinstance(value, bytes) else _decoded(value, type_.encoding)
    if data is None:
        found.type(path, f"{type_.encoding} text", value)
    elif type_.kind is Kind.FIXED and len(data) != type_.length:
        found.wrong(path, f"expected {type_.length} bytes, got another length")
    else:
        return data
    return None


def _decoded(value: Any, encoding: str) -> bytes | None:
    if not isinstance(value, str) or not _BYTES[encoding].fullmatch(value):
        return None
    if encoding == "base64":
        return base64.b64decode(value)
    return bytes.fromhex(value) if encoding == "hex" else value.encode()

"""Single values, each from what JSON carries to its contract type: exactly, or with a reason and None."""

from __future__ import annotations

import base64
import re
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from target_dativo_iceberg.contract.findings import Findings
from target_dativo_iceberg.contract.json_text import Text, TooLong, number_of
from target_dativo_iceberg.contract.model import Kind, Type
from target_dativo_iceberg.contract.values import moments

_INT64 = (-(2**63), 2**63 - 1)
_INT32 = (-(2**31), 2**31 - 1)
# From here on a number rounds to infinity.
_FLOAT_END = 3.4028235677973366e38
_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTES = {
    "base64": re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
    "hex": re.compile(r"(?:[0-9a-fA-F]{2})*"),
    "utf8": re.compile("[^\ud800-\udfff]*"),
}


def text_of(value: Any, _type: Type, path: str, found: Findings, text: Text) -> str | None:
    """Read text; a number becomes its digits as they came."""
    if isinstance(value, bytes):
        value = _of_bytes(value)
    if isinstance(value, str):
        if not _SURROGATE.search(value):
            return value
        found.wrong(path, "expected text, got half of a surrogate pair")
    elif isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    elif isinstance(value, (Decimal, TooLong)):
        return text.cut()
    else:
        found.type(path, "text", value)
    return None


def _of_bytes(value: bytes) -> str | bytes:
    """Return the text in a binary column of a file, or the bytes when they are none."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def _exact(value: Any) -> Any:
    """Return the number a JSON number or a text of one stands for, exactly; anything else as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    found = number_of(value) if isinstance(value, str) else None
    return value if found is None else found


def integer_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> int | None:
    """Read an integer of the type's bits; 5.0 is one, 5.7 is not."""
    low, high = _INT32 if type_.bits == 32 else _INT64
    exact = _exact(value)
    if not isinstance(exact, Decimal):
        found.type(path, "an integer", exact)
    elif (exact and exact.adjusted() > 20) or not low <= exact <= high:
        found.wrong(path, f"expected an integer of {type_.bits} bits, got a larger one")
    elif exact != exact.to_integral_value():
        found.type(path, "an integer", exact)
    else:
        return int(exact)
    return None


def double_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> float | None:
    """Read a floating-point number; an integer that it would change is refused."""
    exact = _exact(value)
    if not isinstance(exact, Decimal):
        found.type(path, "a number", exact)
        return None
    out = float(exact)
    end = _FLOAT_END if type_.kind is Kind.FLOAT else float("inf")
    if abs(out) < end and (not isinstance(value, int) or Decimal(out) == exact):
        return out
    found.wrong(path, f"expected a {type_.kind}, got a number it cannot hold")
    return None


def decimal_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> Decimal | None:
    """Read a decimal; digits are never dropped."""
    exact = _exact(value)
    if not isinstance(exact, Decimal):
        found.type(path, f"decimal({type_.precision},{type_.scale})", exact)
        return None
    try:
        scaled = exact.quantize(Decimal(1).scaleb(-type_.scale), context=Context(prec=type_.precision))
    except InvalidOperation:
        scaled = None
    if scaled is None or scaled != exact:
        found.wrong(path, f"expected decimal({type_.precision},{type_.scale}), got a number with more digits")
        return None
    return scaled


def boolean_of(value: Any, _type: Type, path: str, found: Findings, _text: Text) -> bool | None:
    """Read a boolean, or the texts `true` and `false`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    found.type(path, "a boolean", value)
    return None


# ---- temporal ----


def _moment(value: Any, type_: Type, path: str, found: Findings, expected: str) -> datetime | None:
    moment = moments.moment_of(value, type_.formats) if isinstance(value, str) else None
    if moment is None:
        found.type(path, expected, value)
    return moment


def timestamptz_of(value: Any, type_: Type, path: str, found: Findings, _text: Text) -> datetime | None:
    """Read an instant as UTC."""
    moment = _moment(value, type_, path, found, "an ISO 8601 date-time of at most microseconds")
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
    moment = _moment(value, type_, path, found, "an ISO 8601 date-time of at most microseconds")
    if moment is None or moment.tzinfo is None:
        return moment
    if type_.naive_zone is None:
        found.wrong(path, "expected a date-time without an offset, got one with")
        return None
    shifted = _shifted(moment, ZoneInfo(type_.naive_zone), path, found)
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
    read = moments.time_of(value, type_.formats) if isinstance(value, str) else None
    if read is None:
        found.type(path, "a time of day without zone, at most microseconds", value)
    return read


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

"""Moments as cursors write them: moved back by days without touching how they are written."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"((?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?))?)?)"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def earlier(value: Any, days: int) -> Any:
    """Return a date or date-time text that many days earlier, written alike; any other value as it is.

    The first day that can be written (year 1) is the earliest.
    """
    found = _MOMENT.fullmatch(value) if isinstance(value, str) and value.isascii() else None
    if found is None:
        return value
    try:
        day = date.fromisoformat(found[1])
    except ValueError:
        return value
    back = timedelta(days=min(days, (day - date.min).days))
    return f"{(day - back).isoformat()}{found[2]}"


def from_epoch(seconds: float) -> str:
    """Return seconds since 1970 as ISO 8601 text in UTC."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def to_epoch(text: str) -> int | None:
    """Return ISO 8601 text as whole seconds since 1970, rounded down; None for another text. No zone means UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(seconds=1)

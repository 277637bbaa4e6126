"""Texts as dates, times and date-times: ISO 8601 in the forms that taps send, read alike by every Python version.

The whole-column casts accept a part of what is accepted here, with the same values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta, timezone

_CLOCK = r"([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?)?"
_ZONE = r" ?(Z|z|([+-])([0-9]{2})(?::?([0-9]{2}))?)"
_MOMENT = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})(?:[Tt ]{_CLOCK}(?:{_ZONE})?)?")
_TIME = re.compile(_CLOCK)


def moment_of(text: str, formats: Iterable[str]) -> datetime | None:
    """Return the date-time a text stands for, naive if it names no zone, or None.

    Args:
        text: a date, or a date-time of at most microseconds; more digits are accepted when they are zeros.
        formats: strptime patterns that are tried first.

    """
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is decided by the caller
        except ValueError:
            continue
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day, *clock, zone, sign, hours, minutes = found.groups()
    parts = _clock(clock)
    if parts is None:
        return None
    try:
        moment = datetime(int(year), int(month), int(day), *parts)  # noqa: DTZ001 - as above
        return moment if zone is None else moment.replace(tzinfo=_zone(sign, hours, minutes))
    except ValueError:
        return None


def time_of(text: str, formats: Iterable[str]) -> time | None:
    """Return the time of day a text stands for, or None; a time of day has no zone."""
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern).time()  # noqa: DTZ007 - as above
        except ValueError:
            continue
    found = _TIME.fullmatch(text)
    parts = _clock(found.groups()) if found and found[2] else None
    try:
        return None if parts is None else time(*parts)
    except ValueError:
        return None


def _clock(parts: Iterable[str | None]) -> tuple[int, int, int, int] | None:
    """Hour, minute, second, microsecond; None when the fraction is finer than microseconds."""
    hour, minute, second, fraction = (part or "0" for part in parts)
    if fraction[6:].strip("0"):
        return None
    return int(hour), int(minute), int(second), int(fraction[:6].ljust(6, "0"))


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None:
        return UTC
    if int(minutes or 0) > 59:
        raise ValueError
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return timezone(-offset if sign == "-" else offset)

"""Texts as dates, times and date-times: ISO 8601 in the forms that taps send, read alike by every Python version.

The whole-column casts accept a part of what is accepted here, with the same values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from target_dativo_iceberg.contract.model import Type

_CLOCK = r"([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?)?"
_ZONE = r" ?(Z|z|([+-])([0-9]{2})(?::?([0-9]{2}))?)"
_MOMENT = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})(?:[Tt ]{_CLOCK}(?:{_ZONE})?)?")
_TIME = re.compile(_CLOCK)
# dativo reads dates by seven patterns of strptime, all of them ISO 8601 but for digits that may be left out.
_LENIENT = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    rf"(?:[T ]([0-9]{{1,2}}):([0-9]{{1,2}}):([0-9]{{1,2}})(?:\.([0-9]+))?(?:{_ZONE})?)?"
)
# strptime also takes a digit where two are meant, so it would guess where `2024111` is to be cut.
_SHAPES = {
    "%Y": "[0-9]{4}", "%f": "(?P<fraction>[0-9]+)", "%z": "(?:Z|[+-][0-9]{2}:?[0-9]{2})", "%%": "%",
    **dict.fromkeys(("%y", "%m", "%d", "%H", "%I", "%M", "%S"), "[0-9]{2}"),
    **dict.fromkeys(("%p", "%a", "%b"), "[A-Za-z]+"),
}  # fmt: skip
_DIRECTIVE = re.compile(r"(%.)")


class Moment(NamedTuple):
    """What a text stands for.

    Attributes:
        at: the date-time, naive if the text names no zone.
        dated: the text was a date alone.
        cut: it had digits beyond microseconds, which are not in `at`.

    """

    at: datetime
    dated: bool = False
    cut: bool = False


def moment_of(text: str, type_: Type) -> Moment | None:
    """Return the date-time a text stands for, or None.

    Args:
        text: in one of the type's formats, or a date, or a date-time of at most microseconds; more digits are accepted
            when they are zeros, or when the type cuts them.
        type_: of the column.

    """
    formatted = _formatted(text, type_)
    if formatted is not None:
        return formatted
    found = _MOMENT.fullmatch(text) or (_LENIENT.fullmatch(text) if type_.manner.lenient else None)
    if found is None:
        return None
    year, month, day, *clock, zone, sign, hours, minutes = found.groups()
    parts, cut = _clock(clock)
    if cut and not type_.manner.cuts:
        return None
    try:
        moment = datetime(int(year), int(month), int(day), *parts)  # noqa: DTZ001 - the zone is decided by the caller
        at = moment if zone is None else moment.replace(tzinfo=_zone(sign, hours, minutes))
    except ValueError:
        return None
    return Moment(at, clock[0] is None, cut)


def time_of(text: str, type_: Type) -> tuple[time, bool] | None:
    """Return the time of day a text stands for, and whether digits were cut, or None; it has no zone."""
    formatted = _formatted(text, type_)
    if formatted is not None:
        return formatted.at.time(), formatted.cut
    found = _TIME.fullmatch(text)
    if found is None or not found[2]:
        return None
    parts, cut = _clock(found.groups())
    if cut and not type_.manner.cuts:
        return None
    try:
        return time(*parts), cut
    except ValueError:
        return None


def _clock(parts: Sequence[str | None]) -> tuple[tuple[int, int, int, int], bool]:
    """Hour, minute, second, microsecond; and whether the fraction is finer than microseconds."""
    hour, minute, second, fraction = (part or "0" for part in parts)
    return (int(hour), int(minute), int(second), int(fraction[:6].ljust(6, "0"))), bool(fraction[6:].strip("0"))


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None:
        return UTC
    if int(minutes or 0) > 59:
        raise ValueError
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return timezone(-offset if sign == "-" else offset)


# ---- the contract's own formats ----


def _formatted(text: str, type_: Type) -> Moment | None:
    for pattern in type_.formats:
        shape = _shape(pattern).fullmatch(text)
        if shape is None:
            continue
        start, stop = shape.span("fraction") if "fraction" in shape.re.groupindex else (0, 0)
        cut = bool(text[start + 6 : stop].strip("0")) if stop else False
        if cut and not type_.manner.cuts:
            continue
        short = text[: start + 6] + text[stop:] if stop - start > 6 else text
        try:
            return Moment(datetime.strptime(short, pattern), cut=cut)  # noqa: DTZ007 - as above
        except ValueError:
            continue
    return None


@lru_cache(maxsize=256)
def _shape(pattern: str) -> re.Pattern[str]:
    """Return what a text of a strptime pattern looks like, with every digit that the pattern says."""
    return re.compile("".join(_SHAPES.get(part) or re.escape(part) for part in _DIRECTIVE.split(pattern)))

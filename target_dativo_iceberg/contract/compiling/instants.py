"""Dates, times and timestamps: with or without zone, and how their text is read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from target_dativo_iceberg.contract.compiling.custom_properties import Typed, chosen, options_of, settings
from target_dativo_iceberg.contract.model import Kind, Type
from target_dativo_iceberg.contract.reading.date_patterns import (
    PatternError,
    has_zone,
    refuse_gaps,
    strptime_pattern,
)

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.compiling.custom_properties import Reading
    from target_dativo_iceberg.contract.reading.document import Place
    from target_dativo_iceberg.contract.reading.physical_types import Physical

_INSTANTS = (Kind.TIMESTAMP, Kind.TIMESTAMPTZ)


def timestamp_type(place: Place, known: Physical | None, reading: Reading) -> Typed:
    """Return the timestamp type; without a word about zones it is one with zone."""
    option = options_of(place).block.get("timezone")
    named = {"timestamp_ntz": False, "timestamp_tz": True}.get(known.family) if known else None
    if option is not None and named is not None and named is not options_of(place).flag("timezone"):
        reading.say(place, "'timezone' contradicts physicalType, which holds", "physicalType")
    zoned = named if named is not None else option is None or options_of(place).flag("timezone")
    return temporal(place, Kind.TIMESTAMPTZ if zoned else Kind.TIMESTAMP), ()


def date_type(place: Place, _known: Physical | None, _reading: Reading) -> Typed:
    """Return the date type."""
    return temporal(place, Kind.DATE), ()


def time_type(place: Place, known: Physical | None, reading: Reading) -> Typed:
    """Return the time type; a time with a zone is text, Iceberg has none."""
    zoned = options_of(place).flag("timezone") or has_zone(options_of(place).text("format"))
    if zoned or (known and known.family == "zoned_time"):
        reading.say(place, "a time with a zone has no Iceberg type; it is stored as text", level="info")
        return Type(Kind.STRING), ()
    return temporal(place, Kind.TIME), ()


def temporal(place: Place, kind: Kind) -> Type:
    """Return a type of a temporal kind with the options of its property: patterns and default zone."""
    options = options_of(place)
    zone: str | None = _zone(options)
    if kind is Kind.TIMESTAMPTZ and options.flag("timezone"):
        zone = None
    epoch = chosen(place, "epoch", ("s", "ms", "us"))
    if epoch and kind not in _INSTANTS:
        raise settings(place)["epoch"].error(f"dativo.epoch does not fit a {kind.value}", "remove it", "value")
    return Type(kind, formats=_patterns(options, kind), naive_zone=zone, epoch=epoch)


def _zone(options: Place) -> str:
    name = options.text("defaultTimezone") or "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = "use a name of the tz database, such as Europe/Rome"
        raise options.error("defaultTimezone is not a known zone", hint, "defaultTimezone") from None
    return name


def _patterns(options: Place, kind: Kind) -> tuple[str, ...]:
    text = options.text("format")
    try:
        pattern = strptime_pattern(text) if text else ""
        if pattern:
            refuse_gaps(pattern, time_only=kind is Kind.TIME)
    except PatternError as error:
        hint = "use yyyy yy MM MMM dd HH hh mm ss S a XXX Z EEE and quoted text"
        raise options.error(f"the format holds {error}", hint, "format") from None
    return (pattern,) if pattern else ()

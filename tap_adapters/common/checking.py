"""Settings as users write them, checked in our words: an unknown key names the nearest, a wrong type its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from tap_adapters.common.errors import SettingsError

T = TypeVar("T", bound=msgspec.Struct)


def check_known(given: Iterable[str], known: Iterable[str], place: str) -> None:
    """Refuse a name that is no setting, and name the nearest one."""
    names = sorted(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(names)}."
            raise SettingsError(f"Setting '{place}{name}' is not known; {hint}")


def converted(raw: Any, kind: type[T], place: str) -> T:
    """Return a setting as its struct; SettingsError that names the place of what does not fit."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        at = (place + path.strip("`").removeprefix("$")).strip(".") or place
        raise SettingsError(f"Setting '{at}': {what[:1].lower()}{what[1:]}.") from error


def entry_of(raw: Any, kind: type[T], place: str) -> T:
    """Return one object of a list of settings as its struct, after a look at its keys."""
    if isinstance(raw, Mapping):
        check_known(raw, kind.__struct_fields__, f"{place}.")
    return converted(raw, kind, place)


def entries_of(raw: Any, name: str, shape: str) -> list[tuple[str, Any]]:
    """Return the objects of a list setting, each with its place; SettingsError if there is none."""
    if not raw:
        raise SettingsError(f"Nothing to read: set '{name}' to at least one entry.")
    if not isinstance(raw, list):
        raise SettingsError(f"Setting '{name}' must be an array of objects with {shape}.")
    return [(f"{name}[{number}]", entry) for number, entry in enumerate(raw)]


def check_choice(value: str | None, choices: Iterable[str], place: str) -> None:
    """Refuse a value that is none of the choices; None means that it is not set."""
    allowed = tuple(choices)
    if value is not None and value not in allowed:
        raise SettingsError(f"Setting '{place}' must be one of {', '.join(allowed)}.")

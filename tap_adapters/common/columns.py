"""Names of columns: a header as it stands, made unique."""

from __future__ import annotations

from collections.abc import Iterable

from tap_adapters.common.errors import SettingsError


def unique_names(header: Iterable[str]) -> tuple[str, ...]:
    """Return column names made unique: an empty one becomes `column_<position>`, a repeated one gets `_2`, `_3` …"""
    given = [name or f"column_{position}" for position, name in enumerate(header, start=1)]
    taken = set(given)
    names: list[str] = []
    for name in given:
        unique, copy = name, 2
        while unique in names or (unique != name and unique in taken):
            unique, copy = f"{name}_{copy}", copy + 1
        names.append(unique)
    return tuple(names)


def check_columns(columns: list[str], place: str, where: str, *, header: bool) -> None:
    """Refuse a list of columns that cannot name those of a table; `where` says which tables have no header."""
    if header:
        raise SettingsError(f"Setting '{place}.columns' names the columns of {where} only.")
    if not columns or not all(columns) or len(set(columns)) != len(columns):
        raise SettingsError(f"Setting '{place}.columns' must list each column once, by a non-empty name.")

"""Settings of single streams: `stream_settings`, globs of stream names with what holds for those that they match."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from target_dativo_iceberg.setting_table import BY_NAME, STREAM_SETTINGS
from target_dativo_iceberg.setting_values import typed

Overrides = Mapping[str, Mapping[str, Any]]


def read_overrides(given: Mapping[str, Any]) -> Overrides:
    """Check and type what globs override.

    Args:
        given: glob → settings by name or alias, as JSON has them; null means the default.

    Raises:
        ValueError: what is wrong, with the glob and the setting, as the end of a sentence; never a value.

    """
    return {glob: _typed(glob, overrides) for glob, overrides in given.items()}


def overriding(overrides: Overrides, stream: str) -> dict[str, Any]:
    """Return what holds for a stream alone: a later glob goes over an earlier one."""
    found: dict[str, Any] = {}
    for glob, values in overrides.items():
        if fnmatchcase(stream, glob):
            found |= values
    return found


def _typed(glob: str, overrides: Any) -> dict[str, Any]:
    if not isinstance(overrides, dict):
        raise ValueError(f"must hold an object of settings at '{glob}'")
    found: dict[str, Any] = {}
    for key, raw in overrides.items():
        name = _name(glob, key)
        if name in found:
            raise ValueError(f"gives '{name}' twice at '{glob}'")
        try:
            found[name] = BY_NAME[key].default if raw in (None, "") else typed(BY_NAME[key], raw)
        except ValueError as error:
            raise ValueError(f"at '{glob}': setting '{key}' {error}") from None
    return found


def _name(glob: str, key: str) -> str:
    if key in BY_NAME and BY_NAME[key].name in STREAM_SETTINGS:
        return BY_NAME[key].name
    if key in BY_NAME:
        raise ValueError(f"at '{glob}': setting '{key}' holds for the whole run; set it outside")
    near = next(iter(difflib.get_close_matches(key, STREAM_SETTINGS, n=1)), None)
    raise ValueError(f"at '{glob}': setting '{key}' is unknown" + (f" (did you mean '{near}'?)" if near else ""))

"""The tap's settings, checked, in the form that the rest works with."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tap_adapters.common.checking import check_choice, converted, entry_of
from tap_adapters.common.errors import SettingsError

SYNC_MODES = ("incremental", "full_refresh")
UPDATE_POLICIES = ("fail", "ignore")


class StreamDefaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the setting `streams` says about one stream; null leaves it to the source."""

    sync_mode: str | None = None
    cursor_field: str | None = None
    primary_key: list[str] | None = None


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """The settings as the user wrote them."""

    source: str | None = None
    package: str | None = None
    config: dict[str, Any] | None = None
    config_file: str | None = None
    on_config_update: str | None = None
    streams: dict[str, dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What to run and how. `config` is the source's own configuration: no text of ours may hold a value of it."""

    source: str
    package: str | None
    config: Mapping[str, Any] = field(repr=False)
    config_file: Path | None
    ignore_config_updates: bool
    streams: Mapping[str, StreamDefaults]


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Return the settings of a tap configuration; SettingsError if it is unusable."""
    given = converted(dict(config), _Given, "")
    check_choice(given.on_config_update, UPDATE_POLICIES, "on_config_update")
    if given.config and given.config_file:
        raise SettingsError("Settings 'config' and 'config_file' exclude each other; unset one.")
    path = Path(given.config_file) if given.config_file else None
    return Settings(
        source=given.source or executable_of(given.package),
        package=given.package,
        config=read_config_file(path) if path else given.config or {},
        config_file=path,
        ignore_config_updates=given.on_config_update == "ignore",
        streams={name: _stream(name, raw) for name, raw in (given.streams or {}).items()},
    )


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the object in the file of the setting `config_file`; SettingsError if there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise SettingsError(f"Setting 'config_file': cannot read '{path}': {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"Setting 'config_file': '{path}' is not a JSON object.") from error


def find_executable(settings: Settings) -> str:
    """Return the path of the source's executable; SettingsError with what to install where there is none.

    A name is looked for on the PATH, a path with a slash is relative to the current folder.
    """
    found = shutil.which(settings.source)
    if found is None:
        how = settings.package or f"airbyte-{Path(settings.source).name}"
        raise SettingsError(
            f"Setting 'source': there is no executable '{settings.source}'; install it into a venv of its own, as "
            f"`pipx install {how}` does, or give its path."
        )
    return str(Path(found).absolute())


def executable_of(package: str | None) -> str:
    """Return the executable that an Airbyte package installs: its name without the leading `airbyte-`.

    Raises:
        SettingsError: there is no package, or it is no plain requirement such as `airbyte-source-faker==7.2.1`.

    """
    if not package:
        raise SettingsError("No source to run: set 'source' to its executable, such as source-faker, or 'package'.")
    name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", package.strip())
    if name is None or "/" in package:
        raise SettingsError("Setting 'package' is no plain pip requirement; set 'source' to the executable as well.")
    return re.sub(r"[._-]+", "-", name[0]).lower().removeprefix("airbyte-")


def _stream(name: str, raw: Mapping[str, Any]) -> StreamDefaults:
    defaults = entry_of(raw, StreamDefaults, f"streams.{name}")
    check_choice(defaults.sync_mode, SYNC_MODES, f"streams.{name}.sync_mode")
    return defaults

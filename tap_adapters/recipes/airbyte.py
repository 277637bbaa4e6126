"""Any Airbyte source that is a Python package, by the tap-airbyte of this distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tap_adapters.airbyte.settings import executable_of
from tap_adapters.airbyte_cursors import airbyte_cursors
from tap_adapters.common.errors import SettingsError
from tap_adapters.errors import SourceError
from tap_adapters.extractor import Companion, Extractor, Setting
from tap_adapters.recipes.api import API_OPTIONS, start_date
from tap_adapters.recipes.plugin import OPTIONS, Plugin, settings
from tap_adapters.selection import patterns
from tap_adapters.source import Source
from tap_adapters.strategies import BY_CURSOR, BY_FILE, BY_LOG, BY_SPREADSHEET, Replication, method_of

PLUGIN = Plugin(
    "tap-airbyte",
    (
        *settings("source", "package", "config_file", "on_config_update", object=("streams",)),
        Setting("config", "object", secret=True),
    ),
    capabilities=("about", "catalog", "discover", "state", "structured-logging"),
)
PACKAGES = {
    "stripe": "airbyte-source-stripe==5.14.1",
    "hubspot": "airbyte-source-hubspot==5.7.0",
    "google_sheets": "airbyte-source-google-sheets==0.11.0",
    "gdrive_csv": "airbyte-source-google-drive==0.6.1",
    "faker": "airbyte-source-faker==7.2.1",
}
"""Packages of the sources that dativo has names for; any other is named by the option `package`."""
_OPTIONS = (*API_OPTIONS, "package", "config", "source", "config_file", "on_config_update", "streams")


def _stripe(credentials: Mapping[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    key = credentials.get("api_key")
    return ({"client_secret": key} if key else {}) | _without(credentials, "api_key") | config


def _as_given(credentials: Mapping[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    return dict(credentials) | config


def _hubspot(credentials: Mapping[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    token = credentials.get("access_token") or credentials.get("api_key")
    made = {"credentials_title": "Private App Credentials", "access_token": token}
    return ({"credentials": made} if token else dict(credentials)) | config


_CONFIGS: dict[str, Callable[[Mapping[str, Any], dict[str, Any]], dict[str, Any]]] = {
    "stripe": _stripe,
    "hubspot": _hubspot,
}
"""How the credentials of known sources are named by Airbyte; those of the others go on as they are."""


def airbyte(source: Source) -> Extractor:
    """Return the extractor of a source that runs by engine `airbyte`, without Docker.

    Raises:
        SourceError: what `source` says cannot be mapped.

    """
    options = source.options
    given = PLUGIN.given(source, _OPTIONS)
    kept = {name: options[name] for name in ("source", "config_file", "on_config_update") if options.get(name)}
    companion = None if "source" in kept | given else _companion(given.pop("package", None) or _package(source))
    if companion:
        kept["package"] = companion.package
    objects = source.objects or tuple(options.get("streams_default") or ())
    method = method_of(source.incremental, BY_CURSOR | BY_FILE | BY_SPREADSHEET | BY_LOG)
    key = source.incremental.cursor_field if source.incremental and method != "FULL_TABLE" else None
    how = Replication("FULL_TABLE" if method == "FULL_TABLE" else "INCREMENTAL", key)
    select: list[str] = []
    for name in objects:
        select += patterns(name, source.columns.get(name, ()), [key] if key else [], nested=True)
    config = kept | {"streams": options.get("streams")} | _config(source, kept | given) | given
    return PLUGIN.extractor(
        source,
        airbyte_cursors({name: name for name in objects}, key),
        config=config,
        select=select or ["*.*"],
        replication=dict.fromkeys(objects or ("*",), how),
        streams={name: name for name in objects},
        companion=companion,
    )


def _companion(package: str) -> Companion:
    try:
        return Companion(package, executable_of(package), "source")
    except SettingsError as error:
        raise SourceError("is no plain requirement", f"{OPTIONS}.package", "set `source` to the executable") from error


def _package(source: Source) -> str:
    given = source.options.get("package")
    if given:
        return str(given)
    if source.type in PACKAGES:
        return PACKAGES[source.type]
    image = str(source.options.get("docker_image") or "").rpartition("/")[2].partition(":")[0]
    if image.startswith("source-"):
        return f"airbyte-{image}"
    raise SourceError("which Airbyte source to run is not said", f"{OPTIONS}.package", "name its package on PyPI")


def _config(source: Source, kept: Mapping[str, Any]) -> dict[str, Any]:
    if "config_file" in kept:
        return {}
    config = dict(source.connection) | dict(source.options.get("config") or {})
    first = start_date(source, None)
    config |= {"start_date": first} if first and "start_date" not in config else {}
    make = _CONFIGS.get(source.type, _as_given)
    return {"config": make(source.credentials, config)}


def _without(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}

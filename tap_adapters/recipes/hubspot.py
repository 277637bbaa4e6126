"""HubSpot by meltano-tap-hubspot (Apache 2.0), in a process of its own."""

from __future__ import annotations

from typing import Any

from tap_adapters.cursors import sdk
from tap_adapters.errors import SourceError
from tap_adapters.extractor import Extractor
from tap_adapters.recipes.api import API_OPTIONS, read_credential, read_objects, start_date
from tap_adapters.recipes.plugin import Plugin, settings
from tap_adapters.selection import patterns
from tap_adapters.source import Source
from tap_adapters.strategies import by_own_key

PLUGIN = Plugin(
    "tap-hubspot",
    settings(
        "client_id",
        secret=("access_token", "client_secret", "refresh_token"),
        date_iso8601=("start_date", "end_date"),
        array=("custom_object_types",),
        object=("associations", "stream_maps", "stream_map_config", "batch_config"),
    ),
    package="meltano-tap-hubspot==0.10.1",
)
_BY_DATE = (
    "companies",
    "deals",
    "leads",
    "line_items",
    "goal_targets",
    "calls",
    "communications",
    "emails",
    "meetings",
    "notes",
    "postal_mail",
    "tasks",
)
CURSORS = {"contacts": "lastmodifieddate"} | dict.fromkeys(_BY_DATE, "hs_lastmodifieddate")
"""The streams that the tap reads by a cursor, and that cursor: a property of the object that the tap lifts up."""
_CUSTOM_CURSOR = "hs_lastmodifieddate"
_NAMES = ("updatedAt", "updated_at", "lastmodifieddate", "hs_lastmodifieddate")
_WHOLE = {
    "users": "id",
    "teams": "id",
    "owners": "id",
    "ticket_pipelines": "createdAt",
    "deal_pipelines": "createdAt",
    "email_subscriptions": "id",
    "properties": "name",
    "feedback_submissions": "id",
    "products": "id",
    "tickets": "id",
    "quotes": "id",
}
_PLAIN = frozenset({"id", "properties", "createdAt", "updatedAt", "archived"})
"""Members of a CRM record beside its cursor; all else that an account knows of it is within `properties`."""


def hubspot(source: Source) -> Extractor:
    """Return the extractor of objects of a HubSpot account.

    Contract columns that are no member of a record are taken out of its `properties`, by a stream map of the tap.

    Raises:
        SourceError: what `source` says cannot be mapped.

    """
    given = PLUGIN.given(source, API_OPTIONS)
    custom = dict.fromkeys(given.get("custom_object_types") or (), _CUSTOM_CURSOR)
    cursors = CURSORS | custom
    objects = read_objects(source, {*cursors, *_WHOLE})
    replication = {
        name: by_own_key(source.incremental if name in cursors else None, cursors.get(name, ""), _NAMES)
        for name in objects
    }
    select: list[str] = []
    maps: dict[str, Any] = {}
    for name in objects:
        chosen, mapped = _columns(source.columns.get(name, ()), cursors.get(name))
        always = ["id", cursors[name]] if name in cursors else [_WHOLE[name]]
        select += patterns(name, chosen, always, nested=True)
        maps |= {name: mapped} if mapped else {}
    if maps and given.get("stream_maps"):
        raise SourceError(
            "stream maps of your own cannot be had together with a contract's columns",
            "source.engine.options.settings.stream_maps",
            "leave one of them out",
        )
    streams = {name: name for name in objects}
    return PLUGIN.extractor(
        source,
        sdk(streams, {name: key for name, key in cursors.items() if name in streams}),
        config=_credentials(source) | {"start_date": start_date(source, None), "stream_maps": maps or None} | given,
        select=select,
        replication=replication,
        streams=streams,
    )


def _columns(columns: tuple[str, ...], cursor: str | None) -> tuple[list[str], dict[str, Any]]:
    """Columns to select of a CRM object, and the stream map that takes the others out of its properties."""
    inner = [column for column in columns if column not in _PLAIN and column != cursor] if cursor else []
    if not inner:
        return list(columns), {}
    mapped: dict[str, Any] = {column: f"properties.get({column!r})" for column in inner}
    if "properties" not in columns:
        mapped["properties"] = None
    return [*(column for column in columns if column not in inner), "properties"], mapped


def _credentials(source: Source) -> dict[str, Any]:
    if source.credentials.get("refresh_token"):
        return {name: read_credential(source, (name,)) for name in ("client_id", "client_secret", "refresh_token")}
    return {"access_token": read_credential(source, ("access_token", "api_key", "token"))}

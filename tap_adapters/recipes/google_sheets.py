"""Google Sheets by the tap-google-sheets of this distribution."""

from __future__ import annotations

from tap_adapters.errors import SourceError
from tap_adapters.extractor import Extractor
from tap_adapters.recipes.files import Entry, Place, entries, object_of, remote_cursors, replication, selection
from tap_adapters.recipes.google import GOOGLE_SETTINGS, google_credentials
from tap_adapters.recipes.plugin import Plugin, settings
from tap_adapters.source import Source

PLUGIN = Plugin(
    "tap-google-sheets",
    (*GOOGLE_SETTINGS, *settings("sheets_url", array=("sheets",), object=("stream_maps", "stream_map_config"))),
)
_READING = (
    "sheet",
    "sheet_id",
    "range",
    "has_header",
    "columns",
    "keys",
    "types",
    "null_values",
    "empty_is_null",
)


def google_sheets(source: Source) -> Extractor:
    """Return the extractor of ranges of spreadsheets.

    Raises:
        SourceError: what `source` says cannot be mapped.

    """
    given = PLUGIN.given(source, ("batch_size",))
    sheets: list[Entry] = []
    places: list[Place] = []
    keys: dict[str, list[str]] = {}
    for place, entry in entries(source, "sheets", ("id", "spreadsheet_id", "object", *_READING)):
        spreadsheet = str(entry.get("spreadsheet_id") or entry.get("id") or "")
        if not spreadsheet:
            raise SourceError("an entry needs a spreadsheet_id", place, "it is in the spreadsheet's address")
        stream = object_of(source, entry, str(entry.get("sheet") or ""), place)
        kept = {key: entry[key] for key in _READING if entry.get(key) is not None}
        sheets.append({"spreadsheet_id": spreadsheet, "object": stream} | kept)
        places.append(Place(stream, spreadsheet, spreadsheet, whole=True))
        keys.setdefault(stream, []).extend(entry.get("keys") or ())
    return PLUGIN.extractor(
        source,
        remote_cursors(places),
        config=google_credentials(source) | {"sheets": sheets} | given,
        select=selection(source, keys, keys),
        replication=dict.fromkeys(keys, replication(source)),
        streams={stream: stream for stream in keys},
    )

"""CSV files on Google Drive by the tap-gdrive-csv of this distribution."""

from __future__ import annotations

from tap_adapters.errors import SourceError
from tap_adapters.extractor import Extractor
from tap_adapters.recipes.csv import DEFAULTS, FORMAT_SETTINGS, READING, reading
from tap_adapters.recipes.files import Entry, Place, entries, object_of, remote_cursors, replication, selection
from tap_adapters.recipes.google import GOOGLE_SETTINGS, google_credentials
from tap_adapters.recipes.plugin import Plugin
from tap_adapters.source import Source

PLUGIN = Plugin("tap-gdrive-csv", (*GOOGLE_SETTINGS, *FORMAT_SETTINGS))
_WHERE = ("file_id", "folder_id", "query")
_MORE = ("recursive", "drive_id", "name_pattern")


def gdrive_csv(source: Source) -> Extractor:
    """Return the extractor of files of a Drive, by id, folder or query.

    Raises:
        SourceError: what `source` says cannot be mapped.

    """
    given = PLUGIN.given(source, DEFAULTS)
    files: list[Entry] = []
    places: list[Place] = []
    keys: dict[str, list[str]] = {}
    for place, entry in entries(source, "files", ("id", "object", *_WHERE, *_MORE, *READING)):
        where = {
            key: str(value)
            for key in _WHERE
            if (value := entry.get(key) or (entry.get("id") if key == "file_id" else None))
        }
        if len(where) != 1:
            raise SourceError("an entry needs one of id, folder_id and query", place, "say where its files are")
        stream = object_of(source, entry, "", place)
        more = {key: entry[key] for key in _MORE if entry.get(key) is not None}
        files.append({"entity": stream} | where | more | reading(source, entry))
        (found,) = where.values()
        places.append(Place(stream, found, found, whole="file_id" in where))
        keys.setdefault(stream, []).extend(entry.get("keys") or ())
    return PLUGIN.extractor(
        source,
        remote_cursors(places),
        config=google_credentials(source) | {"files": files} | given,
        select=selection(source, keys, keys),
        replication=dict.fromkeys(keys, replication(source)),
        streams={stream: stream for stream in keys},
    )

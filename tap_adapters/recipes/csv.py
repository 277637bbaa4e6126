"""CSV files by the tap-csv of this distribution."""

from __future__ import annotations

from typing import Any

from tap_adapters.errors import SourceError
from tap_adapters.extractor import Extractor
from tap_adapters.recipes.files import Entry, Place, entries, local_cursors, object_of, replication, selection, stem
from tap_adapters.recipes.plugin import Plugin, settings
from tap_adapters.source import Source

READING = (
    "keys",
    "encoding",
    "delimiter",
    "quotechar",
    "doublequote",
    "escapechar",
    "skipinitialspace",
    "strict",
    "header",
    "columns",
    "types",
    "null_values",
    "empty_is_null",
    "on_ragged_row",
)
"""Keys of a file entry that say how it is read; they go to the tap as they are."""
DEFAULTS = ("encoding", "delimiter", "quote_char", "quotechar", "chunk_size", "batch_size")
"""Options of the engine that hold for all files. The sizes say nothing to this tap, which reads by bytes."""
FORMAT_SETTINGS = settings(
    "on_ragged_row",
    boolean=("add_metadata_columns", "empty_is_null"),
    array=("files", "null_values"),
    object=("batch_config", "stream_maps", "stream_map_config"),
)
PLUGIN = Plugin("tap-csv", FORMAT_SETTINGS)


def csv(source: Source) -> Extractor:
    """Return the extractor of CSV files, folders and globs; relative paths start at the source's folder.

    Raises:
        SourceError: what `source` says cannot be mapped.

    """
    given = PLUGIN.given(source, DEFAULTS)
    files: list[Entry] = []
    places: list[Place] = []
    keys: dict[str, list[str]] = {}
    for place, entry in entries(source, "files", ("path", "object", "id", *READING)):
        path = str(entry.get("path") or "")
        if not path:
            raise SourceError("an entry needs a path", place, "give a file, a folder or a glob")
        stream = object_of(source, entry, stem(path), place)
        full = str(source.folder / path)
        files.append({"entity": stream, "path": full} | reading(source, entry))
        places.append(
            Place(stream, full, str(entry.get("id") or path), whole="." in path.rpartition("/")[2] and "*" not in path)
        )
        keys.setdefault(stream, []).extend(entry.get("keys") or ())
    how = replication(source)
    return PLUGIN.extractor(
        source,
        local_cursors(source.folder, places),
        config={"files": files} | given,
        select=selection(source, keys, keys),
        replication=dict.fromkeys(keys, how),
        streams={stream: stream for stream in keys},
    )


def reading(source: Source, entry: Entry) -> dict[str, Any]:
    """Return how a file is read: the entry's keys over the engine's options."""
    options = source.options
    common = {
        "encoding": options.get("encoding"),
        "delimiter": options.get("delimiter"),
        "quotechar": options.get("quotechar", options.get("quote_char")),
    }
    found = common | {key: entry[key] for key in READING if key in entry}
    return {key: value for key, value in found.items() if value is not None}

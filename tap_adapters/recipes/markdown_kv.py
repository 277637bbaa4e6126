"""Markdown-KV documents by the tap-markdown-kv of this distribution."""

from __future__ import annotations

from tap_adapters.errors import SourceError
from tap_adapters.extractor import Extractor
from tap_adapters.names import check_known
from tap_adapters.recipes.files import Entry, Place, entries, local_cursors, object_of, replication, selection, stem
from tap_adapters.recipes.plugin import OPTIONS, Plugin, settings
from tap_adapters.source import Source

PLUGIN = Plugin(
    "tap-markdown-kv",
    settings("pattern", "doc_id_key", "doc_id_from", array=("files",), object=("stream_maps", "stream_map_config")),
)
KEYS = {
    "document_level": ("doc_id",),
    "string": ("doc_id",),
    "row_per_kv": ("doc_id", "ord"),
    "raw_file": ("path",),
}
_OPTIONS = ("pattern", "doc_id_key", "doc_id_from")
HYBRID = "hybrid"


def markdown_kv(source: Source) -> Extractor:
    """Return the extractor of Markdown-KV files; relative paths start at the source's folder.

    The pattern `hybrid` makes two streams: the object, and `<object>_kv` with a row for each pair.

    Raises:
        SourceError: what `source` says cannot be mapped.

    """
    common = {name: source.options[name] for name in _OPTIONS if source.options.get(name)}
    given = common | PLUGIN.given(source, _OPTIONS)
    files: list[Entry] = []
    places: list[Place] = []
    keys: dict[str, tuple[str, ...]] = {}
    for place, entry in entries(source, "files", ("path", "object", "id", "encoding", *_OPTIONS)):
        path = str(entry.get("path") or "")
        if not path:
            raise SourceError("an entry needs a path", place, "give a file, a folder or a glob")
        stream = object_of(source, entry, stem(path), place)
        full = str(source.folder / path)
        kept = {key: entry[key] for key in ("encoding", *_OPTIONS) if entry.get(key) is not None}
        files.append({"entity": stream, "path": full} | kept)
        made = _streams(stream, str(kept.get("pattern") or given.get("pattern") or "document_level"), place)
        keys |= made
        whole = path.endswith((".md", ".mdkv")) and "*" not in path
        places += [Place(name, full, str(entry.get("id") or path), whole) for name in made]
    return PLUGIN.extractor(
        source,
        local_cursors(source.folder, places),
        config={"files": files} | given,
        select=selection(source, keys, keys),
        replication=dict.fromkeys(keys, replication(source)),
        streams={stream: stream for stream in keys},
    )


def _streams(stream: str, pattern: str, place: str) -> dict[str, tuple[str, ...]]:
    check_known([pattern], {*KEYS, HYBRID}, f"{place}.pattern" if place else OPTIONS, "pattern")
    if pattern != HYBRID:
        return {stream: KEYS[pattern]}
    return {stream: KEYS["document_level"], f"{stream}_kv": KEYS["row_per_kv"]}

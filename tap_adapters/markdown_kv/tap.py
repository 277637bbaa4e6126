"""The tap: its settings, and the streams they define."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import singer_sdk.typing as th

from tap_adapters.common.errors import SettingsError
from tap_adapters.common.listing import find
from tap_adapters.common.stream import ItemStream
from tap_adapters.common.tap import OwnTap
from tap_adapters.markdown_kv.reading import SUFFIXES
from tap_adapters.markdown_kv.rows import STRING, STRUCTURED, Shape
from tap_adapters.markdown_kv.settings import ORIGINS, PATTERNS, RAW_FILE, Entity, Source, read_entities
from tap_adapters.markdown_kv.stream import DocumentStream, RawFileStream

SHAPES: Mapping[str, Mapping[str, Shape]] = {**STRUCTURED, "string": {"": STRING}}
PATTERN = th.Property(
    "pattern",
    th.StringType,
    allowed_values=list(PATTERNS),
    title="Pattern",
    description=(
        "What a document becomes: one row with nested sections (`document_level`, default), a row for each pair "
        "(`row_per_kv`), both in two streams (`hybrid`), one row with its text (`string`), or one row with the file, "
        "unparsed (`raw_file`)."
    ),
)
DOC_ID_KEY = th.Property(
    "doc_id_key",
    th.StringType,
    title="Key of the doc_id",
    description=(
        "Key whose value names a document, looked for in the front matter, then among the pairs. "
        "Default: `doc_id`, then `id`, of the front matter."
    ),
)
DOC_ID_FROM = th.Property(
    "doc_id_from",
    th.StringType,
    allowed_values=list(ORIGINS),
    title="Origin of the doc_id",
    description="`key` (default): a document without the key ends the run; `path`: the path of the file is the doc_id.",
)
FILE_ENTRY = th.ObjectType(
    th.Property("entity", th.StringType, required=True, description="Name of the stream."),
    th.Property("path", th.StringType, required=True, description="A file, a folder (read recursively) or a glob."),
    PATTERN,
    DOC_ID_KEY,
    DOC_ID_FROM,
    th.Property("encoding", th.StringType, description="Text encoding; a byte order mark wins. Default: utf-8."),
)


class TapMarkdownKv(OwnTap):
    """Markdown-KV documents as Singer streams, in the shape wanted; unchanged files are not read again."""

    name = "tap-markdown-kv"
    config_jsonschema = th.PropertiesList(
        th.Property("files", th.ArrayType(FILE_ENTRY), title="Files", description="What to read, as which streams."),
        PATTERN,
        DOC_ID_KEY,
        DOC_ID_FROM,
    ).to_dict()

    @classmethod
    def check_settings(cls, config: dict[str, Any]) -> None:
        """Check the file entries, and that no two streams share a name."""
        names = [name for entity in read_entities(config) for name in stream_names(entity)]
        for name in names:
            if names.count(name) > 1:
                raise SettingsError(f"Setting 'files': two entities make the stream '{name}'; rename one of them.")

    def discover_streams(self) -> Sequence[ItemStream]:
        """Return the streams of each entity, after its files have been found."""
        return [stream for entity in read_entities(self.config) for stream in self._streams_of(entity)]

    def _streams_of(self, entity: Entity) -> list[ItemStream]:
        files: dict[Path, Source] = {}
        for source in entity.sources:
            for path in find(source.path, entity.name, SUFFIXES):
                # A file that two entries match is read once, as the first of them says.
                files.setdefault(path, source)
        if entity.pattern == RAW_FILE:
            return [RawFileStream(self, entity.name, files)]
        shapes = SHAPES[entity.pattern]
        return [DocumentStream(self, entity.name + ending, shape, files) for ending, shape in shapes.items()]


def stream_names(entity: Entity) -> list[str]:
    """Return the names of the streams that an entity has."""
    return [entity.name + ending for ending in SHAPES.get(entity.pattern, ("",))]

"""One stream of records as documents: the schema of its rows, and a record's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tap_adapters.common.errors import FileError, SettingsError
from tap_adapters.markdown_kv.document import Document
from tap_adapters.markdown_kv.mapper.raw_files import RawFiles
from tap_adapters.markdown_kv.mapper.settings import MapperSettings
from tap_adapters.markdown_kv.rows import COUNT, MOMENT, STRING, STRUCTURED, TEXT, Row
from tap_adapters.markdown_kv.values import json_text
from tap_adapters.markdown_kv.write import document_of

METADATA = "_sdc_"
"""Members whose names begin so are no part of a document; they go along in its rows."""
FILE_PROPERTIES = {"doc_id": TEXT, "path": TEXT, "size": COUNT, "sha256": TEXT, "written_at": MOMENT}

Rows = Callable[[Document, str, str], Iterator[Row]]
"""From a document, its doc_id and a moment to rows."""


@dataclass(frozen=True, slots=True)
class Out:
    """One of the streams that a stream becomes."""

    name: str
    schema: Mapping[str, Any]
    keys: tuple[str, ...]
    rows: Rows


class DocumentedStream:
    """A stream by the SCHEMA it has; its records become the rows of `outs`."""

    def __init__(self, name: str, schema: Mapping[str, Any], columns: Sequence[str], outs: Sequence[Out]) -> None:
        metadata = {k: v for k, v in schema.get("properties", {}).items() if k.startswith(METADATA)}
        self.name = name
        self.outs = [Out(out.name, _extended(out.schema, metadata), out.keys, out.rows) for out in outs]
        self._columns = tuple(columns)
        self._metadata = frozenset(metadata)
        self._records = 0

    def rows(self, record: Mapping[str, Any], moment: str) -> Iterator[tuple[str, Row]]:
        """Yield a record's rows, each with its stream; FileError if it has no doc_id."""
        self._records += 1
        doc_id = self._doc_id(record)
        document = document_of({name: value for name, value in record.items() if not name.startswith(METADATA)}, doc_id)
        metadata = {name: record[name] for name in self._metadata if name in record}
        for out in self.outs:
            for row in out.rows(document, doc_id, moment):
                yield out.name, row | metadata

    def _doc_id(self, record: Mapping[str, Any]) -> str:
        """Return the name of a record's document: its key as text; of several columns, joined by `|`."""
        parts = [self._part(record, column) for column in self._columns]
        if len(parts) == 1:
            return parts[0]
        return "|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)

    def _part(self, record: Mapping[str, Any], column: str) -> str:
        value = record.get(column)
        if value is None or value == "":
            raise FileError(
                f"Stream '{self.name}', record {self._records}: column '{column}' names the document and is empty; "
                "name other columns in 'doc_id_columns'."
            )
        return value if isinstance(value, str) else json_text(value)


def documented(message: Mapping[str, Any], settings: MapperSettings, files: RawFiles | None) -> DocumentedStream:
    """Return the stream of a SCHEMA message; SettingsError if no column of it names its documents."""
    name, schema = str(message["stream"]), message["schema"]
    columns = settings.doc_id_columns.get(name) or message.get("key_properties") or ()
    if not columns:
        raise SettingsError(f"Stream '{name}' has no key_properties; name its key in the setting 'doc_id_columns'.")
    for column in columns:
        if column not in schema.get("properties", {}):
            raise SettingsError(f"Stream '{name}' has no column '{column}', which 'doc_id_columns' or its key names.")
    return DocumentedStream(name, schema, columns, _outs(name, settings, files))


def _outs(name: str, settings: MapperSettings, files: RawFiles | None) -> list[Out]:
    if files is not None:
        schema = {"type": "object", "properties": FILE_PROPERTIES, "required": ["doc_id"]}
        return [Out(name, schema, ("doc_id",), _written_to(files, name))]
    shapes = STRUCTURED[settings.structured_pattern] if settings.structured_pattern else {"": STRING}
    return [Out(name + ending, shape.schema, shape.keys, shape.rows) for ending, shape in shapes.items()]


def _written_to(files: RawFiles, stream: str) -> Rows:
    def rows(document: Document, doc_id: str, moment: str) -> Iterator[Row]:
        written = files.put(stream, doc_id, document.raw)
        found = {"path": written.path, "size": written.size, "sha256": written.sha256}
        yield {"doc_id": doc_id, **found, "written_at": moment}

    return rows


def _extended(schema: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {**schema, "properties": {**schema["properties"], **more}}

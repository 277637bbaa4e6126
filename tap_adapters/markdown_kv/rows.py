"""A document as rows of a stream, in the shapes that dativo's Markdown-KV has: one per pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tap_adapters.markdown_kv.document import Document, Section

TEXT = {"type": "string"}
NULLABLE = {"type": ["string", "null"]}
COUNT = {"type": "integer"}
MOMENT = {"type": "string", "format": "date-time"}
PAIR = {"key": TEXT, "value": NULLABLE, "value_json": NULLABLE, "ord": COUNT}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """The rows of one stream of documents: their properties, their key, how a document becomes some of them."""

    properties: Mapping[str, Any]
    keys: tuple[str, ...]
    rows: Callable[[Document, str, str], Iterator[Row]]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a row."""
        return {"type": "object", "properties": dict(self.properties), "required": list(self.keys)}


def _array(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": dict(properties)}}


def _string(document: Document, doc_id: str, moment: str) -> Iterator[Row]:
    yield {"doc_id": doc_id, "markdown_kv_content": document.raw}


def _row_per_kv(document: Document, doc_id: str, moment: str) -> Iterator[Row]:
    for number, (section, pair) in enumerate(document.pairs()):
        yield {
            "doc_id": doc_id,
            "section": section.name,
            "key": pair.key,
            "value": pair.text,
            "value_json": pair.json,
            "ord": number,
            "extracted_at": moment,
        }


def _document_level(document: Document, doc_id: str, moment: str) -> Iterator[Row]:
    yield {
        "doc_id": doc_id,
        "title": document.title,
        "sections": [_section(section) for section in document.sections],
        "raw_md": document.raw,
        "extracted_at": moment,
    }


def _section(section: Section) -> Row:
    pairs = [
        {"key": pair.key, "value": pair.text, "value_json": pair.json, "ord": number}
        for number, pair in enumerate(section.pairs)
    ]
    return {"section": section.name, "level": section.level, "text": section.text, "kv": pairs}


STRING = Shape({"doc_id": TEXT, "markdown_kv_content": TEXT}, ("doc_id",), _string)
ROW_PER_KV = Shape({"doc_id": TEXT, "section": TEXT, **PAIR, "extracted_at": MOMENT}, ("doc_id", "ord"), _row_per_kv)
DOCUMENT_LEVEL = Shape(
    {
        "doc_id": TEXT,
        "title": NULLABLE,
        "sections": _array({"section": TEXT, "level": COUNT, "text": NULLABLE, "kv": _array(PAIR)}),
        "raw_md": TEXT,
        "extracted_at": MOMENT,
    },
    ("doc_id",),
    _document_level,
)
STRUCTURED: Mapping[str, Mapping[str, Shape]] = {
    "row_per_kv": {"": ROW_PER_KV},
    "document_level": {"": DOCUMENT_LEVEL},
    "hybrid": {"": DOCUMENT_LEVEL, "_kv": ROW_PER_KV},
}
"""The streams of a structured pattern: what is added to the name of each, and its shape."""

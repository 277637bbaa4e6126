"""A record to the text of a Markdown-KV document, and back: `record_of(parse(write(record))) == record`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tap_adapters.markdown_kv import front_matter
from tap_adapters.markdown_kv.document import DEFAULT, FRONT_MATTER, Document, Pair, Section
from tap_adapters.markdown_kv.values import CONTROLS, quoted, written

NAMING = ("doc_id", "id", "title")
"""Members of a record that name the document: they go into its front matter, sorted."""


def write(record: Mapping[str, Any], doc_id: str | None = None) -> str:
    """Return a record as the text of a document: what names it as front matter, all else as pairs in its order.

    Values are those of JSON, decimals as `Decimal`. `doc_id` goes into the front matter; a member of that name with
    another value becomes a pair.
    """
    return document_of(record, doc_id).raw


def document_of(record: Mapping[str, Any], doc_id: str | None = None) -> Document:
    """Return a record as the document that its text would be read as."""
    named = {name: record[name] for name in NAMING if name in record and not isinstance(record[name], dict | list)}
    if doc_id is not None and named.get("doc_id") != doc_id:
        named.pop("doc_id", None)
    head = dict(sorted((named | ({} if doc_id is None else {"doc_id": doc_id})).items()))
    body = {name: value for name, value in record.items() if name not in named}
    texts = [front_matter.write(head.items())] if head else []
    if body:
        texts.append("".join(f"{_key(name)}:: {_below(value)}\n" for name, value in body.items()))
    parts = ((FRONT_MATTER, head), (DEFAULT, body))
    sections = (
        Section(name, 0, tuple(Pair.of_value(key, value) for key, value in members.items()))
        for name, members in parts
        if members
    )
    return Document(tuple(sections), "\n".join(texts))


def record_of(document: Document) -> dict[str, Any]:
    """Return the pairs of a document as one record; of pairs with one key the last holds."""
    return {pair.key: pair.value for _, pair in document.pairs()}


def _key(name: str) -> str:
    odd = not name or name != name.strip() or name[0] in '"#-*+`~' or ":" in name or CONTROLS.search(name)
    return quoted(name).replace(":", "\\u003a") if odd else name


def _below(value: Any) -> str:
    """Return a value as written; further lines are indented, which is what makes them part of it."""
    first, *more = written(value).split("\n")
    return "\n".join([first, *(f"  {line}" if line else "" for line in more)])

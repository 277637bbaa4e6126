"""Files to documents, and the name by which each is known."""

from __future__ import annotations

import os
from pathlib import Path

from tap_adapters.common.errors import FileError
from tap_adapters.common.text import codec_of
from tap_adapters.markdown_kv.document import Document
from tap_adapters.markdown_kv.front_matter import FrontMatterError
from tap_adapters.markdown_kv.parse import parse
from tap_adapters.markdown_kv.settings import Source

SUFFIXES = (".md", ".mdkv")
MAX_BYTES = 8 * 2**20
"""A document is one line of output, twice over and escaped; a target takes 32 MB."""
NAMING_KEYS = ("doc_id", "id")


def read_text(path: Path, encoding: str) -> str:
    """Return the text of a file; FileError if it cannot be read, is no text, or is too big for a document."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}.") from error
    if len(data) > MAX_BYTES:
        raise FileError(f"{path}: is larger than {MAX_BYTES // 2**20} MB, too big for one document.")
    codec, mark = codec_of(data[:4], encoding)
    try:
        return data[mark:].decode(codec)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].decode(codec, errors="replace").count("\n") + 1
        raise FileError(
            f"{path}, line {line}: the bytes are not valid {codec}; set 'encoding' for this file."
        ) from error


def read_document(path: Path, source: Source) -> tuple[str, Document]:
    """Return a file's document and its doc_id; FileError if it is none, or says not by which name it goes."""
    try:
        document = parse(read_text(path, source.encoding))
    except FrontMatterError as error:
        raise FileError(f"{path}: its front matter cannot be used: {error}.") from error
    if source.doc_id_from == "path":
        return str(path), document
    doc_id = _doc_id(document, source.doc_id_key)
    if not doc_id:
        wanted = f"'{source.doc_id_key}'" if source.doc_id_key else "'doc_id' or 'id' in its front matter"
        raise FileError(f"{path}: it has no value for {wanted}; set 'doc_id_key', or 'doc_id_from: path'.")
    return doc_id, document


def _doc_id(document: Document, key: str | None) -> str | None:
    if key is None:
        return next(filter(None, map(document.front_matter, NAMING_KEYS)), None)
    return document.front_matter(key) or next((pair.text for _, pair in document.pairs() if pair.key == key), None)

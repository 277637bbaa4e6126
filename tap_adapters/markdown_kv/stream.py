"""The documents of one entity as a Singer stream, file by file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tap_adapters.common.bookmarks import LocalFile
from tap_adapters.common.errors import FileError
from tap_adapters.common.stream import ItemStream
from tap_adapters.markdown_kv.reading import read_document, read_text
from tap_adapters.markdown_kv.rows import COUNT, MOMENT, TEXT, Row, Shape
from tap_adapters.markdown_kv.settings import Source

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.tap_base import Tap

RAW_PROPERTIES = {"path": TEXT, "content": TEXT, "size": COUNT, "last_modified": MOMENT}


class DocumentStream(ItemStream):
    """The rows of documents in one shape."""

    def __init__(self, tap: Tap, name: str, shape: Shape, files: Mapping[Path, Source]) -> None:
        super().__init__(tap, name=name, schema=shape.schema, keys=shape.keys)
        self._shape = shape
        self._sources = files
        self._paths: dict[str, Path] = {}

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the rows of every document that has changed."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for item in self._unread(LocalFile(path) for path in self._sources):
            doc_id, document = read_document(item.path, self._sources[item.path])
            self._check_single(doc_id, item.path)
            yield from self._shape.rows(document, doc_id, moment)

    def _check_single(self, doc_id: str, path: Path) -> None:
        """Refuse a second document of one name: in a table it would replace the first."""
        other = self._paths.setdefault(doc_id, path)
        if other != path:
            raise FileError(f"{path}: it has the doc_id of {other}; give one of them another.")


class RawFileStream(ItemStream):
    """The files of an entity as they are, unparsed."""

    def __init__(self, tap: Tap, name: str, files: Mapping[Path, Source]) -> None:
        schema = {"type": "object", "properties": RAW_PROPERTIES, "required": ["path"]}
        super().__init__(tap, name=name, schema=schema, keys=("path",))
        self._sources = files

    def get_records(self, context: Context | None) -> Iterator[Row]:
        """Yield a row for every file that has changed."""
        for item in self._unread(LocalFile(path) for path in self._sources):
            content = read_text(item.path, self._sources[item.path].encoding)
            yield {"path": item.key, "content": content, "size": item.size, "last_modified": item.last_modified}

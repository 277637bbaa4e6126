"""One entity as a Singer stream: files to messages, bookmarked file by file."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from singer_sdk.mapper import SameRecordTransform

from tap_adapters.common.bookmarks import LocalFile
from tap_adapters.common.tabular import TabularStream
from tap_adapters.common.values import ARROW_TYPES, STRING
from tap_adapters.csv.batch_files import BatchFiles, read_batch_settings
from tap_adapters.csv.encode import json_lines
from tap_adapters.csv.entities import METADATA_KINDS, SOURCE_FILE, SOURCE_LINE, SOURCE_MTIME, DataFile, Inspected
from tap_adapters.csv.parse import read_rows
from tap_adapters.csv.reading import RaggedRows, Reading

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.tap_base import Tap

    from tap_adapters.csv.settings import Entity


class CsvStream(TabularStream):
    """The rows of all files of one entity, as text unless `types` or the catalog say otherwise."""

    def __init__(self, tap: Tap, entity: Entity, inspected: Inspected, *, metadata: bool) -> None:
        self._inspected = inspected
        kinds = METADATA_KINDS if metadata else {}
        kinds = {**kinds, **{column: entity.types.get(column, STRING) for column in inspected.columns}}
        super().__init__(tap, name=entity.name, kinds=kinds, keys=entity.keys)
        self._rows = 0
        self._skipped_rows = 0

    # ---- what the SDK asks for ----

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the rows as records: the way of stream maps and flattening."""
        for file, modified in self._files():
            with closing(self._read(file, modified)) as batches:
                for batch in batches:
                    yield from batch.to_pylist()

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write the records without the SDK's work per record, where nothing asks for that work."""
        if not self._is_plain:
            return super()._sync_records(context, write_messages=write_messages)
        with self.get_record_counter() as counter, self.get_sync_timer():
            for file, modified in self._files():
                with closing(self._read(file, modified)) as batches:
                    for batch in self._limited(batches):
                        self._write_records(batch)
                        counter.increment(batch.num_rows)
        self._finish()
        return (record for record in list[dict[str, Any]]())

    def _sync_batches(self, batch_config: Any, context: Context | None = None) -> None:
        """Write batch files, and a BATCH message for each."""
        settings = read_batch_settings(self.config["batch_config"])
        fields = [pa.field(name, ARROW_TYPES[kind]) for name, kind in self._columns.items()]
        files = BatchFiles(settings, self.tap_name, self.name, pa.schema(fields))
        with self.get_batch_counter() as counter, self.get_sync_timer():
            for file, modified in self._files():
                with closing(self._read(file, modified)) as batches:
                    for uri in files.write(self._limited(batches)):
                        self._write_batch(files.encoding, uri)
                        counter.increment()
        self._finish()

    @property
    def _is_plain(self) -> bool:
        maps = self.stream_maps
        return len(maps) == 1 and type(maps[0]) is SameRecordTransform and not maps[0].flattening_enabled

    # ---- files and bookmarks ----

    def _files(self) -> Iterator[tuple[DataFile, str]]:
        """Yield the files that need reading, each with its modification time."""
        files = {str(file.path): file for file in self._inspected.files}
        for item in self._unread(LocalFile(file.path) for file in files.values()):
            yield files[item.key], item.last_modified
        self._report_skipped()

    def _report_skipped(self) -> None:
        if self._skipped_rows:
            self.logger.warning("%d ragged rows were skipped in stream '%s'.", self._skipped_rows, self.name)

    def _finish(self) -> None:
        self._finalize_state(self.stream_state)
        self._write_state_message()

    # ---- rows ----

    def _read(self, file: DataFile, modified: str) -> Generator[pa.RecordBatch]:
        for layout in file.layouts:
            self._warn_of_unlisted(layout.part.label, layout.columns)
            ragged = RaggedRows(self.logger, self.name, layout, skip=file.source.skip_ragged)
            about = {SOURCE_FILE: layout.part.label, SOURCE_MTIME: modified}
            reading = Reading(layout, self._columns, file.source.null_markers, about)
            with closing(read_rows(layout, ragged, numbered=SOURCE_LINE in self._columns)) as parsed:
                for rows in parsed:
                    yield reading.batch(rows)
            self._skipped_rows += ragged.finish()

    def _limited(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Stop where `--test` wants it: after so many rows of this stream."""
        limit = self.ABORT_AT_RECORD_COUNT
        for batch in batches:
            yield batch if limit is None else batch.slice(0, limit - self._rows)
            self._rows += batch.num_rows
            if limit is not None and self._rows > limit:
                self._check_max_record_limit(current_record_index=limit)

    def _write_records(self, batch: pa.RecordBatch) -> None:
        stream = msgspec.json.encode(self.name).decode()
        for block in json_lines(batch, f'{{"type":"RECORD","stream":{stream},"record":', "}"):
            sys.stdout.buffer.write(block)

    def _write_batch(self, encoding: Mapping[str, str], uri: str) -> None:
        message = {"type": "BATCH", "stream": self.name, "encoding": encoding, "manifest": [uri]}
        sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
        sys.stdout.buffer.flush()

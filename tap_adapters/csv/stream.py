"""One entity as a Singer stream: files to messages, bookmarked file by file."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.streams import Stream

from tap_adapters.csv.batch_files import BatchFiles, read_batch_settings
from tap_adapters.csv.bookmarks import Fingerprint, bookmark, fingerprint, unchanged
from tap_adapters.csv.encode import json_lines
from tap_adapters.csv.entities import METADATA_KINDS, SOURCE_FILE, SOURCE_LINE, SOURCE_MTIME, DataFile, Inspected
from tap_adapters.csv.errors import SettingsError
from tap_adapters.csv.layout import Layout
from tap_adapters.csv.parse import read_rows
from tap_adapters.csv.reading import RaggedRows, Reading
from tap_adapters.csv.values import ARROW_TYPES, SCHEMAS, STRING, kind_of

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, Record

    from tap_adapters.csv.settings import Entity
    from tap_adapters.csv.tap import TapCsv

FULL_TABLE = "FULL_TABLE"
FEW_FILES = 100
STATE_SECONDS = 1.0


class CsvStream(Stream):
    """The rows of all files of one entity, as text unless `types` or the catalog say otherwise."""

    def __init__(self, tap: TapCsv, entity: Entity, inspected: Inspected, *, metadata: bool) -> None:
        self._inspected = inspected
        kinds = METADATA_KINDS if metadata else {}
        kinds = {**kinds, **{column: entity.types.get(column, STRING) for column in inspected.columns}}
        properties = {column: dict(SCHEMAS[kind]) for column, kind in kinds.items()}
        super().__init__(tap, schema={"type": "object", "properties": properties}, name=entity.name)
        self.primary_keys = entity.keys
        self.forced_replication_method = "INCREMENTAL"
        self._rows = 0
        self._skipped_rows = 0
        self._unchanged_files = 0
        self._state_written = 0.0
        self.logger.addFilter(_is_not_failure_notice)

    # ---- what the SDK asks for ----

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the rows as records: the way of stream maps and flattening."""
        for file, found in self._files():
            with closing(self._read(file, found)) as batches:
                for batch in batches:
                    yield from batch.to_pylist()

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write the records without the SDK's work per record, where nothing asks for that work."""
        if not self._is_plain:
            return super()._sync_records(context, write_messages=write_messages)
        with self.get_record_counter() as counter, self.get_sync_timer():
            for file, found in self._files():
                with closing(self._read(file, found)) as batches:
                    for batch in self._limited(batches):
                        self._write_records(batch)
                        counter.increment(batch.num_rows)
        self._finish()
        return (record for record in list[dict[str, Any]]())

    def _sync_batches(self, batch_config: Any, context: Context | None = None) -> None:
        """Write batch files, and a BATCH message for each."""
        settings = read_batch_settings(self.config["batch_config"])
        fields = [pa.field(name, ARROW_TYPES[kind]) for name, kind in self._columns.items()]
        files = BatchFiles(settings, self.name, pa.schema(fields))
        with self.get_batch_counter() as counter, self.get_sync_timer():
            for file, found in self._files():
                with closing(self._read(file, found)) as batches:
                    for uri in files.write(self._limited(batches)):
                        self._write_batch(files.encoding, uri)
                        counter.increment()
        self._finish()

    def _write_starting_replication_value(self, context: Context | None) -> None:
        """Leave the state alone: bookmarks are per file, not per replication key."""

    def _increment_stream_state(self, latest_record: Record, *, context: Context | None = None) -> None:
        """Leave the state alone: a file is bookmarked when all of it has been written."""

    @property
    def _is_plain(self) -> bool:
        maps = self.stream_maps
        return len(maps) == 1 and type(maps[0]) is SameRecordTransform and not maps[0].flattening_enabled

    # ---- files and bookmarks ----

    def _files(self) -> Iterator[tuple[DataFile, Fingerprint]]:
        """Yield the files that need reading. Coming back for the next one says that all of a file was written."""
        bookmarks = self.stream_state.setdefault("files", {})
        for file in self._inspected.files:
            found = fingerprint(file.path)
            if kept := self._kept(file, found, bookmarks):
                bookmarks[str(file.path)] = kept
                continue
            entry = bookmark(file.path, found)
            yield file, found
            if not fingerprint(file.path).is_of(found):
                self.logger.warning("%s changed while it was read; the next run will read it again.", file.path)
            bookmarks[str(file.path)] = entry
            self._write_progress(len(bookmarks))
        if self._unchanged_files:
            self.logger.info("%d files have not changed since they were read; passed over.", self._unchanged_files)
        if self._skipped_rows:
            self.logger.warning("%d ragged rows were skipped in stream '%s'.", self._skipped_rows, self.name)

    def _kept(self, file: DataFile, found: Fingerprint, bookmarks: Mapping[str, Any]) -> dict[str, Any] | None:
        if self.replication_method == FULL_TABLE:
            return None
        kept = unchanged(file.path, found, bookmarks.get(str(file.path)))
        if kept:
            self.logger.debug("%s has not changed since it was read; passed over.", file.path)
            self._unchanged_files += 1
        return kept

    def _write_progress(self, bookmarks: int) -> None:
        """Write a STATE; with many files not for each one, since every STATE repeats all bookmarks."""
        self.state_manager.is_flushed = False
        now = time.monotonic()
        if bookmarks <= FEW_FILES or now - self._state_written >= STATE_SECONDS:
            self._state_written = now
            self._write_state_message()

    def _finish(self) -> None:
        self._finalize_state(self.stream_state)
        self._write_state_message()

    # ---- rows ----

    @cached_property
    def _columns(self) -> Mapping[str, str]:
        """The selected columns and their kinds, as the catalog has them."""
        columns = {}
        for name, schema in self.effective_schema.get("properties", {}).items():
            if not self.mask[("properties", name)]:
                continue
            kind = kind_of(schema)
            if kind is None:
                raise SettingsError(
                    f"Catalog, stream '{self.name}': column '{name}' of a CSV file is no object or array."
                )
            columns[name] = kind
        return columns

    def _read(self, file: DataFile, found: Fingerprint) -> Generator[pa.RecordBatch]:
        for layout in file.layouts:
            self._warn_of_unlisted(layout)
            ragged = RaggedRows(self.logger, self.name, layout, skip=file.source.skip_ragged)
            about = {SOURCE_FILE: layout.part.label, SOURCE_MTIME: found.last_modified}
            reading = Reading(layout, self._columns, file.source.null_markers, about)
            with closing(read_rows(layout, ragged, numbered=SOURCE_LINE in self._columns)) as parsed:
                for rows in parsed:
                    yield reading.batch(rows)
            self._skipped_rows += ragged.finish()

    def _warn_of_unlisted(self, layout: Layout) -> None:
        unlisted = [name for name in layout.columns if name not in self.effective_schema.get("properties", {})]
        if unlisted:
            self.logger.warning(
                "%s has columns that the catalog does not list: %s; they are left out. Run discovery again.",
                layout.part.label,
                ", ".join(unlisted),
            )

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


def _is_not_failure_notice(record: logging.LogRecord) -> bool:
    """Drop the SDK's own line about a failed sync: the error that follows says what, where and what to do."""
    return record.msg != "An unhandled error occurred while syncing '%s'"

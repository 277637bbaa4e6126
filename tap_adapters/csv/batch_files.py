"""BATCH files: Arrow batches to Parquet, Arrow IPC or JSON Lines files of bounded size."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
import pyarrow as pa

from tap_adapters.common.arrow import parquet as pq
from tap_adapters.common.errors import FileError, SettingsError
from tap_adapters.csv.encode import json_lines

COMPRESSIONS: Mapping[str, tuple[str, ...]] = {
    "parquet": ("none", "gzip", "snappy", "zstd"),
    "arrow": ("none", "lz4", "zstd"),
    "jsonl": ("none", "gzip"),
}
SUFFIXES = {"parquet": ".parquet", "arrow": ".arrow", "jsonl": ".jsonl"}
MAX_ROWS = 1_000_000
MAX_BYTES = 128 * 2**20
ROW_GROUP_BYTES = 32 * 2**20

Put = Callable[[pa.RecordBatch], None]


class Encoding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The encoding of batch files; Parquet and Arrow compress inside the file, JSON Lines as a whole."""

    format: str
    compression: str | None = None


class Storage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where batch files go: a `file://` URI or a path, and what their names begin with."""

    root: str
    prefix: str | None = None


class BatchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The setting `batch_config`, in the shape the Singer SDK gives it; `batch_size` is rows per file."""

    encoding: Encoding
    storage: Storage
    batch_size: int | None = None


def read_batch_settings(raw: Any) -> BatchSettings:
    """Return the checked setting `batch_config`; SettingsError if this tap cannot do what it asks."""
    try:
        settings = msgspec.convert(raw, BatchSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"Setting 'batch_config': {error}.") from error
    known = COMPRESSIONS.get(settings.encoding.format)
    if known is None:
        raise SettingsError(f"Setting 'batch_config.encoding.format' must be one of {', '.join(COMPRESSIONS)}.")
    if (settings.encoding.compression or "none") not in known:
        choice = ", ".join(known)
        raise SettingsError(f"Setting 'batch_config.encoding.compression' must be one of {choice} for this format.")
    if settings.batch_size is not None and settings.batch_size < 1:
        raise SettingsError("Setting 'batch_config.batch_size' must be 1 or more.")
    _folder(settings.storage.root)
    return settings


class BatchFiles:
    """Writes the batches of one stream into files under the storage root."""

    def __init__(self, settings: BatchSettings, tap: str, stream: str, schema: pa.Schema) -> None:
        self._settings = settings
        self._schema = schema
        self._limit = settings.batch_size or MAX_ROWS
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in stream)
        self._base = f"{settings.storage.prefix or ''}{tap}--{safe}-{uuid.uuid4().hex}"
        self._number = 0

    @property
    def encoding(self) -> dict[str, str]:
        """The `encoding` of the BATCH messages."""
        encoding = self._settings.encoding
        return {"format": encoding.format, "compression": encoding.compression or "none"}

    def write(self, batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
        """Write batches and yield the `file://` URI of each file once it is complete."""
        pieces = _cut(batches, self._limit)
        piece = next(pieces, None)
        while piece is not None:
            path = self._next_path()
            with self._open(path) as put:
                piece = self._fill(put, piece, pieces)
            yield path.as_uri()

    def _fill(self, put: Put, piece: pa.RecordBatch, pieces: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        """Put pieces into a file until it is full; return the first that belongs into the next one."""
        rows = size = 0
        following: pa.RecordBatch | None = piece
        while following is not None and (rows == 0 or self._has_room(rows + following.num_rows, size)):
            put(following)
            rows, size = rows + following.num_rows, size + following.nbytes
            following = next(pieces, None)
        return following

    def _has_room(self, rows: int, size: int) -> bool:
        return rows <= self._limit and size < MAX_BYTES

    def _next_path(self) -> Path:
        self._number += 1
        ending = SUFFIXES[self.encoding["format"]]
        if self.encoding == {"format": "jsonl", "compression": "gzip"}:
            ending += ".gz"
        return _folder(self._settings.storage.root) / f"{self._base}-{self._number}{ending}"

    @contextmanager
    def _open(self, path: Path) -> Iterator[Put]:
        """Open a file under a temporary name; it gets its own when it is complete, and goes if it fails."""
        unfinished = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as ending:
                with ExitStack() as writing:
                    file = writing.enter_context(pa.OSFile(str(unfinished), "wb"))
                    ending.callback(unfinished.unlink, missing_ok=True)
                    yield self._writer(file, writing)
                unfinished.rename(path)
        except OSError as error:
            if error.errno is None:
                raise
            raise FileError(f"Batch file {path}: cannot be written: {error.strerror}.") from error

    def _writer(self, file: IO[bytes], stack: ExitStack) -> Put:
        compression = self.encoding["compression"]
        if self.encoding["format"] == "jsonl":
            out = stack.enter_context(gzip.GzipFile(fileobj=file, mode="wb")) if compression == "gzip" else file
            return lambda batch: _write_lines(out, batch)
        if self.encoding["format"] == "arrow":
            options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
            writer = stack.enter_context(pa.ipc.new_file(file, self._schema, options=options))
            return writer.write_batch  # type: ignore[no-any-return]
        parquet = stack.enter_context(pq.ParquetWriter(file, self._schema, compression=compression))
        groups = _RowGroups(parquet)
        stack.callback(groups.flush)
        return groups.put


class _RowGroups:
    """Collects batches into Parquet row groups of a useful size."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._batches: list[pa.RecordBatch] = []
        self._bytes = 0

    def put(self, batch: pa.RecordBatch) -> None:
        self._batches.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= ROW_GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._batches:
            self._writer.write_table(pa.Table.from_batches(self._batches))
        self._batches, self._bytes = [], 0


def _write_lines(out: Any, batch: pa.RecordBatch) -> None:
    for block in json_lines(batch, "", ""):
        out.write(block)


def _cut(batches: Iterable[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, limit):
            yield batch.slice(start, limit)


def _folder(root: str) -> Path:
    parts = urlsplit(root)
    if parts.scheme not in {"", "file"} or parts.netloc not in {"", "localhost"}:
        raise SettingsError("Setting 'batch_config.storage.root' must be a file:// URI or a path.")
    path = Path(url2pathname(parts.path) if parts.scheme else root)
    if not path.is_absolute():
        path = Path.cwd() / path
    return path

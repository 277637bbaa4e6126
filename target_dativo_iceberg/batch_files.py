"""Files that BATCH messages name: JSON lines, Parquet and Arrow, read in bounded pieces, from allowed folders only."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from target_dativo_iceberg.errors import InputError, SettingsError
from target_dativo_iceberg.messages import BatchFiles, Records, line_array

_ROWS = 65_536
_CHUNK = 4 << 20


def pieces(
    message: BatchFiles, roots: Sequence[Path], max_line_bytes: int
) -> Iterator[tuple[str, int, Records | pa.RecordBatch]]:
    """Yield the records of a BATCH in pieces, as (file name, number of the piece's first row, piece).

    Raises:
        InputError: a file is outside the allowed folders, missing, or not what its encoding says.
        SettingsError: no folder is allowed.

    """
    if not roots:
        raise SettingsError("the tap sent a BATCH but no folder is allowed", "set batch_roots to its folder")
    for uri in message.manifest:
        path = allowed(uri, roots)
        try:
            yield from _PIECES[message.format](message, path, max_line_bytes)
        except (OSError, pa.ArrowInvalid, EOFError, zlib.error) as error:
            raise InputError(
                f"BATCH file {path.name} cannot be read as {message.format} ({type(error).__name__})", "mend the tap"
            ) from error


def allowed(uri: str, roots: Sequence[Path]) -> Path:
    """Return the path of a manifest entry.

    Raises:
        InputError: it is not a local file under one of the roots (links are followed first).

    """
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        raise InputError("a BATCH manifest names a file that is not local", "only file:// is read")
    path = Path(unquote(parts.path)).resolve()
    if not any(path.is_relative_to(root) for root in roots):
        raise InputError("a BATCH manifest names a file outside batch_roots", "allow its folder in batch_roots")
    if not path.is_file():
        raise InputError(f"BATCH file {path.name} does not exist", "was it deleted before it was loaded?")
    return path


def root_paths(roots: Sequence[str]) -> list[Path]:
    """Return the allowed folders as absolute paths, links followed."""
    return [Path(unquote(urlsplit(r).path) if r.startswith("file:") else r).expanduser().resolve() for r in roots]


def _jsonl(message: BatchFiles, path: Path, max_line_bytes: int) -> Iterator[tuple[str, int, Records]]:
    open_file = gzip.open if message.compression == "gzip" else open
    with cast("BinaryIO", open_file(path, "rb")) as source:
        row, rest = 1, b""
        while True:
            data = source.read(_CHUNK)
            text = rest + data
            stop = text.rfind(b"\n") + 1 if data else len(text)
            rest = text[stop:]
            if len(rest) > max_line_bytes:
                raise InputError(
                    f"BATCH file {path.name}: row {row} is longer than max_line_mb allows", "raise max_line_mb"
                )
            if stop:
                lines = _without_blank(line_array(pa.py_buffer(text[:stop])))
                yield path.name, row, Records(message.stream, lines, row, 0, None)
                row += len(lines)
            if not data:
                return


def _without_blank(lines: pa.BinaryArray) -> pa.BinaryArray:
    """Leave blank lines out; `{}` and a newline are three bytes, so only shorter lines are looked at."""
    short = pc.less(pc.binary_length(lines), 3)
    return lines.filter(pc.invert(short)) if pc.any(short, min_count=0).as_py() else lines


def _parquet(message: BatchFiles, path: Path, max_line_bytes: int) -> Iterator[tuple[str, int, pa.RecordBatch]]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        row = 1
        for batch in file.iter_batches(_ROWS, use_threads=False):
            yield path.name, row, batch
            row += batch.num_rows


def _arrow(message: BatchFiles, path: Path, max_line_bytes: int) -> Iterator[tuple[str, int, pa.RecordBatch]]:
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
        row = 1
        for index in range(file.num_record_batches):
            batch = file.get_batch(index)
            for start in range(0, batch.num_rows, _ROWS):
                part = batch.slice(start, _ROWS)
                yield path.name, row, part
                row += part.num_rows


_PIECES = {"jsonl": _jsonl, "parquet": _parquet, "arrow": _arrow}

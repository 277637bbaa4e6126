"""Files that BATCH messages name: JSON lines, Parquet and Arrow, read in bounded pieces, from allowed folders only."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from target_dativo_iceberg.adoption import Candidate, Piece
from target_dativo_iceberg.errors import InputError, SettingsError
from target_dativo_iceberg.line_arrays import line_array
from target_dativo_iceberg.messages import BatchFiles, Records
from target_dativo_iceberg.piece_sizes import BUFFER_BYTES, rows_in, spans
from target_dativo_iceberg.wide_groups import are_narrow, batches

_CHUNK = 4 << 20
# Of a file that is only looked at: to decode its pages is half of the work, which one thread would hold up.
_READERS = 2
# Batches of an Arrow file up to this size are read whole.
_READ_BYTES = 32 << 20


def pieces(
    message: BatchFiles,
    roots: Sequence[Path],
    max_line_bytes: int,
    candidate: Callable[[Path], Candidate | None] = lambda _: None,
    ahead: Callable[[Generator[Any]], Iterable[Any]] = iter,
) -> Generator[tuple[str, int, Records | pa.RecordBatch | Piece]]:
    """Yield the records of a BATCH in pieces, as (file name, number of the piece's first row, piece).

    Args:
        message: the BATCH.
        roots: folders whose files may be read.
        max_line_bytes: longest line of a file of lines.
        candidate: tells which Parquet files may be adopted; these come as `Piece`.
        ahead: has the next piece of a file read while one is looked at.

    Raises:
        InputError: a file is outside the allowed folders, missing, or not what its encoding says.
        SettingsError: no folder is allowed.

    """
    if not roots:
        raise SettingsError("the tap sent a BATCH but no folder is allowed", "set batch_roots to its folder")
    for uri in message.manifest:
        path = allowed(uri, roots)
        try:
            found = candidate(path) if message.format == "parquet" else None
            if found is None:
                yield from ahead(_PIECES[message.format](message, path, max_line_bytes))
            else:
                yield from ((path.name, row, piece) for row, piece in _side_by_side(found, ahead))
        except (OSError, pa.ArrowException, EOFError, zlib.error) as error:
            raise unreadable(path.name, message.format, error) from error


def _side_by_side(file: Candidate, ahead: Callable[[Generator[Any]], Iterable[Any]]) -> Iterator[tuple[int, Piece]]:
    """Yield a file's pieces in order; row groups that follow each other are read by readers that take turns."""
    count = _READERS if are_narrow(file.metadata) else 1
    readers = [iter(ahead(file.pieces(part, count))) for part in range(count)]
    for group in range(file.metadata.num_row_groups):
        left = file.metadata.row_group(group).num_rows
        while left:
            found = next(readers[group % count], None)
            if found is None:
                raise pa.ArrowInvalid("fewer rows than the footer says")
            left -= found[1].batch.num_rows
            yield found


def unreadable(name: str, form: str, error: Exception) -> InputError:
    """Return what is raised for a file that is not what its encoding says.

    Args:
        name: of the file.
        form: its format.
        error: what says so.

    """
    return InputError(f"BATCH file {name} cannot be read as {form} ({type(error).__name__})", "mend the tap")


def allowed(uri: str, roots: Sequence[Path]) -> Path:
    """Return the path of a manifest entry.

    Raises:
        InputError: it is not a local file under one of the roots (links are followed first).

    """
    try:
        parts = urlsplit(uri)
        path = Path(unquote(parts.path)).resolve()
    except (ValueError, OSError, RuntimeError):  # a NUL byte, a name too long, links in a circle
        raise InputError("a BATCH manifest names what can be no file", "mend the tap") from None
    if parts.scheme not in ("", "file"):
        raise InputError("a BATCH manifest names a file that is not local", "only file:// is read")
    if not any(path.is_relative_to(root) for root in roots):
        raise InputError("a BATCH manifest names a file outside batch_roots", "allow its folder in batch_roots")
    if not path.is_file():
        raise InputError(f"BATCH file {path.name} does not exist", "was it deleted before it was loaded?")
    return path


def root_paths(roots: Sequence[str]) -> list[Path]:
    """Return the allowed folders as absolute paths, links followed."""
    return [Path(unquote(urlsplit(r).path) if r.startswith("file:") else r).expanduser().resolve() for r in roots]


def _jsonl(message: BatchFiles, path: Path, max_line_bytes: int) -> Generator[tuple[str, int, Records]]:
    open_file = gzip.open if message.compression == "gzip" else open
    with cast("BinaryIO", open_file(path, "rb")) as source:
        row, rest = 1, b""
        while True:
            data = source.read(_CHUNK)
            text = rest + data
            stop = text.rfind(b"\n") + 1 if data else len(text)
            rest = text[stop:]
            lines = line_array(pa.py_buffer(text[:stop])) if stop else pa.array([], pa.binary())
            if max(len(rest), pc.max(pc.binary_length(lines)).as_py() or 0) > max_line_bytes:
                raise InputError(
                    f"BATCH file {path.name}: a line after line {row - 1} is longer than max_line_mb allows",
                    "raise max_line_mb",
                )
            if stop:
                yield path.name, row, _written(message.stream, lines, row, path.name)
                row += len(lines)
            if not data:
                return


def _written(stream: str, lines: pa.BinaryArray, first: int, name: str) -> Records:
    """Return lines without the blank ones among them."""
    if pc.all(pc.starts_with(lines, b"{")).as_py():
        return Records(stream, lines, first, file=name)
    written = pc.invert(pc.match_substring_regex(lines, r"^[ \t\r\n]*$"))
    return Records(stream, lines.filter(written), first, positions=written, file=name)


def _parquet(message: BatchFiles, path: Path, max_line_bytes: int) -> Generator[tuple[str, int, pa.RecordBatch]]:
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES) as file:
        _refuse_twins(file.schema_arrow.names, path)
        found = (batches(file, groups, step) for groups, step in spans(path, file.metadata))
        yield from _numbered(path, chain.from_iterable(found))


def _arrow(message: BatchFiles, path: Path, max_line_bytes: int) -> Generator[tuple[str, int, pa.RecordBatch]]:
    with _opened(path) as source, pa.ipc.open_file(source) as file:
        _refuse_twins(file.schema.names, path)
        yield from _numbered(path, (file.get_batch(index) for index in range(file.num_record_batches)))


def _opened(path: Path) -> pa.NativeFile:
    """Open an Arrow file: mapped if its batches are large, else read, since all that was mapped stays in memory."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
        batches = file.num_record_batches
    large = path.stat().st_size > batches * _READ_BYTES
    return pa.memory_map(str(path)) if large else pa.OSFile(str(path), "rb")


def _refuse_twins(names: Sequence[str], path: Path) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise InputError(f"BATCH file {path.name} names columns {twins} more than once", "mend the tap")


def _numbered(path: Path, found: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, int, pa.RecordBatch]]:
    row = 1
    for batch in found:
        batch.validate(full=True)  # a writer may have put anything in its buffers, half a character among others
        step = rows_in(batch.num_rows, batch.nbytes)
        for start in range(0, batch.num_rows, step):
            part = batch.slice(start, step)
            yield path.name, row, part
            row += part.num_rows


_PIECES = {"jsonl": _jsonl, "parquet": _parquet, "arrow": _arrow}

"""Copies of Parquet files as data files of a table: pages as they are, the table's field ids in the footer.

With its ids in it a copy is read as any other data file of the table, also after columns are renamed or others take
their names. A name mapping, which is the other way, would then give old files the columns of others.
"""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import PyArrowFileIO

from target_dativo_iceberg.adoption import Candidate, UnfitError
from target_dativo_iceberg.files import FileForm, FileTarget, PartitionPlace, writing_errors
from target_dativo_iceberg.parquet_footer import MAGIC, TAIL_BYTES, with_field_ids

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile

_CHUNK = 4 << 20
_FIELD_ID = b"PARQUET:field_id"
_WIDER = {"INT32": "INT64", "FLOAT": "DOUBLE"}


def takes_files(target: FileTarget) -> bool:
    """Whether a table can have files as they are: its rows lie in any order, and no column is made for them."""
    return (
        not target.spec.fields
        and target.order is None
        and not target.fills
        and all(own == name for own, name in target.columns.items())
    )


def adopted(target: FileTarget, candidate: Candidate) -> DataFile:
    """Copy a file whose rows have passed into a table's data, and return the copy.

    Args:
        target: where data files of the table go.
        candidate: the file.

    Raises:
        InputError: it has changed since it was checked.
        StoreError: the file store refused.
        UnfitError: it does not fit the table, which is found before anything is copied.

    """
    if not takes_files(target):
        raise UnfitError("its table is partitioned or sorted, or has columns of its own")
    form = FileForm(target)
    try:
        with candidate.path.open("rb") as source:
            footer = _footer(source, candidate)
            new = _fitted(form, candidate, footer)
            length = candidate.stat.st_size - len(footer) - TAIL_BYTES
            file = _described(form, new, length)
            with writing_errors(f"writing a data file of table {target.table}"), _no_rest(target, file.file_path):
                whole = _copied(target, source, file.file_path, length, new)
                if not whole or candidate.has_changed():
                    raise candidate.changed()
    except FileNotFoundError:
        raise candidate.changed() from None
    return file


def _described(form: FileForm, footer: bytes, length: int) -> DataFile:
    """Return what the manifest says of the copy, under a new name."""
    metadata = pq.read_metadata(io.BytesIO(MAGIC + footer + _tail(footer)))
    place = PartitionPlace()
    try:
        return form.data_file(form.location(place), length + len(footer) + TAIL_BYTES, metadata, place)
    except ValueError as error:
        raise UnfitError(f"its footer has no statistics for its table: {error}") from None


# ---- the footer ----


def _footer(source: BinaryIO, candidate: Candidate) -> bytes:
    length = candidate.metadata.serialized_size
    source.seek(candidate.stat.st_size - length - TAIL_BYTES)
    footer, tail = source.read(length), source.read(TAIL_BYTES)
    if tail != _tail(footer):  # a signed footer is longer
        raise UnfitError("its footer is signed") if tail[4:] == MAGIC else candidate.changed()
    return footer


def _tail(footer: bytes) -> bytes:
    return len(footer).to_bytes(4, "little") + MAGIC


def _fitted(form: FileForm, candidate: Candidate, footer: bytes) -> bytes:
    """Return a file's footer with the field ids of a table's columns."""
    wanted = {column.name: column for column in _columns(form.parquet())}
    ids = {f.name: int(f.metadata[_FIELD_ID]) for f in form.arrow}
    own = _columns(candidate.metadata.schema)
    if len(own) != len(wanted) or any(c.path not in wanted or not _same(c, wanted[c.path]) for c in own):
        raise UnfitError("its columns are not stored as those of its table")
    numbers = [ids[column.path] for column in own]
    try:
        new = with_field_ids(footer, numbers)
        read = pq.ParquetFile(io.BytesIO(MAGIC + new + _tail(new)))
    except (ValueError, pa.ArrowException) as error:
        raise UnfitError(f"its footer cannot be changed: {error}") from None
    found = [int((f.metadata or {}).get(_FIELD_ID, -1)) for f in read.schema_arrow]
    if found != numbers or read.metadata.num_rows != candidate.metadata.num_rows:
        raise UnfitError("its footer cannot be changed")
    return new


def _columns(schema: pq.ParquetSchema) -> list[pq.ColumnSchema]:
    return [schema.column(index) for index in range(len(schema))]


def _same(own: pq.ColumnSchema, wanted: pq.ColumnSchema) -> bool:
    """Whether values are stored as the table's, or narrower in a way that every reader widens."""
    if own.max_repetition_level or own.max_definition_level > 1:
        return False
    if _meaning(own) != _meaning(wanted):
        return False
    physical = own.physical_type
    if physical == wanted.physical_type:
        return bool(own.length == wanted.length or physical != "FIXED_LEN_BYTE_ARRAY")
    if wanted.logical_type.type == "DECIMAL":
        return bool(physical == "FIXED_LEN_BYTE_ARRAY")
    return bool(_WIDER.get(physical) == wanted.physical_type)


def _meaning(column: pq.ColumnSchema) -> object:
    """Return what a column's values are, beyond how they are stored."""
    found = column.logical_type
    if found.type == "INT":
        return None if '"isSigned": true' in found.to_json() else found.to_json()
    return None if found.type == "NONE" else found.to_json()


# ---- the copy ----


@contextlib.contextmanager
def _no_rest(target: FileTarget, place: str) -> Any:
    """Delete a copy that did not come to an end."""
    try:
        yield
    except BaseException:
        target.delete(place)
        raise


def _copied(target: FileTarget, source: BinaryIO, place: str, length: int, footer: bytes) -> bool:
    """Copy the head of a file and put a footer behind it; return whether there was so much to copy."""
    local = _local(target, place)
    if local is None:
        with target.io.new_output(place).create(overwrite=False) as sink:
            source.seek(0)
            whole = _stream(source, sink, length)
            sink.write(footer + _tail(footer))
            return whole
    local.parent.mkdir(parents=True, exist_ok=True)
    with local.open("xb") as sink:
        whole = _clone(source, sink, length)
        sink.write(footer + _tail(footer))
        return whole


def _local(target: FileTarget, place: str) -> Path | None:
    """Return the path of a file that is on this machine."""
    if not isinstance(target.io, PyArrowFileIO):
        return None
    scheme, _, path = target.io.parse_location(place, target.io.properties)
    return Path(path) if scheme == "file" else None


def _clone(source: BinaryIO, sink: BinaryIO, length: int) -> bool:
    """Have the file system copy bytes, which shares them where it can."""
    done = 0
    try:
        while done < length:
            count = os.copy_file_range(source.fileno(), sink.fileno(), length - done, done)
            if not count:
                break
            done += count
    except OSError:  # another file system, or one that cannot
        pass
    source.seek(done)
    sink.seek(done)
    return _stream(source, sink, length - done)


def _stream(source: BinaryIO, sink: Any, length: int) -> bool:
    while length and (chunk := source.read(min(_CHUNK, length))):
        sink.write(chunk)
        length -= len(chunk)
    return not length

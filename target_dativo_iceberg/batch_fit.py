"""Which Parquet files of BATCH messages may be adopted, as far as settings, contract and their footers tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from target_dativo_iceberg import log
from target_dativo_iceberg.adoption import Candidate, UnfitError
from target_dativo_iceberg.contract.model import Kind, Type
from target_dativo_iceberg.contract.values.arrow import arrow_type
from target_dativo_iceberg.piece_sizes import text_lengths
from target_dativo_iceberg.wide_groups import are_wide

if TYPE_CHECKING:
    from pathlib import Path

    from target_dativo_iceberg.streams import Stream

# Of the size at which a data file of the table is closed: smaller ones are put together with others, larger ones cut.
_LEAST_SHARE, _MOST_SHARE = 0.25, 2.0
# Of a row group: readers hold one in memory, and skip what is not wanted by whole ones.
_LEAST_ROWS = 16_384
_MOST_BYTES = 512 << 20
_CODECS = {"ZSTD", "SNAPPY", "GZIP", "LZ4", "LZ4_RAW"}
# What every reader of Iceberg tables knows; the vectorised ones among them know no others.
_ENCODINGS = {"PLAIN", "PLAIN_DICTIONARY", "RLE", "RLE_DICTIONARY", "BIT_PACKED"}
_INDEX_BYTES = 3
_SHORT_BYTES = 64
_MIB = 1 << 20


def takes_files(stream: Stream) -> bool:
    """Whether the settings and the contract of a stream let its table have files as they are."""
    settings = stream.settings
    return (
        settings.adopt_batch_files
        and settings.load_method == "append-only"
        and not settings.add_record_metadata
        and stream.privacy.changes_nothing
    )


def chosen(stream: Stream, path: Path) -> Candidate | None:
    """Return a Parquet file of a stream as one that may be adopted; None, and the reason said once, if it may not.

    Raises:
        OSError: it cannot be read.
        pa.ArrowException: it is no Parquet file.

    """
    try:
        return _candidate(path, stream)
    except UnfitError as error:
        log.once(f"stream '{stream.name}': BATCH files are written anew: {error}", level="info")
        return None


def _candidate(path: Path, stream: Stream) -> Candidate:
    """Return a file as one that may be adopted.

    Args:
        path: of the file.
        stream: whose rows it has.

    Raises:
        OSError: it cannot be read.
        pa.ArrowException: it is no Parquet file.
        UnfitError: it is written anew, and why.

    """
    stat = path.stat()
    target = stream.settings.target_file_size_mb * _MIB
    if not _LEAST_SHARE * target <= stat.st_size <= _MOST_SHARE * target:
        size = f"under {_LEAST_SHARE:.0%}" if stat.st_size < target else f"over {_MOST_SHARE:.0%}"
        raise UnfitError(f"its size is {size} of target_file_size_mb")
    with pq.ParquetFile(path, pre_buffer=False) as file:
        schema, metadata = file.schema_arrow, file.metadata
    _check_columns(schema, stream)
    _check_groups(metadata, compressed=stream.settings.compression != "none")
    return Candidate(path, stat, metadata, stream.batch_plan, _repeating(path, schema, metadata, stream))


def _repeating(path: Path, schema: pa.Schema, metadata: pq.FileMetaData, stream: Stream) -> list[str]:
    """Return the text columns that are checked by their dictionaries: each value once.

    A column that is looked at in order, as a key or by an aggregate check, is not among them, nor one with long texts,
    which would take much memory if they had to be written after all. Those of a wide file wait on the disk, as texts.
    """
    if stream.ordered.measures or are_wide(metadata):
        return []
    kinds = {f.name: f.type.kind for f in stream.contract.fields}
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return [
        name
        for index, name in enumerate(schema.names)
        if kinds[name] is Kind.STRING
        and name not in stream.ordered.key_columns
        and all(_has_dictionary(group.column(index)) for group in groups)
        and (pc.max(text_lengths(path, metadata, 0, name)).as_py() or 0) <= _SHORT_BYTES
    ]


def _has_dictionary(chunk: pq.ColumnChunkMetaData) -> bool:
    """Whether most values of a text column take no more bytes than their number in a dictionary."""
    small = chunk.total_uncompressed_size <= _INDEX_BYTES * chunk.num_values
    return bool(small and chunk.has_dictionary_page)


def _check_columns(schema: pa.Schema, stream: Stream) -> None:
    fields = {f.name: f.type for f in stream.contract.fields}
    if len(schema.names) != len(fields) or set(schema.names) != fields.keys():
        raise UnfitError("it has not the columns of the contract")
    for column in schema:
        if not _fits(column.type, fields[column.name]):
            raise UnfitError(f"its column '{column.name}' is not of the contract's type")


def _fits(type_: pa.DataType, wanted: Type) -> bool:
    """Whether values are stored as the contract's, or narrower in a way that every reader of Iceberg widens."""
    own = arrow_type(wanted)
    if wanted.kind is Kind.UUID:
        return bool(type_ == pa.uuid())
    if pa.types.is_nested(own):
        return False
    narrower = {pa.int64(): pa.int32(), pa.float64(): pa.float32()}.get(own)
    larger = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}.get(own)
    return type_ in (own, narrower, larger)


def _check_groups(metadata: pq.FileMetaData, *, compressed: bool) -> None:
    groups = metadata.num_row_groups
    if groups == 0 or metadata.num_rows < _LEAST_ROWS * groups:
        raise UnfitError("its row groups are small")
    for number in range(groups):
        group = metadata.row_group(number)
        if group.total_byte_size > _MOST_BYTES:
            raise UnfitError("its row groups are large")
        for index in range(group.num_columns):
            _check_chunk(group.column(index), compressed=compressed)


def _check_chunk(chunk: pq.ColumnChunkMetaData, *, compressed: bool) -> None:
    if chunk.compression not in _CODECS and (compressed or chunk.compression != "UNCOMPRESSED"):
        raise UnfitError("it is not compressed as data files are")
    if not _ENCODINGS.issuperset(chunk.encodings):
        raise UnfitError("it has encodings that not every reader knows")
    if not chunk.is_stats_set or not chunk.statistics.has_null_count:
        raise UnfitError("its footer has no statistics")

"""Stream maps and flattening through the SDK's mapper: a slow path, record by record, only when they are set."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from target_dativo_iceberg.cells import json_lines
from target_dativo_iceberg.contract.json_text import NonFinite, NotJsonError, Repeated, TooLong
from target_dativo_iceberg.errors import InputError, RecordBeforeSchemaError, SettingsError
from target_dativo_iceberg.messages import Records, Schema
from target_dativo_iceberg.rows import record_of

if TYPE_CHECKING:
    from singer_sdk.mapper import PluginMapper

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
# What JSON does not have stays what it is, so that the contract judges it.
_NAN, _TOO_LONG = msgspec.Raw(b"NaN"), msgspec.Raw(b"1e1000000000000000000000")


# Number, line, record and what its message says beside it.
_Row = tuple[int, bytes, dict[str, Any] | None, bytes]


class StreamMaps:
    """The user's stream maps.

    Args:
        config: the SDK settings `stream_maps`, `stream_map_config`, `flattening_*`.

    Raises:
        SettingsError: the SDK refuses the maps.

    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        from singer_sdk.mapper import PluginMapper  # noqa: PLC0415 - only for those who use maps

        try:
            self._mapper: PluginMapper = PluginMapper(plugin_config=dict(config), logger=logging.getLogger(__name__))
        except Exception as error:  # the SDK raises whatever its expression parser meets
            raise SettingsError(f"stream maps are refused ({type(error).__name__})", "check stream_maps") from error

    def schemas(self, message: Schema) -> list[Schema]:
        """Return the SCHEMA messages that one SCHEMA becomes.

        Raises:
            SettingsError: a map does not fit the schema.

        """
        try:
            self._mapper.register_raw_stream_schema(message.stream, message.schema, list(message.key_properties))
        except Exception as error:  # as above
            raise SettingsError(
                f"the stream map of '{message.stream}' does not fit its SCHEMA ({type(error).__name__})",
                "check stream_maps",
            ) from error
        return [
            Schema(m.stream_alias, m.transformed_schema, tuple(m.transformed_key_properties or ()))
            for m in self._mapper.stream_maps[message.stream]
            if not _removes(m)
        ]

    def records(self, run: Records, *, bare: bool = False) -> Iterator[tuple[Records, int]]:
        """Yield the runs that one run of records becomes, each with how many records its map filtered out.

        A line that holds no record is handed on as it is.

        Args:
            run: RECORD lines, or with `bare` lines that are records.
            bare: see there.

        Raises:
            InputError: a map's expression fails on a record, or the stream's SCHEMA has not come.

        """
        maps = self._mapper.stream_maps.get(run.stream)
        if maps is None:
            raise RecordBeforeSchemaError(f"{run.where(0)}: RECORD before its SCHEMA", "mend the tap")
        lines = run.lines.to_pylist()
        rows = [(row, line, *_record(line, bare=bare)) for row, line in enumerate(lines)]
        for stream_map in maps:
            if not _removes(stream_map):
                out = self._mapped(stream_map, rows, run)
                yield out, len(rows) - len(out.lines)

    def names(self, stream: str) -> list[str]:
        """Return the names under which a stream of the tap is loaded."""
        return [m.stream_alias for m in self._mapper.stream_maps.get(stream, ()) if not _removes(m)]

    def batch(self, stream: str, piece: Records | pa.RecordBatch, row: int, name: str) -> Iterator[tuple[Records, int]]:
        """Yield the runs that a piece of a BATCH file becomes, as `records` does.

        Args:
            stream: of the BATCH message.
            piece: as `batch_files.pieces` gives it, with its first row and its file's name.
            row: see there.
            name: see there.

        """
        run = piece if isinstance(piece, Records) else Records(stream, json_lines(piece), row, file=name)
        return self.records(run, bare=True)

    def _mapped(self, stream_map: Any, rows: Sequence[_Row], run: Records) -> Records:
        lines, kept = [], []
        for row, line, record, told in rows:
            mapped = line if record is None else self._line(stream_map, dict(record), told, run, row)
            if mapped is not None:
                lines.append(mapped)
                kept.append(row)
        numbers = run.line_numbers().take(pa.array(kept, pa.int64()))
        return Records(stream_map.stream_alias, pa.array(lines, pa.binary()), numbers=numbers, file=run.file)

    def _line(self, stream_map: Any, record: dict[str, Any], told: bytes, run: Records, row: int) -> bytes | None:
        try:
            mapped = stream_map.transform(record)
            if mapped is None:
                return None
            return b'{"type":"RECORD","stream":"x","record":' + _ENCODE(_writable(mapped)) + told + b"}\n"
        except Exception as error:  # expressions are the user's
            raise InputError(
                f"{run.place(row)}: the stream map of '{stream_map.stream_alias}' fails ({type(error).__name__})",
                "check stream_maps",
            ) from error


def _record(line: bytes, *, bare: bool) -> tuple[dict[str, Any] | None, bytes]:
    """Return the record in a line, None when a map could not be given it whole, and what its message says beside it."""
    try:
        record, _ = record_of(line, bare=bare)
    except NotJsonError:
        return None, b""
    return (None, b"") if isinstance(record, Repeated) else (record, b"" if bare else _told(line))


class _Beside(msgspec.Struct):
    time_extracted: msgspec.Raw = msgspec.Raw(b"null")
    version: msgspec.Raw = msgspec.Raw(b"null")


_BESIDE = msgspec.json.Decoder(_Beside)


def _told(line: bytes) -> bytes:
    try:
        found = _BESIDE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # only the slow reader takes the line
        return b""
    values = {b"time_extracted": bytes(found.time_extracted), b"version": bytes(found.version)}
    return b"".join(b',"' + name + b'":' + value for name, value in values.items() if value != b"null")


def _removes(stream_map: Any) -> bool:
    return type(stream_map).__name__ == "RemoveRecordTransform"


def _writable(value: Any) -> Any:
    """Return a value that is written as it was read."""
    if isinstance(value, Repeated):
        members = (_ENCODE(name) + b":" + _ENCODE(_writable(member)) for name, member in value.pairs)
        return msgspec.Raw(b"{" + b",".join(members) + b"}")
    if isinstance(value, Mapping):
        return {name: _writable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if isinstance(value, TooLong):
        return _TOO_LONG
    odd = isinstance(value, NonFinite) or (isinstance(value, float) and not math.isfinite(value))
    return _NAN if odd else value

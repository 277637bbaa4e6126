"""Stream maps and flattening through the SDK's mapper: a slow path, record by record, only when they are set."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from target_dativo_iceberg.contract.coerce import NotJsonError, decode
from target_dativo_iceberg.errors import InputError, SettingsError
from target_dativo_iceberg.messages import Records, Schema

if TYPE_CHECKING:
    from singer_sdk.mapper import PluginMapper

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


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

    def records(self, run: Records) -> Iterator[tuple[Records, int]]:
        """Yield the runs that one run of records becomes, each with how many records its map filtered out.

        Raises:
            InputError: a line holds no record, or a map's expression fails on it.

        """
        rows = [self._record(run, row) for row in range(len(run.lines))]
        for stream_map in self._mapper.stream_maps.get(run.stream, ()):
            if _removes(stream_map):
                continue
            lines, numbers = [], []
            for number, record in rows:
                mapped = self._mapped(stream_map, dict(record), number)
                if mapped is not None:
                    lines.append(b'{"type":"RECORD","stream":"x","record":' + _ENCODE(_plain(mapped)) + b"}\n")
                    numbers.append(number)
            found, where = pa.array(lines, pa.binary()), pa.array(numbers, pa.int64())
            yield Records(stream_map.stream_alias, found, 0, 0, None, where), len(rows) - len(lines)

    def _record(self, run: Records, row: int) -> tuple[int, dict[str, Any]]:
        number = run.line_number(row)
        try:
            record = decode(run.lines[row].as_py()).get("record")
        except NotJsonError as error:
            raise InputError(f"line {number}: stream '{run.stream}': {error}", "mend the tap") from None
        if not isinstance(record, dict):
            raise InputError(f"line {number}: stream '{run.stream}': RECORD without a 'record' object", "mend the tap")
        return number, record

    def _mapped(self, stream_map: Any, record: dict[str, Any], number: int) -> Mapping[str, Any] | None:
        try:
            return stream_map.transform(record)  # type: ignore[no-any-return]
        except Exception as error:  # expressions are the user's
            raise InputError(
                f"line {number}: the stream map of '{stream_map.stream_alias}' fails ({type(error).__name__})",
                "check stream_maps",
            ) from error


def _removes(stream_map: Any) -> bool:
    return type(stream_map).__name__ == "RemoveRecordTransform"


def _plain(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return {k: (v if not isinstance(v, float) or v == v else None) for k, v in record.items()}  # noqa: PLR0124

"""Lines of Singer messages in, lines out: streams that are taken become documents, all else passes byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from tap_adapters.common.errors import FileError, SettingsError
from tap_adapters.markdown_kv.mapper.raw_files import RawFiles
from tap_adapters.markdown_kv.mapper.settings import MapperSettings
from tap_adapters.markdown_kv.mapper.streams import DocumentedStream, documented

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class _Envelope(msgspec.Struct):
    type: str
    stream: str | None = None


_envelopes = msgspec.json.Decoder(_Envelope)


class Translator:
    """Turns one line after the other; the order of what goes out is that of what comes in."""

    def __init__(self, settings: MapperSettings) -> None:
        self._settings = settings
        started = datetime.now(UTC)
        self._now = started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        folder = settings.output_path
        self._files = None if folder is None else RawFiles(folder, settings.path_pattern, started)
        self._streams: dict[str, DocumentedStream] = {}
        self._line = 0

    def lines(self, line: bytes) -> Iterator[bytes]:
        """Yield what becomes of a line, each with its line end; FileError or SettingsError for what cannot be taken."""
        self._line += 1
        if not line.strip():
            return
        try:
            envelope = _envelopes.decode(line)
            if envelope.stream is None or not self._settings.takes(envelope.stream):
                self._before(envelope.type)
                yield line if line.endswith(b"\n") else line + b"\n"
                return
            message = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FileError(f"Line {self._line} of the input is no Singer message.") from error
        for translated in self._translated(envelope.type, envelope.stream, message):
            yield _encoder.encode(translated) + b"\n"

    def _before(self, kind: str) -> None:
        """A STATE that passes says that all before it is kept: so are the files by then."""
        if kind == "STATE" and self._files is not None:
            self._files.sync()

    def _translated(self, kind: str, stream: str, message: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
        match kind:
            case "SCHEMA":
                yield from self._schema(stream, message)
            case "RECORD":
                yield from self._record(stream, message)
            case "ACTIVATE_VERSION":
                yield from ({**message, "stream": out.name} for out in self._known(stream).outs)
            case "BATCH":
                raise SettingsError(
                    f"Stream '{stream}' comes in BATCH files, which are not mapped; unset 'batch_config'."
                )
            case _:
                yield message

    def _schema(self, stream: str, message: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
        if not isinstance(message.get("schema"), dict):
            raise FileError(f"Line {self._line} of the input is a SCHEMA without a schema.")
        self._streams[stream] = documented(message, self._settings, self._files)
        for out in self._streams[stream].outs:
            yield {"type": "SCHEMA", "stream": out.name, "schema": out.schema, "key_properties": list(out.keys)}

    def _record(self, stream: str, message: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
        record = message.get("record")
        if not isinstance(record, dict):
            raise FileError(f"Line {self._line} of the input is a RECORD without a record.")
        moment = message.get("time_extracted") or self._now
        for name, row in self._known(stream).rows(record, moment):
            yield {**message, "stream": name, "record": row}

    def _known(self, stream: str) -> DocumentedStream:
        try:
            return self._streams[stream]
        except KeyError:
            raise FileError(f"Line {self._line} of the input: stream '{stream}' has had no SCHEMA yet.") from None

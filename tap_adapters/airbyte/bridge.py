"""From a source's messages to Singer's, in their order, without a look into a row."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import IO

import msgspec
from msgspec import Raw

from tap_adapters.airbyte.catalog import Selected
from tap_adapters.airbyte.columns import Mask, prune
from tap_adapters.airbyte.protocol import INCREMENTAL, RECORD, STATE, Descriptor, Message, Record
from tap_adapters.airbyte.source import Source
from tap_adapters.airbyte.state import Positions
from tap_adapters.common.errors import TapError


class Bridge:
    """Reads the selected streams of a source and writes them as Singer messages."""

    def __init__(self, source: Source, streams: Sequence[Selected], logger: logging.Logger) -> None:
        self._source = source
        self._streams = streams
        self._logger = logger
        self._ways: dict[tuple[str | None, str], tuple[str, bytes, Mask | None]] = {
            (stream.descriptor.namespace, stream.descriptor.name): (stream.id, _prefix(stream.id), stream.mask)
            for stream in streams
        }
        self._counts: Counter[str] = Counter()
        self._unwanted = 0

    def run(self, state: bytes | str | None, out: IO[bytes]) -> None:
        """Write SCHEMAs, then records and states as they come; every STATE stands behind the records before it."""
        incremental: list[Descriptor] = [s.descriptor for s in self._streams if s.mode == INCREMENTAL]
        positions = Positions(state, incremental)
        catalog = msgspec.json.encode({"streams": [stream.configured for stream in self._streams]})
        messages = self._source.read(catalog, positions.for_source())
        for stream in self._streams:
            out.write(msgspec.json.encode(stream.schema_message) + b"\n")
        out.flush()
        with closing(messages):
            for batch in messages:
                pieces: list[bytes | Raw] = []
                try:
                    self._translate(batch, positions, pieces)
                except TapError:
                    _write(pieces, out)
                    raise
                _write(pieces, out)
        self._tell()

    def _translate(self, batch: Sequence[Message], positions: Positions, pieces: list[bytes | Raw]) -> None:
        for message in batch:
            if message.type == RECORD and message.record:
                self._record(message.record, pieces)
            elif message.type == STATE:
                self._state(message, positions, pieces)

    def _record(self, record: Record, pieces: list[bytes | Raw]) -> None:
        way = self._ways.get((record.namespace, record.stream))
        if way is None:
            self._unwanted += 1
            return
        name, prefix, mask = way
        pieces += (prefix, record.data if mask is None else prune(record.data, mask), b"}\n")
        self._counts[name] += 1

    @staticmethod
    def _state(message: Message, positions: Positions, pieces: list[bytes | Raw]) -> None:
        value = positions.take(message.state)
        if value is not None:
            pieces.append(msgspec.json.encode({"type": "STATE", "value": value}) + b"\n")

    def _tell(self) -> None:
        for stream in self._streams:
            self._logger.info("Stream '%s': %d records.", stream.id, self._counts[stream.id])
        if self._unwanted:
            self._logger.warning("%d records of streams that are not selected were left out.", self._unwanted)


def _write(pieces: Sequence[bytes | Raw], out: IO[bytes]) -> None:
    if pieces:
        out.write(b"".join(pieces))
        out.flush()


def _prefix(name: str) -> bytes:
    return b'{"type":"RECORD","stream":' + msgspec.json.encode(name) + b',"record":'

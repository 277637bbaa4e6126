"""One line as one Singer message: SCHEMA, STATE, ACTIVATE_VERSION, BATCH, and RECORD in an unusual order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from target_dativo_iceberg.contract.json_text import NotJsonError, Text, decode, text_of
from target_dativo_iceberg.errors import InputError

_FORMATS = ("jsonl", "parquet", "arrow")
_COMPRESSIONS = {None: "none", "none": "none", "gzip": "gzip", "gz": "gzip"}
# What Parquet and Arrow files do inside, and say there.
_INSIDE = ("snappy", "zstd", "lz4")


@dataclass(frozen=True, slots=True)
class Schema:
    """SCHEMA: the shape of a stream's records and its key properties."""

    stream: str
    schema: dict[str, Any]
    key_properties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """STATE: `value` is the JSON text exactly as it came, to be printed as it came."""

    value: bytes


@dataclass(frozen=True, slots=True)
class ActivateVersion:
    """ACTIVATE_VERSION: rows of older versions of the stream are gone at the source."""

    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """BATCH: records of a stream in files; `format` is jsonl, parquet or arrow."""

    stream: str
    format: str
    compression: str
    manifest: tuple[str, ...]


Control = Schema | State | ActivateVersion | BatchFiles


class _Message(msgspec.Struct):
    """Any Singer message; members are checked by kind afterwards."""

    type: str
    stream: Any = None
    schema: Any = None
    key_properties: Any = None
    record: msgspec.Raw = msgspec.Raw(b"")
    value: msgspec.Raw = msgspec.Raw(b"")
    version: Any = None
    encoding: Any = None
    manifest: Any = None
    time_extracted: Any = None


# Exact: a bound of a SCHEMA may have more digits than a float.
_MESSAGE = msgspec.json.Decoder(_Message, float_hook=Decimal)


def decode_control(line: bytes, number: int) -> Control | bytes | None:
    """Decode a line that is not in the usual form of a RECORD.

    Args:
        line: with or without its newline.
        number: of the line in the input, from 1.

    Returns:
        The message; for a RECORD with its members in an unusual order, the same line in the usual order;
        None for a blank line.

    Raises:
        InputError: what is wrong, with the line's number.

    """
    if not line.strip():
        return None
    where = f"line {number}"
    try:
        message = _MESSAGE.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        record = _lenient_record(line)
        if record is None:
            raise _undecodable(line, where, error) from None
        return record
    if message.type == "STATE":
        return _state(message, where)
    if message.type not in _BY_TYPE:
        raise InputError(f"{where}: unknown message type", f"known are {', '.join(_BY_TYPE)} and STATE")
    if not isinstance(message.stream, str) or not message.stream:
        raise InputError(f"{where}: {message.type} without 'stream'", "mend the tap")
    return _BY_TYPE[message.type](message, f"{where}: {message.type} of stream '{message.stream}'")


def _undecodable(line: bytes, where: str, error: Exception) -> InputError:
    if isinstance(error, msgspec.ValidationError):
        missing = "type" in str(error) or not line.lstrip().startswith(b"{")
        what = "not a Singer message: no text member 'type'" if missing else "not a Singer message"
        return InputError(f"{where}: {what}", "is this the output of a tap?")
    if line.startswith(b"\xef\xbb\xbf"):
        return InputError(f"{where}: starts with a byte order mark", "have the tap write UTF-8 without one")
    try:
        decode(line)
    except NotJsonError as wrong:
        ended = "" if line.endswith(b"\n") else ", and the input ends inside it"
        return InputError(f"{where}: {wrong}{ended}", "the tap wrote something else, or was cut off")
    what = "nested too deep" if isinstance(error, RecursionError) else "holds what JSON does not have"
    return InputError(f"{where}: {what}", "mend the tap")


# ---- kinds ----


def _schema(message: _Message, where: str) -> Schema:
    if not isinstance(message.schema, dict):
        raise InputError(f"{where} without a 'schema' object", "mend the tap")
    keys = message.key_properties or []
    if not isinstance(keys, list) or not all(isinstance(k, str) for k in keys):
        raise InputError(f"{where}: 'key_properties' is not a list of names", "mend the tap")
    return Schema(message.stream, message.schema, tuple(keys))


def _record(message: _Message, where: str) -> bytes:
    record = bytes(message.record)
    if not record.startswith(b"{"):
        raise InputError(f"{where} without a 'record' object", "mend the tap")
    return _usual(message.stream, record, message.time_extracted, message.version)


def _usual(stream: str, record: bytes, extracted: Any, version: Any) -> bytes:
    """Return a RECORD line whose members are in the usual order."""
    tail = b',"time_extracted":' + json.dumps(extracted).encode() if isinstance(extracted, str) else b""
    if isinstance(version, (int, str)):
        tail += b',"version":' + json.dumps(version).encode()
    return b'{"type":"RECORD","stream":' + json.dumps(stream).encode() + b',"record":' + record + tail + b"}\n"


def _lenient_record(line: bytes) -> bytes | None:
    """Return a RECORD in the usual order though it holds what only the slow reader takes: NaN, half a surrogate."""
    try:
        message, text = decode(line), text_of(line)
    except NotJsonError:
        return None
    if not isinstance(message, dict) or message.get("type") != "RECORD":
        return None
    stream = message.get("stream")
    if not isinstance(stream, str) or not isinstance(message.get("record"), dict):
        return None
    record = Text(text).part("record").cut().encode()
    return _usual(stream, record, message.get("time_extracted"), message.get("version"))


def _state(message: _Message, where: str) -> State:
    value = bytes(message.value)
    if not value:
        raise InputError(f"{where}: STATE without 'value'", "mend the tap")
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{where}: STATE is not UTF-8", "mend the tap") from None
    return State(value)


def _activate_version(message: _Message, where: str) -> ActivateVersion:
    if not isinstance(message.version, int) or isinstance(message.version, bool):
        raise InputError(f"{where} without a 'version' number", "mend the tap")
    return ActivateVersion(message.stream, message.version)


def _batch(message: _Message, where: str) -> BatchFiles:
    encoding = message.encoding if isinstance(message.encoding, dict) else {}
    format_, compression = encoding.get("format"), encoding.get("compression")
    manifest = message.manifest
    if not isinstance(manifest, list) or not all(isinstance(m, str) for m in manifest):
        raise InputError(f"{where} without a 'manifest' list", "mend the tap")
    known = compression is None or isinstance(compression, str)
    if format_ != "jsonl" and known and compression in _INSIDE:
        compression = None
    if format_ not in _FORMATS or not known or compression not in _COMPRESSIONS:
        raise InputError(f"{where} in an unknown encoding", "use jsonl (gzip or none), parquet or arrow")
    return BatchFiles(message.stream, format_, _COMPRESSIONS[compression], tuple(manifest))


_BY_TYPE: dict[str, Callable[[_Message, str], Control | bytes]] = {
    "SCHEMA": _schema,
    "RECORD": _record,
    "ACTIVATE_VERSION": _activate_version,
    "BATCH": _batch,
}

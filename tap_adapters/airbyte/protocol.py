"""The messages of the Airbyte protocol (version 0) as far as the bridge reads them.

Rows and messages have no cycles, so the garbage collector need not look at them (`gc=False`): twice as fast.
Everything that is only passed on stays `Raw`: the JSON text as the source wrote it.
Source: the protocol's public description, docs.airbyte.com/understanding-airbyte/airbyte-protocol.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

RECORD, STATE, LOG, TRACE, CONTROL = "RECORD", "STATE", "LOG", "TRACE", "CONTROL"
CATALOG, CONNECTION_STATUS = "CATALOG", "CONNECTION_STATUS"
KNOWN = frozenset({RECORD, STATE, LOG, TRACE, CONTROL, CATALOG, CONNECTION_STATUS, "SPEC"})

INCREMENTAL, FULL_REFRESH = "incremental", "full_refresh"
STREAM, GLOBAL, LEGACY = "STREAM", "GLOBAL", "LEGACY"

NOTHING = Raw(b"null")


class Record(Struct, gc=False):
    """One row of a stream."""

    stream: str
    data: Raw
    namespace: str | None = None


class Message(Struct, gc=False):
    """Any message; of all members but `type` only the one that its type names is there."""

    type: str
    record: Record | None = None
    state: Raw = NOTHING
    log: Raw = NOTHING
    trace: Raw = NOTHING
    control: Raw = NOTHING
    catalog: Raw = NOTHING
    connection_status: Raw = field(default=NOTHING, name="connectionStatus")


class Descriptor(Struct, frozen=True, omit_defaults=True):
    """What names a stream."""

    name: str
    namespace: str | None = None


class StreamState(Struct):
    """The position in one stream; null where the source has none."""

    stream_descriptor: Descriptor
    stream_state: Raw = NOTHING


class GlobalState(Struct):
    """One position in all streams, as change logs of databases have it."""

    shared_state: Raw = NOTHING
    stream_states: list[StreamState] = []


class State(Struct):
    """A position in one of three forms; a source that names none of them speaks the oldest, in `data`."""

    type: str | None = None
    stream: StreamState | None = None
    global_: GlobalState | None = field(default=None, name="global")
    data: Raw = NOTHING


class Log(Struct):
    """A line of the source's log."""

    level: str = "INFO"
    message: str = ""


class TraceError(Struct):
    """What made the source fail; the internal message and the stack trace are left alone, they may hold rows."""

    message: str = ""
    failure_type: str | None = None
    stream_descriptor: Descriptor | None = None


class StreamStatus(Struct):
    """How far a stream is: STARTED, RUNNING, COMPLETE or INCOMPLETE."""

    stream_descriptor: Descriptor
    status: str


class Trace(Struct):
    """ERROR, STREAM_STATUS, or what we have no use for."""

    type: str = ""
    error: TraceError | None = None
    stream_status: StreamStatus | None = None


class ConfigUpdate(Struct):
    """A whole new configuration."""

    config: dict[str, Any]


class Control(Struct):
    """CONNECTOR_CONFIG is the only type there is."""

    type: str = ""
    connector_config: ConfigUpdate | None = field(default=None, name="connectorConfig")


class Catalog(Struct):
    """The streams of a source; each keeps members that we do not know."""

    streams: list[dict[str, Any]]


class ConnectionStatus(Struct):
    """The verdict of `check`: SUCCEEDED or FAILED."""

    status: str
    message: str = ""


class _Typed(Struct):
    type: str


decode_message = Decoder(Message).decode
decode_type = Decoder(_Typed).decode

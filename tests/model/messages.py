"""What a tap may send, drawn at random: records, deletes, changes of SCHEMA, versions; the lines and what they do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

STREAMS = ("a", "b")
MIB = 1 << 20
NARROW = 7
WIDE = 1 << 40  # does not fit a column of 32 bits
_EXTRAS: Sequence[tuple[dict[str, Any], Any]] = (
    ({"type": ["string", "null"]}, "extra"),
    ({"type": ["number", "null"]}, 0.5),
    ({"type": ["boolean", "null"]}, True),
)


# ---- messages ----


class Row(NamedTuple):
    """A record."""

    stream: str
    key: int
    text: str | None
    number: int | None
    part: int | None


class Rows(NamedTuple):
    """Records with keys one after the other."""

    stream: str
    first: int
    count: int
    text: str


class Delete(NamedTuple):
    """A log-based tap's record of a row that is gone."""

    stream: str
    key: int
    day: int


class Keyless(NamedTuple):
    """A record whose key is null."""

    stream: str


class Activate(NamedTuple):
    """ACTIVATE_VERSION."""

    stream: str


class Add(NamedTuple):
    """A SCHEMA with one more column."""

    stream: str


class Drop(NamedTuple):
    """A SCHEMA without the column added last."""

    stream: str


Message = Row | Rows | Delete | Keyless | Activate | Add | Drop

_STREAM = st.sampled_from(STREAMS)
_KEY = st.integers(0, 9)
_ROW = st.builds(
    Row,
    _STREAM,
    _KEY,
    st.sampled_from(["a", None, "bb", "ccc"]),
    st.sampled_from([None, 1, NARROW, WIDE]),
    st.sampled_from([None, 1, 2]),
)
_OTHERS = (
    st.builds(Rows, _STREAM, st.sampled_from([0, 5, 30]), st.sampled_from([40, 150]), st.sampled_from(["x", "yy"])),
    st.builds(Delete, _STREAM, _KEY, st.integers(1, 9)),
    st.builds(Keyless, _STREAM),
    st.builds(Activate, _STREAM),
    st.one_of(st.builds(Add, _STREAM), st.builds(Drop, _STREAM)),
)
MESSAGES = st.lists(st.one_of(_ROW, _ROW, _ROW, _ROW, *_OTHERS), max_size=7)
EPOCHS = st.lists(MESSAGES, min_size=1, max_size=2)


# ---- what they do to tables ----


class Put(NamedTuple):
    """A record as a row: its columns, and when it was deleted at its source."""

    stream: str
    row: dict[str, Any]
    deleted: str | None


class Bad(NamedTuple):
    """A record that breaks its contract."""

    stream: str


class Retire(NamedTuple):
    """Rows of versions lower than this one are gone."""

    stream: str
    version: int


class Columns(NamedTuple):
    """A SCHEMA: the table has these columns at least."""

    stream: str
    names: frozenset[str]


Effect = Put | Bad | Retire | Columns


@dataclass(frozen=True)
class Epoch:
    """A part of what a tap sends, up to a STATE.

    Attributes:
        schemas: the SCHEMA lines with which a tap begins that resumes here.
        lines: the messages, without the STATE.
        begun: what the SCHEMA lines do.
        effects: what the messages do.
        state: value of the STATE.

    """

    schemas: bytes
    lines: bytes
    begun: Sequence[Effect]
    effects: Sequence[Effect]
    state: bytes

    def text(self, *, first: bool, size: int = 0) -> bytes:
        """All of it, its STATE being so long that it has a size; the first of a run begins with the SCHEMAs."""
        head = (self.schemas if first else b"") + self.lines
        if not self.state:
            return head
        state = b'{"type":"STATE","value":%s' % self.state
        return head + state + b" " * (size - len(head) - len(state) - 2) + b"}\n"


@dataclass(frozen=True)
class Kind:
    """What is the same for all runs over one warehouse.

    Attributes:
        methods: load method by stream.
        hard: deleted rows leave their tables; otherwise they are marked.
        metadata: tables have the columns of the SDK, among them the version.
        composite: keys have two columns.
        contract: streams are held to a contract; otherwise to their SCHEMA.
        partition: `partition_by`.
        sort: `sort_by`.

    """

    methods: Mapping[str, str]
    hard: bool
    metadata: bool
    composite: bool
    contract: bool
    partition: Sequence[str]
    sort: Sequence[str]

    @property
    def keys(self) -> list[str]:
        return ["id", "k"] if self.composite else ["id"]

    @property
    def one_epoch(self) -> bool:
        """Whether a run publishes once, at its end."""
        return "overwrite" in self.methods.values()


@dataclass
class Tap:
    """Turns messages into lines, STATE after STATE.

    Attributes:
        kind: of the warehouse.
        version: that records have and ACTIVATE_VERSION says.
        wide: the contract gives column `n` 64 bits.

    """

    kind: Kind
    version: int = 1
    wide: bool = False
    _extras: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    _states: int = 0

    def epochs(self, drawn: Iterable[Sequence[Message]]) -> list[Epoch]:
        """Return what is sent; where a run publishes once, all of it is one epoch."""
        drawn = list(drawn)
        if self.kind.one_epoch:
            drawn = [[message for messages in drawn for message in messages]]
        return [self._epoch(messages) for messages in drawn]

    def empty(self) -> Epoch:
        """Return what a tap sends that has nothing new: SCHEMAs alone."""
        begun = [self._columns(s) for s in STREAMS]
        return Epoch(b"".join(self._schema(s) for s in STREAMS), b"", begun, [], b"")

    def _epoch(self, messages: Sequence[Message]) -> Epoch:
        begin, lines, effects = self.empty(), [], []
        for message in messages:
            for line, effect in self._sent(message):
                lines.append(line)
                effects.append(effect)
        self._states += 1
        return Epoch(begin.schemas, b"".join(lines), begin.begun, effects, b'{"n":%d}' % self._states)

    def _sent(self, message: Message) -> Iterable[tuple[bytes, Effect]]:
        stream = message.stream
        match message:
            case Row(_, key, text, number, part):
                yield self._record(stream, self._row(stream, key, text, number, part))
            case Rows(_, first, count, text):
                for key in range(first, first + count):
                    yield self._record(stream, self._row(stream, key, text, key, key % 3))
            case Delete(_, key, day):
                yield self._record(stream, self._key(key), f"2024-01-0{day}T00:00:00Z")
            case Keyless():
                yield self._record(stream, {"id": None, "s": "no key"} | ({"k": "k"} if self.kind.composite else {}))
            case Activate():
                line = {"type": "ACTIVATE_VERSION", "stream": stream, "version": self.version}
                yield _line(line), Retire(stream, self.version)
            case Add() | Drop():
                more = self._extras[stream] + (1 if isinstance(message, Add) else -1)
                self._extras[stream] = min(max(more, 0), len(_EXTRAS))
                yield self._schema(stream), self._columns(stream)

    # ---- records ----

    def _key(self, key: int) -> dict[str, Any]:
        return {"id": key // 2, "k": f"k{key % 2}"} if self.kind.composite else {"id": key}

    def _row(self, stream: str, key: int, text: str | None, number: int | None, part: int | None) -> dict[str, Any]:
        extras = {f"x{n}": None if part is None else _EXTRAS[n][1] for n in range(self._extras[stream])}
        return self._key(key) | {"s": text, "n": number, "p": part} | extras

    def _record(self, stream: str, row: dict[str, Any], deleted: str | None = None) -> tuple[bytes, Effect]:
        record = row | ({} if deleted is None else {"_sdc_deleted_at": deleted})
        line = _line({"type": "RECORD", "stream": stream, "record": record, "version": self.version})
        narrow = self.kind.contract and not self.wide
        if row["id"] is None or (narrow and row.get("n") == WIDE):
            return line, Bad(stream)
        told = {"_sdc_table_version": self.version} if self.kind.metadata else {}
        return line, Put(stream, row | told, deleted)

    # ---- schemas ----

    def _properties(self, stream: str) -> dict[str, Any]:
        key = {"id": {"type": ["integer", "null"]}} | ({"k": {"type": "string"}} if self.kind.composite else {})
        usual = {
            "s": {"type": ["string", "null"]},
            "n": {"type": ["integer", "null"]},
            "p": {"type": ["integer", "null"]},
        }
        soft = {"_sdc_deleted_at": {"type": ["string", "null"], "format": "date-time"}}
        return key | usual | soft | {f"x{n}": _EXTRAS[n][0] for n in range(self._extras[stream])}

    def _schema(self, stream: str) -> bytes:
        schema = {"properties": self._properties(stream)}
        return _line({"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": self.kind.keys})

    def _columns(self, stream: str) -> Columns:
        told = {"_sdc_table_version"} if self.kind.metadata else set()
        return Columns(stream, frozenset(self._properties(stream)) | told)


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"

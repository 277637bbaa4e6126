r"""Positions: Airbyte's states kept as Singer bookmarks, and given back to the source in its own form.

```json
{"airbyte_state_type": "STREAM", "bookmarks": {"users": {"airbyte_state": "{\"type\":\"STREAM\",…}"}}}
```

A bookmark holds Airbyte's message as a text, so that whoever merges two STATEs member by member (Meltano does, with
the partial states of failed runs) takes the one text or the other, never a blend of two positions. For the same reason
a global state, which is one position in all streams, is one bookmark.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import Raw

from tap_adapters.airbyte.catalog import stream_id
from tap_adapters.airbyte.errors import SourceFailed
from tap_adapters.airbyte.protocol import GLOBAL, LEGACY, NOTHING, STREAM, Descriptor, GlobalState, State, StreamState
from tap_adapters.common.errors import SettingsError

STATE_TYPE, TEXT = "airbyte_state_type", "airbyte_state"
_UNKNOWN = "is not of the protocol; what was sent before it is good."
GLOBAL_BOOKMARK, LEGACY_BOOKMARK = "_airbyte_global", "_airbyte_legacy"


class _Bookmark(msgspec.Struct):
    airbyte_state: str | None = None


class _SingerState(msgspec.Struct):
    bookmarks: dict[str, dict[str, Any]] = {}
    airbyte_state_type: str | None = None


_decode_state = msgspec.json.Decoder(State).decode


class Positions:
    """The positions of a run: those it was given, and on top of them those that the source tells."""

    def __init__(self, given: bytes | str | None, incremental: Collection[Descriptor]) -> None:
        """Take the file of `--state`, if any, and the streams that are read incrementally; SettingsError if unusable.

        A stream that is read in full gets no position, or the source would leave out what it has read before; what is
        known of it stays for a later incremental run.
        """
        self._incremental = frozenset(incremental)
        self._kind, self._texts = _read(given)

    def for_source(self) -> bytes | None:
        """Return the file for the source's `--state`; None for a first run."""
        if not self._incremental:
            return None
        if self._kind == LEGACY:
            text = self._texts.get(LEGACY_BOOKMARK)
            return text.encode() if text else None
        if self._kind == GLOBAL:
            known = self._global()
            known.stream_states = [s for s in known.stream_states if self._is_wanted(s)]
            is_known = known.stream_states or bytes(known.shared_state) != bytes(NOTHING)
            return msgspec.json.encode([{"type": GLOBAL, "global": known}]) if is_known else None
        states = [_parsed(text, name).stream for name, text in self._texts.items()]
        wanted = [{"type": STREAM, "stream": s} for s in states if s and self._is_wanted(s)]
        return msgspec.json.encode(wanted) if wanted else None

    def take(self, message: Raw) -> dict[str, Any] | None:
        """Return the Singer state after a STATE of the source; None where it tells nothing that is to be kept."""
        try:
            state = _decode_state(message)
        except msgspec.DecodeError as error:
            raise SourceFailed(f"The source sent a STATE that {_UNKNOWN}") from error
        kind = state.type or (STREAM if state.stream else GLOBAL if state.global_ else LEGACY)
        if kind == STREAM and state.stream:
            if state.stream.stream_descriptor not in self._incremental:
                return None
            self._forget(GLOBAL_BOOKMARK, LEGACY_BOOKMARK)
            name = stream_id(state.stream.stream_descriptor)
            text: Any = {"type": STREAM, "stream": state.stream}
        elif kind == GLOBAL and state.global_:
            self._forget(LEGACY_BOOKMARK)
            name, text = GLOBAL_BOOKMARK, {"type": GLOBAL, "global": self._completed(state.global_)}
        elif kind == LEGACY and bytes(state.data) != bytes(NOTHING):
            self._forget(GLOBAL_BOOKMARK)
            name, text = LEGACY_BOOKMARK, state.data
        else:
            raise SourceFailed(f"The source sent a STATE that {_UNKNOWN}")
        self._kind = kind
        self._texts[name] = msgspec.json.encode(text).decode()
        return {STATE_TYPE: kind, "bookmarks": {name: {TEXT: text} for name, text in self._texts.items()}}

    def _forget(self, *names: str) -> None:
        for name in names:
            self._texts.pop(name, None)

    def _is_wanted(self, state: StreamState) -> bool:
        return state.stream_descriptor in self._incremental and bytes(state.stream_state) != bytes(NOTHING)

    def _global(self) -> GlobalState:
        text = self._texts.get(GLOBAL_BOOKMARK)
        return (_parsed(text, GLOBAL_BOOKMARK).global_ if text else None) or GlobalState()

    def _completed(self, told: GlobalState) -> GlobalState:
        """Add what was known of streams that this run does not read, so that they go on where they were."""
        named = {state.stream_descriptor for state in told.stream_states}
        kept = [s for s in self._global().stream_states if s.stream_descriptor not in named | self._incremental]
        mine = [s for s in told.stream_states if s.stream_descriptor in self._incremental]
        return GlobalState(told.shared_state, mine + kept)


def _read(given: bytes | str | None) -> tuple[str | None, dict[str, str]]:
    if given is None:
        return None, {}
    try:
        state = msgspec.json.decode(given, type=_SingerState)
        marks = {name: msgspec.convert(mark, _Bookmark) for name, mark in state.bookmarks.items()}
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = "it is not valid JSON" if type(error) is msgspec.DecodeError else "it is no STATE of tap-airbyte"
        raise SettingsError(f"Option --state: its file cannot be used: {what}.") from error
    foreign = next((name for name, mark in marks.items() if mark.airbyte_state is None and state.bookmarks[name]), None)
    if foreign:
        raise SettingsError(
            f"Option --state: the bookmark of '{foreign}' is another tap's; start without a state to read all anew."
        )
    texts = {name: mark.airbyte_state for name, mark in marks.items() if mark.airbyte_state}
    for name, text in texts.items():
        _parsed(text, name)
    return state.airbyte_state_type or _guessed(texts), texts


def _guessed(texts: Collection[str]) -> str | None:
    if GLOBAL_BOOKMARK in texts:
        return GLOBAL
    return LEGACY if LEGACY_BOOKMARK in texts else STREAM


def _parsed(text: str, name: str) -> State:
    try:
        if name == LEGACY_BOOKMARK:
            return State(type=LEGACY, data=Raw(msgspec.json.encode(msgspec.json.decode(text, type=dict[str, Raw]))))
        return _decode_state(text)
    except msgspec.DecodeError as error:
        raise SettingsError(f"Option --state: the bookmark of '{name}' is not what tap-airbyte writes.") from error

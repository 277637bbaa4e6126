"""How the STATE of tap-airbyte reads: the source's own state messages, kept as JSON text, one bookmark each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tap_adapters.cursors import copied, members
from tap_adapters.dates import earlier
from tap_adapters.extractor import Cursors, Entries, State

_ENDS = ("end", "most_recent_cursor_value")
"""Where sources with time slices note how far they came."""


def airbyte_cursors(streams: Mapping[str, str], key: str | None) -> Cursors:
    """Return the cursors of tap-airbyte: those of the streams, under the key where one is known.

    Without a key a stream's cursor is its only member, else the whole state as JSON text.
    """

    def entries(state: State, at: str) -> Entries:
        return {
            f"object_{streams.get(name, name)}": {"cursor": _cursor(inner, key), "last_sync": at}
            for name, inner in _streams(state).items()
        }

    def shifted(state: State, days: int) -> State:
        found = copied(state, days)
        names = frozenset({key, *_ENDS}) if key else frozenset[str | None]()
        for _, bookmark in members(found.get("bookmarks")):
            message = _message(bookmark)
            if message is not None:
                bookmark["airbyte_state"] = json.dumps(_moved(message, names, days))
        return found

    def imported(given: Entries) -> State:
        bookmarks = {}
        for stream, name in streams.items():
            inner = _inner(given.get(f"object_{name}", {}).get("cursor"), key)
            if inner is not None:
                descriptor = {"stream_descriptor": {"name": stream}, "stream_state": inner}
                bookmarks[stream] = {"airbyte_state": json.dumps({"type": "STREAM", "stream": descriptor})}
        return {"airbyte_state_type": "STREAM", "bookmarks": bookmarks} if bookmarks else {}

    return Cursors(entries, shifted, imported)


def _message(bookmark: Mapping[str, Any]) -> dict[str, Any] | None:
    text = bookmark.get("airbyte_state")
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _streams(state: State) -> dict[str, Any]:
    """The state of each stream, whatever way the source hands it over."""
    found: dict[str, Any] = {}
    for name, bookmark in members(state.get("bookmarks")):
        message = _message(bookmark) or {}
        if name == "_airbyte_legacy":
            found |= message
        for one in message.get("global", {}).get("stream_states", []):
            found[one["stream_descriptor"]["name"]] = one.get("stream_state")
        if message.get("type") == "STREAM":
            found[name] = message["stream"].get("stream_state")
    return found


def _cursor(inner: Any, key: str | None) -> Any:
    if not isinstance(inner, dict) or not inner:
        return None
    value = inner.get(key) if key in inner else next(iter(inner.values())) if len(inner) == 1 else inner
    return json.dumps(inner, sort_keys=True) if isinstance(value, dict | list) else value


def _inner(cursor: Any, key: str | None) -> dict[str, Any] | None:
    if isinstance(cursor, str) and cursor.startswith("{"):
        try:
            found = json.loads(cursor)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None
    return {key: cursor} if key and cursor is not None else None


def _moved(value: Any, names: frozenset[str | None], days: int) -> Any:
    if isinstance(value, dict):
        return {k: earlier(v, days) if k in names else _moved(v, names, days) for k, v in value.items()}
    return [_moved(one, names, days) for one in value] if isinstance(value, list) else value

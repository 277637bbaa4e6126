"""The dialects of Singer STATE, and how dativo's state.json reads each of them. No dialect is told from its content.

| dialect | who speaks it | bookmark of a stream |
|---|---|---|
| `sdk` | taps on the Singer SDK | `replication_key`, `replication_key_value`, or `partitions` of such |
| `pipelinewise` | pipelinewise's and singer-io's database taps | the same two, or a place in a log |
| `keyed` | singer-io's API taps | the cursor under the name of its key |
| `files` | the file taps of this package | `files`: a bookmark for each file |
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from tap_adapters.dates import earlier, from_epoch, to_epoch
from tap_adapters.extractor import Cursors, Entries, State

Streams = Mapping[str, str]
Bookmark = dict[str, Any]
_DAY = 86_400
_VALUE, _KEY = "replication_key_value", "replication_key"


def sdk(streams: Streams, keys: Mapping[str, str]) -> Cursors:
    """Return the cursors of an SDK tap; `streams` names the object of each stream, `keys` its replication key.

    The cursor of a stream in partitions is that of the one that is furthest behind. What a run noted but did not
    finish (`progress_markers`) is no cursor.
    """

    def cursor(_stream: str, bookmark: Bookmark) -> Any:
        values = [part.get(_VALUE) for part in [bookmark, *_parts(bookmark)]]
        return min((value for value in values if value is not None), key=_order, default=None)

    def shift(_stream: str, bookmark: Bookmark, days: int) -> None:
        for part in [bookmark, *_parts(bookmark)]:
            _shift_value(part, days)

    return _by_stream(streams, cursor, shift, lambda stream, value: _with_key(keys, stream, value))


def pipelinewise(streams: Streams, keys: Mapping[str, str]) -> Cursors:
    """Return the cursors of a database tap in pipelinewise's dialect; a place in a log is no date."""

    def cursor(_stream: str, bookmark: Bookmark) -> Any:
        if "lsn" in bookmark:
            return f"lsn:{bookmark['lsn']}"
        if bookmark.get("gtid"):
            return f"gtid:{bookmark['gtid']}"
        if bookmark.get("log_file"):
            return f"binlog:{bookmark['log_file']}:{bookmark.get('log_pos', 0)}"
        return bookmark.get(_VALUE)

    def made(stream: str, value: Any) -> Bookmark:
        kind, _, place = value.partition(":") if isinstance(value, str) else ("", "", "")
        file, _, position = place.rpartition(":")
        if kind == "lsn" and place.isdecimal():
            return {"lsn": int(place)}
        if kind == "gtid" and place:
            return {"gtid": place}
        if kind == "binlog" and file and position.isdecimal():
            return {"log_file": file, "log_pos": int(position)}
        return _with_key(keys, stream, value)

    return _by_stream(streams, cursor, lambda _, bookmark, days: _shift_value(bookmark, days), made)


def keyed(streams: Streams, keys: Mapping[str, str]) -> Cursors:
    """Return the cursors of a tap that bookmarks seconds since 1970 under the key's name (`customers: {created: 1}`).

    state.json has them as ISO 8601 text. Bookmarks of other names (tap-stripe's `customers_events`) are the tap's own.
    """

    def cursor(stream: str, bookmark: Bookmark) -> Any:
        value = bookmark.get(keys[stream])
        return from_epoch(value) if _is_number(value) else value

    def shift(stream: str, bookmark: Bookmark, days: int) -> None:
        value = bookmark.get(keys[stream])
        if _is_number(value):
            bookmark[keys[stream]] = min(value, max(0, value - days * _DAY))

    def made(stream: str, value: Any) -> Bookmark:
        seconds = to_epoch(value) if isinstance(value, str) else None
        return {keys[stream]: value if seconds is None else seconds}

    return _by_stream(streams, cursor, shift, made)


def files(id_of: Callable[[str], str], places_of: Callable[[str], Sequence[tuple[str, str]]]) -> Cursors:
    """Return the cursors of a file tap.

    `id_of` gives the name that state.json has for a bookmarked file, `places_of` the streams and bookmark keys of such
    a name. A file that feeds several streams is as new as the stream that is furthest behind has it. A file whose
    bookmark stands earlier is read again.
    """

    def entries(state: State, _at: str) -> Entries:
        found: Entries = {}
        for path, bookmark in _file_bookmarks(state):
            known = found.setdefault(f"file_{id_of(path)}", {"last_modified": bookmark.get("last_modified")})
            known["last_modified"] = min(known["last_modified"], bookmark.get("last_modified"), key=str)
        return found

    def shifted(state: State, days: int) -> State:
        found = copied(state, days)
        for _, bookmark in _file_bookmarks(found):
            if "last_modified" in bookmark:
                bookmark["last_modified"] = earlier(bookmark["last_modified"], days)
            if _is_number(bookmark.get("mtime_ns")):
                bookmark["mtime_ns"] -= days * _DAY * 10**9
        return found

    def imported(given: Entries) -> State:
        bookmarks: dict[str, Any] = {}
        for name, entry in given.items():
            for stream, path in places_of(name.removeprefix("file_")) if name.startswith("file_") else ():
                known = bookmarks.setdefault(stream, {"files": {}})
                known["files"][path] = {"last_modified": entry.get("last_modified")}
        return {"bookmarks": bookmarks} if bookmarks else {}

    return Cursors(entries, shifted, imported)


def _by_stream(
    streams: Streams,
    cursor: Callable[[str, Bookmark], Any],
    shift: Callable[[str, Bookmark, int], None],
    made: Callable[[str, Any], Bookmark],
) -> Cursors:
    def entries(state: State, at: str) -> Entries:
        return {
            f"object_{streams[stream]}": {"cursor": cursor(stream, bookmark), "last_sync": at}
            for stream, bookmark in _bookmarks(state, streams)
        }

    def shifted(state: State, days: int) -> State:
        found = copied(state, days)
        for stream, bookmark in _bookmarks(found, streams):
            shift(stream, bookmark, days)
        return found

    def imported(given: Entries) -> State:
        values = {
            stream: given[f"object_{name}"].get("cursor")
            for stream, name in streams.items()
            if f"object_{name}" in given
        }
        bookmarks = {stream: {} if value is None else made(stream, value) for stream, value in values.items()}
        return {"bookmarks": bookmarks} if bookmarks else {}

    return Cursors(entries, shifted, imported)


def copied(state: State, days: int) -> State:
    """Return a copy of a STATE to shift; ValueError if the days are negative."""
    if days < 0:
        raise ValueError("A cursor is moved back by a number of days, which is not negative.")
    return copy.deepcopy(state)


def _bookmarks(state: State, streams: Streams) -> Iterator[tuple[str, Bookmark]]:
    for stream, bookmark in members(state.get("bookmarks")):
        if stream in streams:
            yield stream, bookmark


def _file_bookmarks(state: State) -> Iterator[tuple[str, Bookmark]]:
    for _, bookmark in members(state.get("bookmarks")):
        yield from members(bookmark.get("files"))


def members(value: Any) -> Iterator[tuple[str, Bookmark]]:
    """Yield the members of an object that are objects themselves: a STATE comes from outside and may hold anything."""
    if isinstance(value, dict):
        yield from ((name, member) for name, member in value.items() if isinstance(member, dict))


def _parts(bookmark: Bookmark) -> list[Bookmark]:
    parts = bookmark.get("partitions")
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _shift_value(bookmark: Bookmark, days: int) -> None:
    if _VALUE in bookmark:
        bookmark[_VALUE] = earlier(bookmark[_VALUE], days)


def _with_key(keys: Mapping[str, str], stream: str, value: Any) -> Bookmark:
    return ({_KEY: keys[stream]} if stream in keys else {}) | {_VALUE: value}


def _order(value: Any) -> tuple[bool, Any]:
    return (True, value) if _is_number(value) else (False, str(value))


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)

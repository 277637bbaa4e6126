"""Which streams the tap is known to have finished: what `overwrite` asks before it replaces a table.

The end of the input proves nothing: a dead tap ends it too. A STATE after a stream's last record does, unless it says
that the stream is still being read; so does ACTIVATE_VERSION after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from target_dativo_iceberg.contract.values.coerce import NotJsonError, decode
from target_dativo_iceberg.errors import InputError

# What the SDK keeps in a bookmark while the stream is read, and takes out when it is done.
_UNDERWAY = ("progress_markers", "replication_key_signpost", "starting_replication_value")


class Completion:
    """Watches streams by the numbers of the input's lines."""

    def __init__(self) -> None:
        self._read: dict[str, int] = {}
        self._activated: dict[str, int] = {}
        self._state_line = 0
        self._state = b""

    def began(self, stream: str, line: int) -> None:
        """Note that a SCHEMA or a record of a stream stands in a line."""
        self._read[stream] = max(line, self._read.get(stream, 0))

    def activated(self, stream: str, line: int) -> None:
        """Note an ACTIVATE_VERSION."""
        self._activated[stream] = line

    def stated(self, state: bytes, line: int) -> None:
        """Note a STATE."""
        self._state, self._state_line = state, line

    def check(self, replaced: Iterable[str]) -> None:
        """Refuse to replace tables by rows of streams that the tap may not have read to their end.

        Raises:
            InputError: nothing proves that a stream is finished.

        """
        open_ = sorted(name for name in replaced if not self.proves(name))
        if open_:
            raise InputError(
                f"the input ended and nothing says that the tap had finished {', '.join(open_)}; under load_method "
                "overwrite their tables stay as they were",
                "see why the tap ended; a STATE or ACTIVATE_VERSION after the last record says that a stream is done",
            )

    def proves(self, stream: str) -> bool:
        """Whether the tap has finished a stream, by all that was noted."""
        last = self._read.get(stream, 0)
        if self._activated.get(stream, 0) > last:
            return True
        return self._state_line > last and not _is_underway(self._state, stream)


def _is_underway(state: bytes, stream: str) -> bool:
    """Whether a STATE says of a stream that it is not read to its end."""
    try:
        value = decode(state)
    except NotJsonError:
        return False
    if not isinstance(value, dict):
        return False
    if value.get("currently_syncing") == stream:
        return True
    bookmark: Any = value.get("bookmarks")
    bookmark = bookmark.get(stream) if isinstance(bookmark, dict) else None
    if not isinstance(bookmark, dict):
        return False
    partitions = bookmark.get("partitions")
    marks = [bookmark, *(p for p in (partitions if isinstance(partitions, list) else ()) if isinstance(p, dict))]
    return any(name in mark for mark in marks for name in _UNDERWAY)

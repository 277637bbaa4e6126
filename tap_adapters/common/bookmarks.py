"""Which files need no second reading: the bookmarks of a stream, kept in its Singer state.

A file counts as read when its modification time (ns) and size are those of the bookmark. Where a later write
could have left both as they were, because the file was young when it was read, the bookmark also holds a digest
of the content and the file is read again only if the digest differs.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tap_adapters.common.errors import FileError

SETTLED_SECONDS = 60
"""Age from which a file's times cannot be shared by a later write: far above the coarsest clock (FAT: 2 s)."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies the content of a file without reading it; times in ns since the epoch."""

    mtime_ns: int
    size: int
    settled: bool

    def is_of(self, other: Fingerprint) -> bool:
        """Whether both can be of one content."""
        return (self.mtime_ns, self.size) == (other.mtime_ns, other.size)

    @property
    def last_modified(self) -> str:
        """The modification time as RFC 3339 in UTC, to the microsecond that tables can hold."""
        seconds, nanoseconds = divmod(self.mtime_ns, 10**9)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds // 1000:06d}Z"


def fingerprint(path: Path) -> Fingerprint:
    """Return the fingerprint of a file as it is now. Its change time counts too: it cannot be set back."""
    try:
        status = path.stat()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}.") from error
    youngest = max(status.st_mtime_ns, status.st_ctime_ns)
    settled = time.time_ns() - youngest > SETTLED_SECONDS * 10**9
    return Fingerprint(status.st_mtime_ns, status.st_size, settled)


def bookmark(path: Path, found: Fingerprint) -> dict[str, Any]:
    """Return the bookmark of a file that is about to be read.

    The digest must be taken before the reading: a write in between then makes the next run read the file again,
    while a digest taken afterwards would hide it.
    """
    entry = {"last_modified": found.last_modified, "mtime_ns": found.mtime_ns, "size": found.size}
    return entry if found.settled else {**entry, "sha256": _digest(path)}


def unchanged(path: Path, found: Fingerprint, entry: Any) -> dict[str, Any] | None:
    """Return the bookmark to keep for a file that was read before and has not changed, else None."""
    if not isinstance(entry, dict):
        return None
    if entry.keys() == {"last_modified"}:
        return bookmark(path, found) if _not_newer(found, entry["last_modified"]) else None
    if (entry.get("mtime_ns"), entry.get("size")) != (found.mtime_ns, found.size):
        return None
    if "sha256" not in entry:
        return entry
    if entry["sha256"] != _digest(path):
        return None
    return {key: value for key, value in entry.items() if key != "sha256"} if found.settled else entry


def _not_newer(found: Fingerprint, moment: Any) -> bool:
    """Whether a file is as old as a bookmark of another program says, which knows the time alone.

    A time without offset is this machine's.
    """
    try:
        noted = datetime.fromisoformat(moment).astimezone(UTC)
    except (TypeError, ValueError):
        return False
    return datetime.fromisoformat(found.last_modified) <= noted


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}.") from error


class LocalFile:
    """A file on disk as an item of a stream, as it is at this moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found = fingerprint(path)

    @property
    def key(self) -> str:
        """The path as configured."""
        return str(self.path)

    @property
    def label(self) -> str:
        """The path as configured."""
        return str(self.path)

    @property
    def last_modified(self) -> str:
        """The modification time as RFC 3339 in UTC."""
        return self._found.last_modified

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self._found.size

    def kept(self, entry: Any) -> dict[str, Any] | None:
        """Return the bookmark to keep if the file has not changed since it was read, else None."""
        return unchanged(self.path, self._found, entry)

    def bookmark(self) -> dict[str, Any]:
        """Return the bookmark of the file, to be asked for before it is read."""
        return bookmark(self.path, self._found)

    def changed(self) -> bool:
        """Whether the file is another than at first."""
        return not fingerprint(self.path).is_of(self._found)

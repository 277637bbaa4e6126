"""Private copies of files of Drive on disk, as tap-csv reads them: the whole file, or enough of it for its header."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tap_adapters.common.errors import FileError
from tap_adapters.csv.entities import DataFile, data_file
from tap_adapters.gdrive_csv.listing import Found
from tap_adapters.google.drive import Drive

HEAD_BYTES = 2**18
PACKED = (".gz", ".zip")


@contextmanager
def whole(found: Found, drive: Drive, log: logging.Logger) -> Iterator[DataFile]:
    """Give a file's copy, which is gone afterwards."""
    with _place(found) as path:
        drive.download(found.file, path)
        yield _data_file(found, path, log)


def headed(found: Found, drive: Drive, log: logging.Logger) -> DataFile:
    """Return a file of which only the layout counts. For plain text its beginning is enough, if a line ends in it."""
    name = found.file.name.lower()
    if name.endswith(PACKED) or (found.file.size or 0) <= HEAD_BYTES:
        with whole(found, drive, log) as copy:
            return copy
    head = drive.head(found.file, HEAD_BYTES)
    if b"\n" in head or b"\r" in head:
        try:
            with _place(found) as path:
                path.write_bytes(head)
                return _data_file(found, path, log)
        except FileError:
            # The first record goes beyond the beginning; if something is wrong, the whole file says it better.
            log.debug("%s: its beginning is not enough.", found.file.label)
    with whole(found, drive, log) as copy:
        return copy


def _data_file(found: Found, path: Path, log: logging.Logger) -> DataFile:
    return data_file(path, found.wanted.source(found.file.name), log, found.file.label)


@contextmanager
def _place(found: Found) -> Iterator[Path]:
    """Give a path for a copy in a folder that only this user sees. The end of the name stays: it tells the packing."""
    with TemporaryDirectory(prefix="tap-gdrive-csv-") as folder:
        yield Path(folder) / re.sub(r"[^A-Za-z0-9._-]", "_", found.file.name)[-100:].lstrip(".").rjust(1, "_")

"""The check that files can be written where a table's are, before any row is taken."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from target_dativo_iceberg import log
from target_dativo_iceberg.store_errors import store_errors

if TYPE_CHECKING:
    from pyiceberg.table import Table

_LOCAL = ("", "file")


def check_store(table: Table) -> None:
    """Write an object of one byte beside a table's data files, and delete it.

    Keys that are wrong, expired or may not write, a bucket that is not there, a clock that is off and a store that
    does not answer show here, and not only when the first data file is full. Folders are not tried: opening a local
    warehouse has tried it.

    Raises:
        StoreError: the object could not be written.

    """
    place = table.location_provider().new_data_location(f"dativo-check-{uuid.uuid4().hex}")
    if urlsplit(place).scheme in _LOCAL:
        return
    with store_errors("trying to write to the file store"), table.io.new_output(place).create(overwrite=True) as sink:
        sink.write(b"\n")
    try:
        table.io.delete(place)
    except OSError:
        log.say("the file store lets no file be deleted: files of an epoch that is given up will stay", "warning")

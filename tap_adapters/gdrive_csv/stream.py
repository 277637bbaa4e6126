"""One entity as a Singer stream: the rows of its files of Drive, each copied, read and removed in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tap_adapters.csv.entities import DataFile, Inspected, check_keys
from tap_adapters.csv.stream import CsvStream
from tap_adapters.gdrive_csv.copies import whole
from tap_adapters.gdrive_csv.listing import Found
from tap_adapters.google.drive import Drive

if TYPE_CHECKING:
    from singer_sdk.tap_base import Tap

    from tap_adapters.csv.settings import Entity


class DriveItem:
    """A file of Drive as an item of a stream: its bookmark is what Drive says of it."""

    def __init__(self, found: Found) -> None:
        self.found = found

    @property
    def key(self) -> str:
        """The id of the file."""
        return self.found.file.id

    @property
    def label(self) -> str:
        """The name by which logs speak of it."""
        return self.found.file.label

    def kept(self, entry: Any) -> dict[str, Any] | None:
        """Return the bookmark to keep if the file has not changed since it was read, else None."""
        return self.bookmark() if self.found.file.is_of(entry) else None

    def bookmark(self) -> dict[str, Any]:
        """Return the bookmark of the file as it was listed."""
        file = self.found.file
        return {"last_modified": file.modified, "name": file.name, "size": file.size, "md5": file.md5}

    def changed(self) -> bool:
        """No: the copy was held against what was listed."""
        return False


class DriveCsvStream(CsvStream):
    """The rows of all files of one entity."""

    def __init__(
        self, tap: Tap, entity: Entity, inspected: Inspected, found: list[Found], drive: Drive, *, metadata: bool
    ) -> None:
        super().__init__(tap, entity, inspected, metadata=metadata)
        self._entity = entity
        self._found = found
        self._drive = drive

    def _files(self) -> Iterator[tuple[DataFile, str]]:
        for item in self._unread(map(DriveItem, self._found)):
            with whole(item.found, self._drive, self.logger) as copy:
                check_keys(self._entity, copy.layouts)
                yield copy, item.found.file.modified
        self._report_skipped()

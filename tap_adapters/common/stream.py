"""A stream that is read item by item (files, sheets): unchanged items are passed over, a STATE follows each."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from singer_sdk.streams import Stream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.tap_base import Tap

FULL_TABLE = "FULL_TABLE"
FEW_ITEMS = 100
STATE_SECONDS = 1.0


class Item(Protocol):
    """What is read as a whole and has one bookmark: a file on disk, a file or spreadsheet of a service."""

    @property
    def key(self) -> str:
        """The key of its bookmark."""

    @property
    def label(self) -> str:
        """The name by which logs speak of it."""

    def kept(self, entry: Any) -> dict[str, Any] | None:
        """Return the bookmark to keep if it was read before and has not changed, else None."""

    def bookmark(self) -> dict[str, Any]:
        """Return the bookmark of the item, which is about to be read."""

    def changed(self) -> bool:
        """Whether it changed since `bookmark` was asked for."""


I = TypeVar("I", bound=Item)  # noqa: E741 - an item


class ItemStream(Stream):
    """Records of items; the replication is incremental by item unless the catalog wants the full table."""

    def __init__(self, tap: Tap, *, name: str, schema: dict[str, Any], keys: Sequence[str]) -> None:
        super().__init__(tap, schema=schema, name=name)
        self.primary_keys = keys
        self.forced_replication_method = "INCREMENTAL"
        self._unchanged_items = 0
        self._state_written = 0.0
        self.logger.addFilter(_is_not_failure_notice)

    def _write_starting_replication_value(self, context: Context | None) -> None:
        """Leave the state alone: bookmarks are per item, not per replication key."""

    def _increment_stream_state(self, latest_record: Record, *, context: Context | None = None) -> None:
        """Leave the state alone: an item is bookmarked when all of it has been written."""

    def _unread(self, items: Iterable[I]) -> Iterator[I]:
        """Yield the items that need reading. Coming back for the next one says that all of an item was written."""
        bookmarks = self.stream_state.setdefault("files", {})
        for item in items:
            kept = None if self.replication_method == FULL_TABLE else item.kept(bookmarks.get(item.key))
            if kept is not None:
                self.logger.debug("%s has not changed since it was read; passed over.", item.label)
                self._unchanged_items += 1
                bookmarks[item.key] = kept
                continue
            entry = item.bookmark()
            yield item
            if item.changed():
                self.logger.warning("%s changed while it was read; the next run will read it again.", item.label)
            bookmarks[item.key] = entry
            self._write_progress(len(bookmarks))
        if self._unchanged_items:
            self.logger.info("%d files have not changed since they were read; passed over.", self._unchanged_items)

    def _write_progress(self, bookmarks: int) -> None:
        """Write a STATE; with many items not for each one, since every STATE repeats all bookmarks."""
        self.state_manager.is_flushed = False
        now = time.monotonic()
        if bookmarks <= FEW_ITEMS or now - self._state_written >= STATE_SECONDS:
            self._state_written = now
            self._write_state_message()


def _is_not_failure_notice(record: logging.LogRecord) -> bool:
    """Drop the SDK's own line about a failed sync: the error that follows says what, where and what to do."""
    return record.msg != "An unhandled error occurred while syncing '%s'"

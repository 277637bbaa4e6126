"""One sheet as a Singer stream, read when its spreadsheet has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tap_adapters.common.errors import FileError
from tap_adapters.common.tabular import TabularStream
from tap_adapters.common.values import STRING
from tap_adapters.google.drive import Drive, DriveFile, same_moment
from tap_adapters.google_sheets.cells import DATE_KINDS
from tap_adapters.google_sheets.reading import Table, look_at
from tap_adapters.google_sheets.service import Sheets

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.tap_base import Tap


class Spreadsheet:
    """A spreadsheet as an item of a stream: its bookmark is its modification time in Drive."""

    def __init__(self, drive: Drive, spreadsheet_id: str) -> None:
        self._drive = drive
        self._found: DriveFile = drive.file(spreadsheet_id)

    @property
    def key(self) -> str:
        """The id of the spreadsheet."""
        return self._found.id

    @property
    def label(self) -> str:
        """The name by which logs speak of it."""
        return f"Spreadsheet {self._found.label}"

    def kept(self, entry: Any) -> dict[str, Any] | None:
        """Return the bookmark to keep if the spreadsheet has not changed since it was read, else None."""
        return entry if self._found.is_of(entry) else None

    def bookmark(self) -> dict[str, Any]:
        """Return the bookmark of the spreadsheet as it was found."""
        return {"last_modified": self._found.modified}

    def changed(self) -> bool:
        """Whether it has changed since it was found; the next run then reads it again."""
        return not same_moment(self._drive.file(self.key).modified, self._found.modified)


class SheetStream(TabularStream):
    """The rows of one sheet, as text unless `types` or the catalog say otherwise."""

    def __init__(self, tap: Tap, table: Table, sheets: Sheets, drive: Drive) -> None:
        wanted = table.wanted
        kinds = {column: wanted.types.get(column, STRING) for column in table.columns}
        super().__init__(tap, name=wanted.stream, kinds=kinds, keys=wanted.keys)
        self._wanted = wanted
        self._sheets = sheets
        self._drive = drive

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the rows, if the spreadsheet has changed. Its columns are looked at again: discovery may be old."""
        for _ in self._unread(Spreadsheet(self._drive, key) for key in (self._wanted.spreadsheet_id,)):
            table = look_at(self._wanted, self._sheets)
            self._warn_of_unlisted(table.sheet.label, table.columns)
            self._check_listed(table)
            stray: int | None = None
            for block in table.blocks(self._sheets, with_dates=bool(DATE_KINDS & set(self._columns.values()))):
                stray = stray or table.stray(block)
                yield from table.batch(block, self._columns).to_pylist()
            if stray:
                self.logger.warning(
                    "%s, row %d: there are values right of its last named column; they are left out.",
                    table.sheet.label,
                    stray,
                )

    def _check_listed(self, table: Table) -> None:
        """Say which columns of the catalog the sheet lacks; one that lacks all of them is another than was meant."""
        lacking = [name for name in self._columns if name not in table.columns]
        if lacking and len(lacking) == len(self._columns):
            raise FileError(f"{table.sheet.label}: it has none of the columns of the catalog; run discovery again.")
        if lacking:
            what = ", ".join(lacking)
            self.logger.warning("%s lacks columns of the catalog, which are null: %s.", table.sheet.label, what)

"""Rows that leave data files of a table, or are marked in them as deleted: these files alone are written anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.files import FileForm, FileTarget
from target_dativo_iceberg.row_marks import RowMarks
from target_dativo_iceberg.stored_rows import stored

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import FileScanTask, Table


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of a table's files.

    Attributes:
        files: to be added.
        removes: to be removed in the same snapshot.
        summary: snapshot properties, for people.
        deleted: rows that were deleted because they are gone at the source.
        marked: rows that were marked as deleted.

    """

    files: Sequence[DataFile]
    removes: Sequence[DataFile] = ()
    summary: Mapping[str, str] = field(default_factory=dict)
    deleted: int = 0
    marked: int = 0


class Rewriting:
    """What happens to the rows of a table's data files.

    Args:
        table: as it is.
        schema: what it will be written with.
        target: how new files are written.
        deleted_at: the column that says since when a row is deleted, None when nothing is marked.

    """

    def __init__(self, table: Table, schema: Schema, target: FileTarget, deleted_at: str | None) -> None:
        self._table = table
        self._schema = schema
        self._form = FileForm(replace(target, columns={}, fills={}))
        self._deleted_at = deleted_at
        self._tasks: dict[str, FileScanTask] = {}
        self._leaving: dict[str, RowMarks] = {}
        self._dying: dict[str, Dying] = {}
        self._whole: set[str] = set()

    def remove(self, task: FileScanTask, places: pa.Array) -> None:
        """Let rows leave a file, by their numbers in it."""
        if len(places):
            self._tasks[task.file.file_path] = task
            self._leaving.setdefault(task.file.file_path, RowMarks()).add(places)

    def remove_all(self, task: FileScanTask) -> int:
        """Let all rows leave a file that has no delete files; it is not read. Return how many had not left it yet."""
        path = task.file.file_path
        self._tasks[path] = task
        self._whole.add(path)
        return int(task.file.record_count) - self._leaving.get(path, RowMarks()).count

    def mark(self, task: FileScanTask, places: pa.Array, at: pa.Array) -> None:
        """Mark rows of a file as deleted since moments (microseconds since 1970), one for each."""
        if len(places):
            self._tasks[task.file.file_path] = task
            self._dying.setdefault(task.file.file_path, Dying()).add(places, at)

    def mark_all(self, task: FileScanTask, places: pa.Array, at: int) -> None:
        """Mark rows of a file as deleted since one moment, the same for every call."""
        if len(places):
            self._tasks[task.file.file_path] = task
            self._dying.setdefault(task.file.file_path, Dying()).add_rest(places, at)

    def left(self, path: str, start: int, count: int) -> pa.BooleanArray:
        """Return which rows of a file, `count` from `start` on, leave it or are marked."""
        found = self._leaving.get(path, RowMarks()).mask(start, count)
        dying = self._dying.get(path)
        return found if dying is None else pc.or_(found, dying.mask(start, count))

    @property
    def removes(self) -> list[DataFile]:
        """The files that others replace, in the order of their names."""
        return [self._tasks[path].file for path in sorted(self._tasks)]

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows of these files that stay, as they are to be written."""
        for path in sorted(self._tasks):
            if path not in self._whole:
                yield from self._staying(self._tasks[path])

    def _staying(self, task: FileScanTask) -> Iterator[pa.RecordBatch]:
        path = task.file.file_path
        leaving, dying = self._leaving.get(path, RowMarks()), self._dying.get(path)
        with stored(self._table, task) as file:
            if leaving.count + file.gone.count >= file.rows:
                return
            for group, row in file.groups():
                for batch in file.batches(group, self._schema):
                    away = pc.or_(leaving.mask(row, batch.num_rows), file.gone.mask(row, batch.num_rows))
                    rows = self._form.typed(batch)
                    if dying is not None:
                        assert self._deleted_at is not None
                        rows = dying.marked(rows, row, self._deleted_at)
                    row += batch.num_rows  # noqa: PLW2901 - counts on within the group
                    yield rows.filter(pc.invert(away))


class Dying:
    """Rows of a file or of an epoch that are marked as deleted, and since when."""

    def __init__(self) -> None:
        self._places: list[pa.Array] = []
        self._at: list[pa.Array] = []
        self._told = RowMarks()
        self._rest = RowMarks()
        self._since = 0

    def __bool__(self) -> bool:
        """Whether any row is marked."""
        return bool(self._told) or bool(self._rest)

    def add(self, places: pa.Array, at: pa.Array) -> None:
        """Mark rows by their numbers, since moments (microseconds since 1970), one for each."""
        self._places.append(places)
        self._at.append(at)
        self._told.add(places)

    def add_rest(self, places: pa.Array, at: int) -> None:
        """Mark rows since one moment, the same for every call."""
        self._rest.add(places)
        self._since = at

    def mask(self, start: int, count: int) -> pa.BooleanArray:
        """Return which of some rows are marked."""
        return pc.or_(self._told.mask(start, count), self._rest.mask(start, count))

    def at(self, start: int, count: int) -> pa.TimestampArray:
        """Return for each row since when it is deleted, null for those that are not marked."""
        none = pa.scalar(None, pa.int64())
        found = pc.if_else(self._rest.mask(start, count), pa.scalar(self._since, pa.int64()), none)
        if self._places:
            places = pa.concat_arrays(self._places)
            told = pc.index_in(pa.arange(start, start + count), value_set=places)
            found = pc.coalesce(pa.concat_arrays(self._at).take(told), found)
        return found.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))

    def marked(self, rows: pa.RecordBatch, start: int, column: str) -> pa.RecordBatch:
        """Return rows with their marks in a column; `start` is the number of the first."""
        index = rows.schema.get_field_index(column)
        before = rows.column(index)
        now = self.at(start, rows.num_rows).cast(before.type)
        return rows.set_column(index, rows.schema.field(index), pc.coalesce(now, before))

"""Rows of older versions of a stream leave its table, or are marked as deleted, when a version is activated.

Which rows these are is said against one snapshot of the table; should another writer be faster, it is said again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.conversions import from_bytes
from pyiceberg.expressions import IsNull, LessThan, Or
from pyiceberg.types import LongType

from target_dativo_iceberg import log
from target_dativo_iceberg.arranged import writer_of
from target_dativo_iceberg.contract.record_metadata import DELETED_AT, SYNC_STARTED_AT, TABLE_VERSION
from target_dativo_iceberg.rewriting import Merged, Rewriting
from target_dativo_iceberg.row_groups import RowGroups
from target_dativo_iceberg.row_marks import RowMarks
from target_dativo_iceberg.stored_rows import stored, tasks_of

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask, Table

    from target_dativo_iceberg.activation import Activation
    from target_dativo_iceberg.tables import Destination, Store


_KINDS = {TABLE_VERSION: ("long",), SYNC_STARTED_AT: ("long",), DELETED_AT: ("timestamptz", "timestamp")}
_LONG = LongType()
_LONG_BYTES = 8


class Retirement:
    """The older rows of a table to which an epoch only adds rows.

    Args:
        activation: what is said of them.

    """

    def __init__(self, activation: Activation) -> None:
        self._activation = activation
        self._found: Merged | None = None
        self._against: tuple[object, ...] = ()
        self._destination: Destination | None = None

    def against(self, store: Store, destination: Destination, table: Table, prefix: str) -> Merged:
        """Return what becomes of the table's files; the same again while the table is the same.

        Args:
            store: the catalog.
            destination: the table as the publish will leave it.
            table: as it is now.
            prefix: starts the names of new files.

        Raises:
            StoreError: the file store refused.

        """
        head = table.metadata.current_snapshot_id
        state = (destination.metadata.table_uuid, head, destination.schema, destination.metadata.default_spec_id)
        if self._found is None or self._against != state:
            self._found = self._rewritten(store, destination, table, prefix)
            self._against, self._destination = state, destination
        return self._found

    def _rewritten(self, store: Store, destination: Destination, table: Table, prefix: str) -> Merged:
        target = store.file_target(destination, prefix)
        rewriting = Rewriting(table, destination.schema, target, named(destination, DELETED_AT))
        retired = retire(rewriting, table, destination, self._activation, {})
        groups = RowGroups(writer_of(replace(target, columns={}, fills={}), store.waiting))
        files = groups.all(rewriting.rows())
        return Merged(files, rewriting.removes, retired.summary, retired.deleted, retired.marked)

    @property
    def result(self) -> Merged | None:
        """What was said last, None when nothing was asked yet."""
        return self._found

    @property
    def files(self) -> Sequence[DataFile]:
        """The files made last."""
        return self._found.files if self._found else ()

    @property
    def destination(self) -> Destination:
        """What these were written for."""
        assert self._destination is not None
        return self._destination

    def discard(self) -> None:
        """Delete the files made last; nothing refers to them."""
        if self._found is not None and self._destination is not None:
            for file in self._found.files:
                with suppress(OSError):
                    self._destination.table.io.delete(file.file_path)


@dataclass(frozen=True, slots=True)
class Retired:
    """How many rows were deleted or marked."""

    deleted: int = 0
    marked: int = 0

    @property
    def summary(self) -> dict[str, str]:
        """Snapshot properties, for people."""
        return {"dativo.rows-deleted": str(self.deleted), "dativo.rows-marked-deleted": str(self.marked)}

    def __add__(self, other: Retired) -> Retired:
        """Add the counts."""
        return Retired(self.deleted + other.deleted, self.marked + other.marked)


def named(destination: Destination, column: str) -> str:
    """Return the table's name of a contract's column."""
    return destination.columns.get(column, column)


def retire(
    rewriting: Rewriting,
    table: Table,
    destination: Destination,
    activation: Activation,
    kept: Mapping[str, RowMarks],
) -> Retired:
    """Let rows of older versions leave a table, or mark them.

    Args:
        rewriting: takes note of them.
        table: as it is.
        destination: as the publish will leave it.
        activation: what is said of them.
        kept: by file, rows that have come again in this epoch, and are the same.

    Raises:
        StoreError: the file store refused.

    """
    columns = _columns(destination)
    if columns is None:
        log.once(
            f"table {'.'.join(destination.identifier)}: ACTIVATE_VERSION changes nothing, its rows do not say of which "
            "version they are; set add_record_metadata"
        )
        return Retired()
    version = table.schema().find_column_name(columns.version)
    if version is None or table.metadata.current_snapshot_id is None:
        _say_unversioned(destination)
        return Retired()
    older = Or(LessThan(version, activation.version), IsNull(version))  # type: ignore[call-arg, arg-type]
    total = Retired()
    for task in tasks_of(table, older):
        bounds = _Bounds(task.file)
        if bounds.nulls(columns.version):
            _say_unversioned(destination)
        if not bounds.may_be_below(columns.version, activation.version):
            continue
        own = kept.get(task.file.file_path)
        if activation.hard and not own and not task.delete_files and bounds.all_older(columns, activation):
            total += Retired(deleted=rewriting.remove_all(task))
        else:
            total += _in_file(rewriting, table, task, destination, activation, own or RowMarks())
    return total


def _say_unversioned(destination: Destination) -> None:
    log.once(
        f"table {'.'.join(destination.identifier)}: rows without _sdc_table_version stay at ACTIVATE_VERSION; nobody "
        "knows of which version they are",
        level="info",
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    """Field ids."""

    version: int
    run: int
    deleted: int


def _columns(destination: Destination) -> _Columns | None:
    """Return the columns that tell of a row's version, None when the table lacks one or has it as another type."""
    found = []
    for name, kinds in _KINDS.items():
        field = next((f for f in destination.schema.fields if f.name == named(destination, name)), None)
        if field is None or str(field.field_type) not in kinds:
            return None
        found.append(field.field_id)
    return _Columns(*found)


class _Bounds:
    """What the manifest says of a file's columns of long numbers."""

    def __init__(self, file: DataFile) -> None:
        self._file = file

    def nulls(self, field_id: int) -> int:
        return int((self._file.null_value_counts or {}).get(field_id, 0))

    def _bound(self, bounds: Mapping[int, bytes] | None, field_id: int) -> Any:
        raw = (bounds or {}).get(field_id)
        return None if raw is None or len(raw) != _LONG_BYTES else from_bytes(_LONG, raw)

    def may_be_below(self, field_id: int, value: int) -> bool:
        counted = (self._file.value_counts or {}).get(field_id)
        if counted is not None and counted == self.nulls(field_id):
            return False
        least = self._bound(self._file.lower_bounds, field_id)
        return least is None or bool(least < value)

    def all_older(self, columns: _Columns, activation: Activation) -> bool:
        """Whether every row is of an older version, and of another run."""
        without_nulls = (self._file.null_value_counts or {}).get(columns.version) == 0
        most = self._bound(self._file.upper_bounds, columns.version)
        latest = self._bound(self._file.upper_bounds, columns.run)
        older = most is not None and most < activation.version
        return bool(without_nulls and older and latest is not None and latest < activation.run)


def _in_file(
    rewriting: Rewriting,
    table: Table,
    task: FileScanTask,
    destination: Destination,
    activation: Activation,
    kept: RowMarks,
) -> Retired:
    names = [named(destination, name) for name in _KINDS]
    schema, path = destination.schema.select(*names), task.file.file_path
    found: list[pa.Array] = []
    with stored(table, task) as file:
        for group, row in file.groups():
            for batch in file.batches(group, schema):
                old = _older(*(batch.column(n) for n in names), activation=activation)
                for others in (
                    file.gone.mask(row, len(old)),
                    kept.mask(row, len(old)),
                    rewriting.left(path, row, len(old)),
                ):
                    old = pc.and_not(old, others)
                found.append(pc.add(pc.indices_nonzero(old).cast(pa.int64()), row))
                row += batch.num_rows  # noqa: PLW2901 - counts on within the group
    places = _places(found)
    if activation.hard:
        rewriting.remove(task, places)
        return Retired(deleted=len(places))
    rewriting.mark_all(task, places, activation.at)
    return Retired(marked=len(places))


def _places(found: Sequence[pa.Array]) -> pa.Array:
    return pa.concat_arrays(found) if found else pa.array([], pa.int64())


def _older(version: pa.Array, run: pa.Array, deleted: pa.Array, *, activation: Activation) -> pa.BooleanArray:
    old = pc.fill_null(pc.less(version, activation.version), False)
    old = pc.and_not(old, pc.fill_null(pc.equal(run, activation.run), False))
    return old if activation.hard else pc.and_not(old, deleted.is_valid())

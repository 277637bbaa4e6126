"""Orphans: files in a table's folders that no table names, left by runs that died or by commits that lost a race.

A file counts as named when any table of the catalog names a file of its name: names hold a UUID, and paths are
written in more than one way. So no file is taken for an orphan because a table was renamed or a path spelt otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pyarrow.fs import FileSelector, FileType
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import StaticTable
from sqlalchemy import select
from sqlalchemy.orm import Session

from target_dativo_iceberg.maintenance.named_files import files_in, manifests_of, statistics_of
from target_dativo_iceberg.maintenance.steps import ORPHANS, State, Step, days_of
from target_dativo_iceberg.store_errors import store_errors

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from target_dativo_iceberg.maintenance.steps import Care
    from target_dativo_iceberg.tables import Store

# What writers of Iceberg use; whatever else is in a table's location may be another table.
_FOLDERS = ("data", "metadata")


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder of a table in its file system."""

    system: FileSystem
    path: str

    def files(self) -> Iterator[FileInfo]:
        """Walk folder by folder; a missing one is empty."""
        waiting = [self.path]
        while waiting:
            for found in self.system.get_file_info(FileSelector(waiting.pop(), allow_not_found=True)):
                if found.type is FileType.Directory:
                    waiting.append(found.path)
                elif found.type is FileType.File:
                    yield found


def remove_orphans(store: Store, care: Care, table: Table) -> Step:
    """Count a table's orphans, and delete them if that is wanted.

    Raises:
        StoreError: the catalog or the file store refused.

    """
    if table.properties.get("gc.enabled", "true").lower() == "false":
        return Step(ORPHANS, State.REFUSED, "the table has property gc.enabled=false: its files may belong to others")
    if not isinstance(table.io, PyArrowFileIO):
        reason = f"files cannot be listed through {type(table.io).__name__}: set py-io-impl to PyArrow's"
        return Step(ORPHANS, State.REFUSED, reason)
    name, oldest = ".".join(table.name()), care.now - care.orphan_age
    with store_errors(f"listing the files of table {name}"):
        folders = [_folder(table, table.io, own) for own in _FOLDERS]
        old = [(f, info) for f in folders for info in f.files() if _is_older(info, oldest)]
        named = _named(store, table) if old else set[str]()
        orphans = [(folder, info) for folder, info in old if info.base_name not in named]
        figures = {"files": len(orphans), "bytes": sum(info.size or 0 for _, info in orphans)}
        reason = f"files older than {days_of(care.orphan_age)} that no snapshot of any table names"
        if not orphans:
            return Step(ORPHANS, State.NOT_NEEDED, f"there are no {reason}", figures)
        if care.dry_run or not care.remove_orphans:
            hint = "" if care.remove_orphans else "; --remove-orphans deletes them"
            return Step(ORPHANS, State.NEEDED, reason + hint, figures)
        for folder, info in orphans:
            folder.system.delete_file(info.path)
    return Step(ORPHANS, State.DONE, reason, figures)


def _is_older(info: FileInfo, than: datetime) -> bool:
    """Whether a file is older; one whose age is not known is not."""
    return info.mtime is not None and bool(info.mtime < than)


def _folder(table: Table, io: PyArrowFileIO, name: str) -> _Folder:
    scheme, netloc, path = io.parse_location(f"{table.location().rstrip('/')}/{name}", io.properties)
    return _Folder(io.fs_by_scheme(scheme, netloc), path)


def _named(store: Store, table: Table) -> set[str]:
    """Return the names of all files that a table with files in the same place names."""
    found: set[str] = set()
    place = table.location().rstrip("/").rpartition("://")[2]
    for other in _tables(store.catalog, table):
        if other.location().rstrip("/").rpartition("://")[2] == place or _is_outside(other):
            found |= {
                name for path in _paths(other) for name in (path.rpartition("/")[2], unquote(path.rpartition("/")[2]))
            }
    return found


def _is_outside(table: Table) -> bool:
    """Whether a table may name files that are not in its own location."""
    return any(name in table.properties for name in ("write.data.path", "write.metadata.path"))


def _tables(catalog: Catalog, table: Table) -> Iterator[Table]:
    """Yield all tables that may name files in a table's folders: any of them may have been renamed."""
    if isinstance(catalog, SqlCatalog):
        with Session(catalog.engine) as session:
            pointers = session.scalars(select(IcebergTables.metadata_location)).all()
        for pointer in pointers:
            if pointer is not None:
                yield StaticTable.from_metadata(pointer, table.io.properties)
        return
    for namespace in _namespaces(catalog, ()):
        for identifier in catalog.list_tables(namespace):
            try:
                yield catalog.load_table(identifier)
            except NoSuchTableError:
                continue


def _namespaces(catalog: Catalog, parent: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for namespace in catalog.list_namespaces(parent):
        yield namespace
        yield from _namespaces(catalog, namespace)


def _paths(table: Table) -> Iterator[str]:
    metadata = table.metadata
    yield table.metadata_location
    yield from (entry.metadata_file for entry in metadata.metadata_log)
    yield from (snapshot.manifest_list for snapshot in metadata.snapshots)
    manifests = manifests_of(table, metadata.snapshots)
    yield from manifests
    yield from files_in(table, manifests.values(), deleted=True)
    yield from statistics_of(table, (snapshot.snapshot_id for snapshot in metadata.snapshots))

"""Compaction: small files of a partition become few of the target size, sorted, without their deleted rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_dativo_iceberg import log
from target_dativo_iceberg.maintenance.rewriting import Rewriting
from target_dativo_iceberg.maintenance.steps import COMPACT, State, Step
from target_dativo_iceberg.settings import MIB
from target_dativo_iceberg.stored_rows import tasks_of

if TYPE_CHECKING:
    from pyiceberg.table import FileScanTask, Table

    from target_dativo_iceberg.maintenance.steps import Care
    from target_dativo_iceberg.tables import Store

_SMALL = 0.7
# Files that are replaced in one commit; what is done when a run ends early stays done.
_COMMIT_BYTES = 8 << 30
_COMMIT_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Group:
    """Files of one partition that are worth being written anew."""

    tasks: tuple[FileScanTask, ...]

    @property
    def nbytes(self) -> int:
        """Size of the files."""
        return sum(task.file.file_size_in_bytes for task in self.tasks)


def groups_of(table: Table, target: int, min_files: int) -> list[Group]:
    """Return the groups of files to be compacted.

    Args:
        table: as loaded.
        target: size of a file, bytes.
        min_files: small files of a partition that are worth it, even if they do not fill a file.

    Raises:
        StoreError: the manifests cannot be read, or say more than can be understood.

    """
    small: dict[tuple[object, ...], list[FileScanTask]] = defaultdict(list)
    for task in tasks_of(table):
        if task.delete_files or task.file.file_size_in_bytes < target * _SMALL:
            partition = task.file.partition
            small[task.file.spec_id, *(partition[i] for i in range(len(partition)))].append(task)
    groups = (Group(tuple(tasks)) for tasks in small.values())
    return [group for group in groups if _is_worth_it(group, target, min_files)]


def _is_worth_it(group: Group, target: int, min_files: int) -> bool:
    if any(task.delete_files for task in group.tasks):
        return True
    count = len(group.tasks)
    return count > 1 and (count >= min_files or group.nbytes >= target) and _files_after(group, target) < count


def _files_after(group: Group, target: int) -> int:
    return -(-group.nbytes // target)


def compact(store: Store, care: Care, table: Table) -> Step:
    """Plan or do the compaction of a table.

    Raises:
        ConflictError: another writer has changed the same files; what was committed before stays.
        StoreError: the catalog or the file store refused.

    """
    target = care.of(tuple(table.name())).target_file_size_mb * MIB
    groups = groups_of(table, target, care.min_files)
    if not groups:
        return Step(COMPACT, State.NOT_NEEDED, f"few files are under {_SMALL:.0%} of {target // MIB} MiB")
    tasks = [task for group in groups for task in group.tasks]
    figures = {
        "files": len(tasks),
        "files_after": sum(_files_after(group, target) for group in groups),
        "bytes": sum(group.nbytes for group in groups),
        "partitions": len(groups),
        "files_with_deleted_rows": sum(bool(task.delete_files) for task in tasks),
    }
    reason = f"files under {_SMALL:.0%} of {target // MIB} MiB, or with deleted rows, in partitions that have several"
    if care.dry_run:
        return Step(COMPACT, State.NEEDED, reason, figures)
    made = sum(_commit(store, care, table, batch) for batch in _batches(groups))
    return Step(COMPACT, State.DONE, reason, figures | {"files_after": made})


def _batches(groups: Sequence[Group]) -> Iterator[list[Group]]:
    batch: list[Group] = []
    files = nbytes = 0
    for group in groups:
        batch.append(group)
        files, nbytes = files + len(group.tasks), nbytes + group.nbytes
        if files >= _COMMIT_FILES or nbytes >= _COMMIT_BYTES:
            yield batch
            batch, files, nbytes = [], 0, 0
    if batch:
        yield batch


def _commit(store: Store, care: Care, table: Table, groups: Sequence[Group]) -> int:
    """Compact groups in one commit; return how many files came of them."""
    rewriting = Rewriting(store, care, table)
    try:
        for group in groups:
            rewriting.write(group.tasks)
        name = ".".join(table.name())
        log.say(f"table {name}: files of {len(groups)} partitions are written anew as {len(rewriting.files)}")
        rewriting.publish({"dativo.maintenance": COMPACT}, same_rows=True)
    finally:
        rewriting.discard()
    return len(rewriting.files)

"""Retention: rows that are older than the contract lets them be are deleted, by the column that the contract names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import LessThan
from pyiceberg.expressions.visitors import ROWS_MUST_MATCH, _StrictMetricsEvaluator
from pyiceberg.types import DateType, TimestampType, TimestamptzType

from target_dativo_iceberg.maintenance.rewriting import Rewriting
from target_dativo_iceberg.maintenance.steps import RETENTION, State, Step
from target_dativo_iceberg.names import QUARANTINE
from target_dativo_iceberg.stored_rows import stored, tasks_of

if TYPE_CHECKING:
    from pyiceberg.table import FileScanTask, Table

    from target_dativo_iceberg.maintenance.steps import Care
    from target_dativo_iceberg.tables import Store

DAYS = "governance.retention_days"
COLUMN = "sla.retention.column"
_RECEIVED = "_received_at"


@dataclass(frozen=True, slots=True)
class Limit:
    """Rows before a time are to be deleted.

    Attributes:
        column: name of the table's column.
        days: how long rows may stay.
        text: the time, as Iceberg's expressions have it.
        value: the same for Arrow.

    """

    column: str
    days: int
    text: str
    value: pa.Scalar

    def past(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Mark the rows that are to go; rows without a time stay."""
        return pc.fill_null(pc.less(batch.column(self.column), self.value), fill_value=False)

    def keep(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Mark the rows that stay."""
        return pc.invert(self.past(batch))


@dataclass(slots=True)
class _Found:
    """Files that hold rows past the limit."""

    whole: list[FileScanTask] = field(default_factory=list)
    partly: list[FileScanTask] = field(default_factory=list)
    rows: int = 0


def retention_days(store: Store, table: Table) -> int | None:
    """Return how many days rows of a table may stay; those of a quarantine table as long as those of the good one."""
    *namespace, name = table.name()
    text = table.properties.get(DAYS)
    if text is None and name.endswith(QUARANTINE):
        good = store.load((*namespace, name.removesuffix(QUARANTINE)))
        text = good.properties.get(DAYS) if good else None
    return int(text) if text and text.isdecimal() else None


def limit_of(table: Table, days: int, now: datetime) -> Limit | str:
    """Return the limit of a table's rows, or why there is none."""
    column = _RECEIVED if table.name()[-1].endswith(QUARANTINE) else table.properties.get(COLUMN, "")
    if not column:
        return (
            f"rows may stay {days} days, but the contract names no column: give its retention an element TABLE.COLUMN"
        )
    found = next((f for f in table.schema().fields if f.name == column), None)
    at = now - timedelta(days=days)
    if found is None:
        return f"the contract's retention names column {column}, which the table does not have"
    if isinstance(found.field_type, DateType):
        return Limit(column, days, at.date().isoformat(), pa.scalar(at.date(), pa.date32()))
    if isinstance(found.field_type, TimestamptzType):
        return Limit(column, days, at.isoformat(), pa.scalar(at, pa.timestamp("us", "UTC")))
    if isinstance(found.field_type, TimestampType):
        at = at.replace(tzinfo=None)
        return Limit(column, days, at.isoformat(), pa.scalar(at, pa.timestamp("us")))
    return f"the contract's retention names column {column}, which is no date or timestamp but {found.field_type}"


def retain(store: Store, care: Care, table: Table) -> Step:
    """Plan or do the deletion of rows past retention.

    Raises:
        ConflictError: another writer has changed the same files; no row is deleted.
        StoreError: the catalog or the file store refused.

    """
    days = retention_days(store, table)
    if days is None or days == 0:
        return Step(RETENTION, State.NOT_NEEDED, "the table has no retention")
    limit = limit_of(table, days, care.now)
    if isinstance(limit, str):
        return Step(RETENTION, State.REFUSED, limit)
    found = _find(table, limit)
    reason = f"rows whose {limit.column} is before {limit.text}, {days} days ago"
    if not found.rows:
        return Step(RETENTION, State.NOT_NEEDED, f"there are no {reason}")
    figures = {"rows": found.rows, "files_dropped": len(found.whole), "files_rewritten": len(found.partly)}
    if care.dry_run:
        return Step(RETENTION, State.NEEDED, reason, figures)
    rewriting = Rewriting(store, care, table)
    try:
        for task in found.whole:
            rewriting.drop(task)
        if found.partly:
            rewriting.write(found.partly, limit.keep)
        summary = {"dativo.maintenance": RETENTION, "dativo.rows-deleted": str(found.rows)}
        rewriting.publish(summary, same_rows=False)
    finally:
        rewriting.discard()
    return Step(RETENTION, State.DONE, reason, figures)


def _find(table: Table, limit: Limit) -> _Found:
    """Look at bounds first; only files that have rows on both sides of the limit are opened."""
    expression = LessThan(limit.column, limit.text)  # type: ignore[call-arg,arg-type]
    certain = _StrictMetricsEvaluator(table.schema(), expression)
    found = _Found()
    for task in tasks_of(table, expression):
        if certain.eval(task.file) == ROWS_MUST_MATCH and not task.delete_files:
            found.whole.append(task)
            found.rows += task.file.record_count
            continue
        past = rows = 0
        for batch in _column(table, task, limit.column):
            past, rows = past + limit.past(batch).true_count, rows + batch.num_rows
        found.rows += past
        if past:
            (found.whole if past == rows else found.partly).append(task)
    return found


def _column(table: Table, task: FileScanTask, column: str) -> Iterator[pa.RecordBatch]:
    with stored(table, task) as file:
        yield from file.rows_of(table.schema().select(column))

"""What the target itself says of a record: when it came, in which epoch and in which run."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pyarrow as pa

from target_dativo_iceberg.contract.record_metadata import BATCHED_AT, RECEIVED_AT, SEQUENCE, SYNC_STARTED_AT

_MILLISECOND = 1000


@dataclass(frozen=True, slots=True)
class Stamp:
    """The moments of a run of records, in microseconds since 1970.

    Attributes:
        received: when they were read.
        batched: when their epoch began.
        started: when the run of the target began.

    """

    received: int
    batched: int
    started: int

    def on(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows with these moments in their columns."""
        values = {
            RECEIVED_AT: self.received,
            BATCHED_AT: self.batched,
            SEQUENCE: self.received // _MILLISECOND,
            SYNC_STARTED_AT: run_number(self.started),
        }
        for name, value in values.items():
            index = rows.schema.get_field_index(name)
            field = rows.schema.field(index)
            column = pa.repeat(pa.scalar(value, pa.int64()), rows.num_rows).cast(field.type)
            rows = rows.set_column(index, field, column)
        return rows


def now() -> int:
    """Return the time in microseconds since 1970."""
    return time.time_ns() // 1000


def run_number(started: int) -> int:
    """Return what rows of a run have in `_sdc_sync_started_at`; `started` is in microseconds since 1970."""
    return started // _MILLISECOND

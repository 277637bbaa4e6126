"""What happens in a run, in the order in which it is told. No event holds a record's value or a setting's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from target_dativo_iceberg.report import StreamReport
    from target_dativo_iceberg.timeline import Span


class RunStarted(Struct, frozen=True):
    """The target has its settings and is about to read.

    Attributes:
        run_id: of the run.
        job_id: of the job, if it has a name.
        tenant_id: of the tenant, if there is one.
        started: when the run began, seconds since 1970.
        began: the same moment on the clock that only goes forward.

    """

    run_id: str
    job_id: str | None
    tenant_id: str | None
    started: float
    began: float


class Column(Struct, frozen=True):
    """A column of a stream's contract. `type` is one of the kinds of `contract.model.Kind`."""

    name: str
    type: str
    description: str = ""


class StreamStarted(Struct, frozen=True):
    """A stream's SCHEMA has come and fits its contract; it is told again when another one comes.

    Attributes:
        stream: its name.
        table: dotted name of its table.
        columns: that the contract writes.
        at: on the clock that only goes forward.

    """

    stream: str
    table: str
    columns: tuple[Column, ...]
    at: float


class Counted(Struct, frozen=True):
    """Records of each stream that were judged so far, published or not; told at most once a minute."""

    records: Mapping[str, int]


class EpochPublished(Struct, frozen=True):
    """An epoch is published.

    Attributes:
        number: from 1.
        span: when it was opened, staged and published.
        counts: of the epoch, by stream; nobody changes them any more.

    """

    number: int
    span: Span | None
    counts: Mapping[str, StreamReport]


class StateEmitted(Struct, frozen=True):
    """A STATE line was printed."""

    epoch: int


class RunEnded(Struct, frozen=True):
    """The run has ended, well or not. `report` is the run report as it is written, `line` its one line for people."""

    report: Mapping[str, Any]
    line: str


Event = RunStarted | StreamStarted | Counted | EpochPublished | StateEmitted | RunEnded

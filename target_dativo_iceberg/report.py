"""The run report: what was read, published and quarantined, per stream. It adds up, or the run fails."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.errors import DativoError, Interrupted, Stop
from target_dativo_iceberg.examples import Examples
from target_dativo_iceberg.names import QUARANTINE as SUFFIX
from target_dativo_iceberg.telemetry import oors
from target_dativo_iceberg.telemetry.events import EpochPublished, Event, StateEmitted
from target_dativo_iceberg.timeline import Span, Timeline

if TYPE_CHECKING:
    from target_dativo_iceberg.stage import Staged


_SUMS = (
    "records",
    "good",
    "quarantined",
    "dropped",
    "filtered",
    "deleted",
    "marked",
    "input_bytes",
    "files",
    "file_bytes",
    "seconds",
)


@dataclass(slots=True)
class StreamReport:
    """Counts of one stream in published epochs (`open_*`: in the epoch that is not published yet).

    `coercions` counts values that were read as another type, by (column, kind), in all records, rejected ones too.
    `filtered` counts those of the dropped records that a stream map left out: they break no contract.
    `deleted` and `marked` count rows of the table, not records: those that are gone at the source.
    `examples` are places of rejected records, `schema_changes` sentences about the table's columns.
    """

    stream: str
    table: str = ""
    contract: str = ""
    records: int = 0
    good: int = 0
    quarantined: int = 0
    dropped: int = 0
    filtered: int = 0
    deleted: int = 0
    marked: int = 0
    checks: list[dict[str, Any]] = field(default_factory=list)
    by_rule: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    coercions: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown_fields: set[str] = field(default_factory=set)
    examples: Examples = field(default_factory=Examples)
    schema_changes: list[str] = field(default_factory=list)
    input_bytes: int = 0
    files: int = 0
    file_bytes: int = 0
    snapshot_id: int | None = None
    seconds: float = 0.0

    @property
    def turned_away(self) -> int:
        """Records that break their contract and were not written to the table."""
        return self.quarantined + self.dropped - self.filtered

    def take(self, staged: Staged, nbytes: int) -> None:
        """Add a run of records after the verdict; `nbytes` is what they took of the input."""
        self.records += staged.count
        self.good += staged.accepted.num_rows
        self.quarantined += len(staged.rejected)
        self.dropped += staged.dropped
        self.by_rule.update(staged.by_rule)
        self.warnings.update(staged.warnings)
        self.coercions.update(staged.coercions)
        self.unknown_fields |= staged.unknown
        self.input_bytes += nbytes

    def check(self) -> None:
        """Assert that nothing was lost on the way.

        Raises:
            DativoError: records in are not the sum of good, quarantined and dropped.

        """
        if self.records != self.good + self.quarantined + self.dropped:
            raise DativoError(
                f"stream '{self.stream}': {self.records} records in, but {self.good} good, {self.quarantined} "
                f"quarantined and {self.dropped} dropped",
                "this is a fault of the target; nothing of the open epoch was published",
            )

    def as_dict(self) -> dict[str, Any]:
        """JSON form. Snapshot ids are texts: 64-bit numbers lose digits in some readers."""
        return {
            "stream": self.stream,
            "table": self.table,
            "contract": self.contract,
            "records": self.records,
            "good": self.good,
            "quarantined": self.quarantined,
            "quarantine_table": f"{self.table}{SUFFIX}" if self.quarantined else None,
            "dropped": self.dropped,
            "deleted": self.deleted,
            "marked_deleted": self.marked,
            "by_rule": dict(self.by_rule.most_common()),
            "warnings": dict(self.warnings.most_common()),
            "coercions": self._coercions(),
            "checks": self.checks,
            "unknown_fields": sorted(self.unknown_fields),
            "examples": [example.as_dict() for example in self.examples],
            "schema_changes": self.schema_changes,
            "input_bytes": self.input_bytes,
            "files": self.files,
            "file_bytes": self.file_bytes,
            "snapshot_id": None if self.snapshot_id is None else str(self.snapshot_id),
            "seconds": round(self.seconds, 3),
        }

    def _coercions(self) -> dict[str, dict[str, int]]:
        """Counts of kinds by column."""
        found: dict[str, dict[str, int]] = {}
        for (column, kind), count in sorted(self.coercions.items()):
            found.setdefault(column, {})[kind] = count
        return found

    def add(self, other: StreamReport) -> None:
        """Add the counts of a published epoch."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.by_rule += other.by_rule
        self.checks = other.checks or self.checks
        self.warnings += other.warnings
        self.coercions += other.coercions
        self.unknown_fields |= other.unknown_fields
        self.examples.add(other.examples)
        self.schema_changes += other.schema_changes
        self.snapshot_id = other.snapshot_id or self.snapshot_id
        self.table, self.contract = other.table or self.table, other.contract or self.contract


def _dropped(counts: StreamReport) -> dict[str, Any]:
    """JSON form of what was judged in an epoch that was not published."""
    return {
        "stream": counts.stream,
        "records": counts.records,
        "rejected": counts.records - counts.good,
        "by_rule": dict(counts.by_rule.most_common()),
        "examples": [example.as_dict() for example in counts.examples],
    }


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@dataclass(slots=True)
class RunReport:
    """The whole run.

    Attributes:
        started: when the run began, seconds since 1970.
        began: the same moment on the clock that only goes forward.
        epochs: how many were published.
        states: how many STATE lines were printed.
        streams: counts of published epochs.
        publish_seconds: how long the publishes took.
        ended: when the run ended, on the clock that only goes forward; None while it runs.
        where: where the tables are to be looked at: warehouse; branch and hash on Nessie.
        timeline: when each epoch was staged and published.
        unpublished: counts of the epoch that was open when the run failed, as far as it was judged.
        error: what ended the run.
        finished: the input ended and all of it is published.
        lost_attempts: starts of the names of files that lost workers may have left; no snapshot names them.

    """

    run_id: str
    job_id: str | None = None
    tenant_id: str | None = None
    started: float = field(default_factory=time.time)
    began: float = field(default_factory=time.monotonic)
    epochs: int = 0
    states: int = 0
    publish_seconds: float = 0.0
    ended: float | None = None
    streams: dict[str, StreamReport] = field(default_factory=dict)
    where: Mapping[str, str | None] = field(default_factory=dict)
    timeline: Timeline = field(init=False)
    unpublished: Mapping[str, StreamReport] = field(default_factory=dict)
    error: BaseException | None = None
    finished: bool = False
    lost_attempts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.timeline = Timeline(self.began)

    def take(self, event: Event) -> None:
        """Take an event: epochs and STATE lines are counted."""
        match event:
            case EpochPublished():
                self._published(event.counts, event.span)
            case StateEmitted():
                self.states += 1

    def _published(self, counts: Mapping[str, StreamReport], span: Span | None) -> None:
        """Move an epoch's counts to the published ones."""
        self.epochs += 1
        if span is not None:
            self.timeline.add(self.epochs, span, counts)
            self.publish_seconds += round(span.published - span.staged, 3)
        for name, found in counts.items():
            self.streams.setdefault(name, StreamReport(name)).add(found)

    def read(self, open_streams: Mapping[str, StreamReport]) -> dict[str, int]:
        """Return how many records of each stream were judged so far; `open_streams`: in the open epoch."""
        found: Counter[str] = Counter()
        for one in (*self.streams.values(), *open_streams.values()):
            found[one.stream] += one.records
        return dict(found)

    def end(self, error: BaseException | None = None) -> None:
        """Note that the run has ended, and by which error if it failed."""
        self.ended = time.monotonic()
        self.error = Interrupted(error.signum) if isinstance(error, Stop) else error

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        total = [s.as_dict() for s in self.streams.values()]
        names = ("records", "good", "quarantined", "dropped", "input_bytes", "files", "file_bytes")
        who = {"run_id": self.run_id, "job_id": self.job_id, "tenant_id": self.tenant_id}
        return {
            **who,
            "status": self.status,
            "error": self._error(),
            "started_at": _iso(self.started),
            "seconds": round(self.seconds, 3),
            "publish_seconds": round(self.publish_seconds, 3),
            "epochs": self.epochs,
            "states": self.states,
            "where": dict(self.where),
            "timeline": self.timeline.as_list(),
            "totals": {n: sum(s[n] for s in total) for n in names},
            "streams": total,
            "lost_attempts": self.lost_attempts,
            "unpublished": [_dropped(s) for s in self.unpublished.values() if s.records],
            "contract_results": oors.documents({**who, "streams": total}, _iso(self.started + self.seconds)),
        }

    def _error(self) -> dict[str, str | bool | None] | None:
        if self.error is None:
            return None
        error = self.error
        if not isinstance(error, DativoError):
            error = DativoError(f"unforeseen {type(error).__name__}", "see the log")
        return {"code": error.code, "message": error.message, "hint": error.hint, "retryable": error.retryable}

    @property
    def seconds(self) -> float:
        """How long the run has taken, whatever is done to the clock."""
        return (time.monotonic() if self.ended is None else self.ended) - self.began

    def line(self) -> str:
        """One line for the log."""
        totals = self.as_dict()["totals"]
        coerced = sum(s.coercions.total() for s in self.streams.values())
        dropped = sum(s.records for s in self.unpublished.values())
        return (
            f"{self.status}: published {totals['records']} records in {self.epochs} epochs, {totals['good']} good and "
            f"{totals['quarantined']} quarantined, in {totals['files']} files, {self.seconds:.2f} s"
            + (f"; {coerced} values were read as another type" if coerced else "")
            + (f"; {dropped} records read after that are not published" if dropped else "")
        )

    @property
    def status(self) -> str:
        """`running`, `failed`, `partial` (something was quarantined) or `success`."""
        if not self.finished:
            return "failed" if self.error else "running"
        return "partial" if any(s.quarantined for s in self.streams.values()) else "success"

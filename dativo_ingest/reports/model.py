"""Reports as they lie on disk, read with types: a job's, or that of a target that was run by itself.

What a newer version adds is passed over, what an older one lacks is empty; a value of another type is an error that
names its place and never shows it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dativo_ingest.errors import StateError


class Example(msgspec.Struct, frozen=True):
    """Where a record broke a rule."""

    rule: str = ""
    path: str = ""
    line: int = 0
    file: str | None = None


class Check(msgspec.Struct, frozen=True):
    """What came of a quality check."""

    id: str
    status: str
    severity: str = "error"
    measured: Any = None
    expected: Any = None
    failed_rows: int | None = None
    reason: str | None = None


class Stream(msgspec.Struct, frozen=True):
    """Counts of one stream in published epochs."""

    stream: str
    table: str = ""
    contract: str = ""
    records: int = 0
    good: int = 0
    quarantined: int = 0
    quarantine_table: str | None = None
    dropped: int = 0
    deleted: int = 0
    marked_deleted: int = 0
    by_rule: dict[str, int] = {}
    warnings: dict[str, int] = {}
    coercions: dict[str, dict[str, int]] = {}
    checks: list[Check] = []
    unknown_fields: list[str] = []
    examples: list[Example] = []
    schema_changes: list[str] = []
    files: int = 0
    file_bytes: int = 0
    input_bytes: int = 0
    snapshot_id: str | None = None

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost on the way."""
        return self.records == self.good + self.quarantined + self.dropped


class Unpublished(msgspec.Struct, frozen=True):
    """What was judged of a stream in the epoch that was open when the run failed."""

    stream: str
    records: int = 0
    rejected: int = 0
    by_rule: dict[str, int] = {}
    examples: list[Example] = []


class Epoch(msgspec.Struct, frozen=True):
    """When an epoch was staged and published, in seconds since the run began."""

    epoch: int
    opened: float
    staged: float
    published: float
    records: int = 0
    good: int = 0
    quarantined: int = 0


class Totals(msgspec.Struct, frozen=True):
    """Counts of all streams together."""

    records: int = 0
    good: int = 0
    quarantined: int = 0
    dropped: int = 0
    input_bytes: int = 0
    files: int = 0
    file_bytes: int = 0


class TargetRun(msgspec.Struct, frozen=True):
    """The target's run report; one that never was is empty."""

    run_id: str = ""
    job_id: str | None = None
    tenant_id: str | None = None
    status: str = ""
    error: dict[str, Any] | None = None
    started_at: str = ""
    seconds: float = 0.0
    epochs: int = 0
    states: int = 0
    where: dict[str, str | None] = {}
    timeline: list[Epoch] = []
    totals: Totals = Totals()
    streams: list[Stream] = []
    unpublished: list[Unpublished] = []

    @property
    def unpublished_records(self) -> int:
        """Records that were judged and not published, since the run failed."""
        return sum(one.records for one in self.unpublished)


class JobRun(msgspec.Struct, frozen=True):
    """The report of a job's run."""

    job: str
    status: str
    exit_code: int
    tenant: str | None = None
    call_id: str = ""
    run_id: str = ""
    path: str = ""
    cause: str | None = None
    error: str | None = None
    retryable: bool | None = None
    started_at: str = ""
    seconds: float = 0.0
    attempts: int = 1
    tried_again: bool = False
    source: str = ""
    problems: list[str] = []
    tap_says: dict[str, int] = {}
    target: TargetRun = TargetRun()

    @property
    def id(self) -> str:
        """The job's name among all tenants."""
        return f"{self.tenant}.{self.job}" if self.tenant else self.job


def job_runs(value: Any, where: str) -> list[JobRun]:
    """Return the runs that a report is of: one job's, a call's, or that of a target alone.

    Args:
        value: parsed JSON.
        where: it comes from, for messages.

    Raises:
        StateError: it is no report.

    """
    if isinstance(value, dict) and isinstance(value.get("jobs"), list):
        return [_job_run(one, where) for one in value["jobs"]]
    return [_job_run(value, where)]


def _job_run(value: Any, where: str) -> JobRun:
    try:
        if isinstance(value, dict) and "streams" in value and "target" not in value:
            return _alone(msgspec.convert(value, TargetRun))
        return msgspec.convert(value, JobRun)
    except msgspec.ValidationError as error:
        # Its text names types and the place, never the value.
        raise StateError(f"{where} is no report of a run ({error})", "name a report that dativo wrote") from None


def _alone(run: TargetRun) -> JobRun:
    """Return the run of a target that no job started."""
    ended = {"success": 0, "partial": 1}.get(run.status, 2)
    error = run.error or {}
    word = ("success", "partial", "failure")[ended] if run.status != "running" else "running"
    return JobRun(
        job=run.job_id or "target",
        status=word,
        exit_code=ended,
        tenant=run.tenant_id,
        run_id=run.run_id,
        cause=error.get("code"),
        error=error.get("message"),
        retryable=error.get("retryable"),
        started_at=run.started_at,
        seconds=run.seconds,
        target=run,
    )

"""Every metric, and how it follows from a run report: the one derivation that all sinks share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Labels = Mapping[str, str]
NONE = "none"
OUTCOMES = ("good", "quarantined", "dropped")


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric.

    Attributes:
        otel: name for OpenTelemetry, empty where it has none.
        unit: in UCUM.
        gauge: name in the Prometheus textfile, empty where it has none.
        singer: name in METRIC lines, empty where it has none.
        labels: its labels, or attributes.
        about: one sentence.
        kind: OpenTelemetry's instrument.

    """

    otel: str
    unit: str
    gauge: str
    singer: str
    labels: tuple[str, ...]
    about: str
    kind: str = "counter"


_STREAM = ("tenant", "job", "stream")
READ = Measure(
    "dativo.records.read", "{record}", "dativo_run_records_read", "", _STREAM, "Records read in published epochs."
)
RECORDS = Measure(
    "dativo.records",
    "{record}",
    "dativo_run_records",
    "dativo_records",
    (*_STREAM, "outcome"),
    "Records in published epochs by outcome: good, quarantined or dropped. They add up to the records read.",
)
WRITTEN = Measure(
    "dativo.written", "By", "dativo_run_written_bytes", "dativo_written_bytes", _STREAM, "Size of the data files."
)
FILES = Measure("dativo.files", "{file}", "dativo_run_files", "dativo_files", _STREAM, "Data files.")
PUBLISH = Measure(
    "dativo.publish.duration",
    "s",
    "dativo_run_publish_seconds",
    "dativo_publish_duration",
    ("tenant", "job"),
    "Time of publishing an epoch; in the textfile and in METRIC lines, of all epochs.",
    "histogram",
)
RUN = Measure(
    "dativo.run.duration",
    "s",
    "dativo_run_duration_seconds",
    "dativo_run_duration",
    ("tenant", "job", "status"),
    "Time of the run; under dativo the textfile has that of the job, with all its tries.",
    "histogram",
)
JOB = Measure(
    "dativo.job.duration",
    "s",
    "",
    "",
    ("tenant", "job", "status", "cause"),
    "Time of the job with all its tries, told by dativo; cause is an error code, or none.",
    "histogram",
)
ENDED = Measure(
    "", "s", "dativo_run_end_timestamp_seconds", "", ("tenant", "job"), "When the last run ended, since 1970."
)
SUCCESS = Measure(
    "",
    "s",
    "dativo_run_last_success_timestamp_seconds",
    "",
    ("tenant", "job"),
    "When the last run ended that published all it read, good or quarantined; a run that fails keeps it.",
)
MEASURES = (RECORDS, READ, WRITTEN, FILES, PUBLISH, RUN, JOB, ENDED, SUCCESS)


def identity(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that every metric of a run has: tenant and job, `none` where they have no name."""
    tenant, job = report.get("tenant_id") or NONE, report.get("job_id") or NONE
    return {"tenant": tenant, "job": job.removeprefix(f"{tenant}.")}


def of_streams(report: Mapping[str, Any]) -> Iterator[tuple[Measure, dict[str, str], int]]:
    """Yield the counts of a report's streams, with the labels beside tenant and job."""
    for stream in report["streams"]:
        own = {"stream": stream["stream"]}
        for outcome in OUTCOMES:
            yield RECORDS, {**own, "outcome": outcome}, stream[outcome]
        yield READ, own, stream["records"]
        yield WRITTEN, own, stream["file_bytes"]
        yield FILES, own, stream["files"]

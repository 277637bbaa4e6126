"""What a job tells beside its events: a Prometheus textfile, a span around its runs, and how long it took.

The target tells of its own run: records, publishes, traces, lineage. `dativo` adds what only it knows, from the job's
report, and hands the trace on; nothing is told twice. A service that is down is a warning.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dativo_ingest import names
from dativo_ingest.events import Events
from target_dativo_iceberg.errors import DativoError
from target_dativo_iceberg.telemetry import otlp_client, textfile, tracing
from target_dativo_iceberg.telemetry.measures import JOB, NONE

if TYPE_CHECKING:
    from dativo_ingest.run import Surroundings

SERVICE = "dativo"
METRICS_DIR = "DATIVO_METRICS_DIR"
_STATUS = {"failure": "failed"}
# Variables that hold sign-ins of collectors and lineage servers.
_SECRET = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS")


@dataclass(frozen=True)
class JobSpan:
    """The span of a job that has begun, in the trace of whatever started it."""

    own: tracing.Parent
    parent: str
    began: float


def traced(around: Surroundings) -> tuple[Surroundings, JobSpan | None]:
    """Begin a job's span, if spans are sent anywhere; return the surroundings that hand it on, and the span."""
    if not otlp_client.is_on(around.environment):
        return around, None
    parent = tracing.taken(around.environment)
    own = tracing.begun(around.environment)
    handed_on = {**around.environment, tracing.VARIABLE: str(own)}
    return replace(around, environment=handed_on), JobSpan(own, parent.span if parent else "", time.time())


def learn_secrets(environment: Mapping[str, str], events: Events) -> None:
    """Have the sign-ins of collectors and lineage servers hidden in all output."""
    for name in _SECRET:
        for pair in environment.get(name, "").split(","):
            events.redactor.learn(pair.partition("=")[2].strip())
    if key := environment.get("OPENLINEAGE_API_KEY"):
        events.redactor.learn(key)


def tell(
    report: Mapping[str, Any], environment: Mapping[str, str], events: Events, span: JobSpan | None = None
) -> None:
    """Tell of a job that has ended.

    Args:
        report: of the job, as it is kept.
        environment: of this process: where it tells.
        events: for warnings.
        span: of the job, None for one that was not started.

    """
    summary = summary_of(report)
    if directory := environment.get(METRICS_DIR):
        try:
            textfile.write(Path(directory), summary, time.time())
        except DativoError as error:
            events.warn("metrics_failed", str(error))
    if span is None:
        return
    if not otlp_client.is_installed():
        events.warn("metrics_failed", "OTLP: its packages are missing: install target-dativo-iceberg[otel]")
    elif wrong := otlp_client.send(SERVICE, [_span(report, span)], [_duration(report)], environment):
        events.warn("metrics_failed", f"OTLP: span and duration of the job are not sent ({wrong})")


def summary_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's report in the form of a run report: the target's counts under the job's status and time."""
    target = report["target"] or {}
    return {
        "tenant_id": report["tenant"],
        "job_id": names.job_id(report["tenant"] or NONE, report["job"]),
        "status": _STATUS.get(report["status"], report["status"]),
        "seconds": report.get("seconds", 0.0),
        "publish_seconds": target.get("publish_seconds", 0.0),
        "streams": target.get("streams", ()),
    }


def _labels(report: Mapping[str, Any]) -> dict[str, str]:
    return {
        "tenant": report["tenant"] or NONE,
        "job": report["job"],
        "status": _STATUS.get(report["status"], report["status"]),
        "cause": report["cause"] or NONE,
    }


def _duration(report: Mapping[str, Any]) -> otlp_client.Sample:
    return JOB, _labels(report), [report["seconds"]]


def _span(report: Mapping[str, Any], span: JobSpan) -> otlp_client.Span:
    attributes: dict[str, otlp_client.Value] = {f"dativo.{key}": value for key, value in _labels(report).items()}
    attributes |= {"dativo.attempts": report["attempts"], "dativo.source": report["source"]}
    ended = span.began + report["seconds"]
    return otlp_client.Span("dativo.job", span.own, span.parent, span.began, ended, attributes, report["cause"] or "")

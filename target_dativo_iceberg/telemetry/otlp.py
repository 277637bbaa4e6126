"""Sink: the target's metrics and traces over OTLP, told once, when the run ends.

Spans: the run, in it each stream and each epoch, in an epoch its publish. An epoch is of all streams together, so it
stands beside them. There is none per batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from target_dativo_iceberg import log
from target_dativo_iceberg.telemetry import otlp_client, tracing
from target_dativo_iceberg.telemetry.events import EpochPublished, Event, RunEnded, RunStarted, StreamStarted
from target_dativo_iceberg.telemetry.measures import PUBLISH, RUN, identity, of_streams
from target_dativo_iceberg.telemetry.otlp_client import Sample, Span
from target_dativo_iceberg.timeline import KEPT

SERVICE = "target-dativo-iceberg"


class Otlp:
    """Collects the moments of a run, and sends them with the report's counts when it ends.

    Args:
        environment: of the process.

    """

    name = "OTLP"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._run: RunStarted | None = None
        self._streams: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._epochs: deque[EpochPublished] = deque(maxlen=KEPT)
        self._publishes: list[float] = []

    def take(self, event: Event) -> None:
        """Keep a moment; send all of them at the end."""
        match event:
            case RunStarted():
                self._run = event
            case StreamStarted():
                self._streams.setdefault(event.stream, event.at)
            case EpochPublished(span=span) if span is not None:
                self._epochs.append(event)
                self._publishes.append(round(span.published - span.staged, 3))
                self._last |= dict.fromkeys(event.counts, span.published)
            case RunEnded():
                self._send(event.report)

    def _send(self, report: Mapping[str, Any]) -> None:
        if not otlp_client.is_installed():
            log.say("OTLP: its packages are missing: install target-dativo-iceberg[otel]", "warning")
            return
        spans = list(self._spans(report))
        wrong = otlp_client.send(SERVICE, spans, self._samples(report), self._environment)
        if wrong:
            log.say(f"OTLP: metrics and traces of this run are not sent ({wrong})", "warning")

    def _samples(self, report: Mapping[str, Any]) -> Iterator[Sample]:
        common = identity(report)
        for measure, own, count in of_streams(report):
            yield measure, {**common, **own}, [count]
        yield PUBLISH, common, self._publishes
        yield RUN, {**common, "status": report["status"]}, [report["seconds"]]

    def _spans(self, report: Mapping[str, Any]) -> Iterator[Span]:
        assert self._run is not None
        around = tracing.taken(self._environment)
        own = around.child() if around else tracing.begun({})
        began = self._run.started
        ended = began + report["seconds"]
        yield Span("dativo.run", own, around.span if around else "", began, ended, _of_run(report), _code(report))
        for stream in report["streams"]:
            name = stream["stream"]
            span = (self._streams.get(name, self._run.began), self._last.get(name, self._run.began))
            yield Span("dativo.stream", own.child(), own.span, *self._times(*span), _of_stream(stream))
        for epoch in self._epochs:
            assert epoch.span is not None
            inner = own.child()
            times = self._times(epoch.span.opened, epoch.span.published)
            yield Span("dativo.epoch", inner, own.span, *times, _of_epoch(epoch))
            times = self._times(epoch.span.staged, epoch.span.published)
            yield Span("dativo.publish", inner.child(), inner.span, *times, {"dativo.epoch": epoch.number})

    def _times(self, began: float, ended: float) -> tuple[float, float]:
        """Return moments of the clock that only goes forward as seconds since 1970."""
        assert self._run is not None
        since = self._run.started - self._run.began
        return began + since, max(began, ended) + since


def _code(report: Mapping[str, Any]) -> str:
    return str(report["error"]["code"]) if report["error"] else ""


def _of_run(report: Mapping[str, Any]) -> dict[str, otlp_client.Value]:
    who = identity(report)
    found: dict[str, otlp_client.Value] = {
        "dativo.tenant": who["tenant"],
        "dativo.job": who["job"],
        "dativo.run.id": report["run_id"],
        "dativo.status": report["status"],
        "dativo.epochs": report["epochs"],
        "dativo.states": report["states"],
    }
    found |= _counts(report["totals"])
    if report["error"]:
        found["dativo.error"] = report["error"]["message"]
    return found


def _of_stream(stream: Mapping[str, Any]) -> dict[str, otlp_client.Value]:
    found: dict[str, otlp_client.Value] = {"dativo.stream": stream["stream"], "dativo.table": stream["table"]}
    if stream["snapshot_id"] is not None:
        found["dativo.snapshot.id"] = stream["snapshot_id"]
    return found | _counts(stream)


def _of_epoch(epoch: EpochPublished) -> dict[str, otlp_client.Value]:
    names = ("records", "good", "quarantined", "dropped", "files", "file_bytes")
    totals = {name: sum(getattr(one, name) for one in epoch.counts.values()) for name in names}
    return {"dativo.epoch": epoch.number, "dativo.streams": len(epoch.counts), **_counts(totals)}


def _counts(of: Mapping[str, Any]) -> dict[str, otlp_client.Value]:
    return {
        "dativo.records.read": of["records"],
        "dativo.records.good": of["good"],
        "dativo.records.quarantined": of["quarantined"],
        "dativo.records.dropped": of["dropped"],
        "dativo.files": of["files"],
        "dativo.written": of["file_bytes"],
    }

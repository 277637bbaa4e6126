"""Sink: METRIC lines on the log, in the form of the Singer SDK, which Meltano and others parse."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import Any

from singer_sdk import metrics

from target_dativo_iceberg.telemetry.events import Counted, Event, RunEnded
from target_dativo_iceberg.telemetry.measures import PUBLISH, RUN, of_streams


class MetricLines:
    """Says `record_count` of each stream once a minute and at the end, and at the end what the report has.

    As in the SDK a line of a counter says what has come since the line before: a stream's lines add up to the records
    that were judged, those that a failed run did not publish too.
    """

    name = "METRIC lines"

    def __init__(self) -> None:
        self._said: Counter[str] = Counter()

    def take(self, event: Event) -> None:
        """Say what an event counts."""
        match event:
            case Counted():
                self._records(event.records)
            case RunEnded():
                self._end(event.report)

    def _records(self, records: Mapping[str, int]) -> None:
        for stream, count in records.items():
            new = count - self._said[stream]
            if new or stream not in self._said:
                self._said[stream] = count
                _say("counter", metrics.Metric.RECORD_COUNT, new, {"stream": stream})

    def _end(self, report: Mapping[str, Any]) -> None:
        self._records(judged(report))
        for measure, labels, count in of_streams(report):
            if measure.singer:
                _say("counter", _named(measure.singer), count, labels)
        status = metrics.Status.FAILED if report["error"] else metrics.Status.SUCCEEDED
        _say("timer", _named(PUBLISH.singer), report["publish_seconds"], {"status": status.value})
        _say("timer", _named(RUN.singer), report["seconds"], {"status": status.value})


def judged(report: Mapping[str, Any]) -> dict[str, int]:
    """Return how many records of each stream a run judged, published or not."""
    found: Counter[str] = Counter()
    for stream in (*report["streams"], *report["unpublished"]):
        found[stream["stream"]] += stream["records"]
    return dict(found)


def _named(name: str) -> Any:
    """Return a name as the SDK's points hold it."""
    return Enum("Metric", {"NAME": name}).NAME  # type: ignore[attr-defined]


def _say(kind: str, metric: Any, value: float, tags: Mapping[str, Any]) -> None:
    metrics.log(metrics.get_metrics_logger(), metrics.Point(kind, metric, value, {**tags, "pid": os.getpid()}))

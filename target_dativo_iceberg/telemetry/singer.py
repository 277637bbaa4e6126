"""Sink: METRIC lines on the log, in the form of the Singer SDK, which Meltano and others parse."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from typing import Any

from target_dativo_iceberg import log
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
                _say("counter", "record_count", new, {"stream": stream})

    def _end(self, report: Mapping[str, Any]) -> None:
        self._records(judged(report))
        for measure, labels, count in of_streams(report):
            if measure.singer:
                _say("counter", measure.singer, count, labels)
        status = {"status": "failed" if report["error"] else "succeeded"}
        _say("timer", PUBLISH.singer, report["publish_seconds"], status)
        _say("timer", RUN.singer, report["seconds"], status)


def judged(report: Mapping[str, Any]) -> dict[str, int]:
    """Return how many records of each stream a run judged, published or not."""
    found: Counter[str] = Counter()
    for stream in (*report["streams"], *report["unpublished"]):
        found[stream["stream"]] += stream["records"]
    return dict(found)


def _say(kind: str, metric: str, value: float, tags: Mapping[str, Any]) -> None:
    logging.getLogger(log.METRICS).info("METRIC: %s", _point(kind, metric, value, {**tags, "pid": os.getpid()}))


def _point(kind: str, metric: str, value: float, tags: dict[str, Any]) -> Any:
    """Return the SDK's own point where its formatters and filters may look for one, else the same line as a text."""
    if (sdk := sys.modules.get("singer_sdk.metrics")) is not None:
        return sdk.Point(kind, Enum("Metric", {"NAME": metric}).NAME, value, tags)  # type: ignore[attr-defined]
    return json.dumps({"type": kind, "metric": metric, "value": value, "tags": tags}, separators=(",", ":"))

"""A stand-in for an OTLP collector: takes what comes over HTTP, decodes it, and keeps it."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.running_server import Quiet, Running

Labels = frozenset[tuple[str, str]]


@dataclass
class Point:
    """A value of a metric: of a counter, or sum and count of a histogram."""

    value: float
    count: int | None = None


@dataclass
class Span:
    """A span that came."""

    name: str
    trace: str
    own: str
    parent: str
    nanoseconds: int
    attributes: dict[str, Any]
    failed: str


class Collector(Running):
    """Takes metrics and traces; one that `hangs` answers nothing before it is stopped."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.hangs = hangs
        self.released = threading.Event()
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self._traces: list[ExportTraceServiceRequest] = []
        self._metrics: list[ExportMetricsServiceRequest] = []
        super().__init__(_Handler)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.bodies.append(body)
        self.headers.append(headers)
        if path == "/v1/traces":
            self._traces.append(ExportTraceServiceRequest.FromString(body))
        elif path == "/v1/metrics":
            self._metrics.append(ExportMetricsServiceRequest.FromString(body))

    @property
    def spans(self) -> list[Span]:
        return [
            Span(
                one.name,
                one.trace_id.hex(),
                one.span_id.hex(),
                one.parent_span_id.hex(),
                one.end_time_unix_nano - one.start_time_unix_nano,
                {pair.key: _value(pair.value) for pair in one.attributes},
                one.status.message,
            )
            for request in self._traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for one in scope.spans
        ]

    @property
    def points(self) -> dict[tuple[str, str, Labels], Point]:
        """Values by name, unit and labels; each of them came once."""
        found: dict[tuple[str, str, Labels], Point] = {}
        for request in self._metrics:
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        for key, point in _points(metric):
                            assert key not in found, key
                            found[key] = point
        return found

    @property
    def resources(self) -> list[dict[str, Any]]:
        """Attributes of the services that told something."""
        found = [one.resource for request in self._traces for one in request.resource_spans]
        found += [one.resource for request in self._metrics for one in request.resource_metrics]
        return [{pair.key: _value(pair.value) for pair in one.attributes} for one in found]

    def stop(self) -> None:
        self.released.set()
        super().stop()


def _points(metric: Any) -> list[tuple[tuple[str, str, Labels], Point]]:
    kind = metric.WhichOneof("data")
    found = []
    for one in getattr(metric, kind).data_points:
        labels = frozenset((pair.key, pair.value.string_value) for pair in one.attributes)
        is_sum = kind == "sum"
        value = getattr(one, one.WhichOneof("value")) if is_sum else one.sum
        found.append(((metric.name, metric.unit, labels), Point(value, None if is_sum else one.count)))
    return found


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


class _Handler(Quiet):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.server.hangs:
            self.server.released.wait(30)
            return
        self.server.take(self.path, dict(self.headers), body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

"""Spans and counts of a process that is ending, sent once over OTLP/HTTP. OpenTelemetry is loaded here, and only then.

Configured by the standard variables alone (`OTEL_EXPORTER_OTLP_ENDPOINT` …); no endpoint, or no extra, and nothing is
sent. The target and `dativo` both send by this module, each what is its own.
"""

from __future__ import annotations

import importlib.util
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.telemetry.measures import Measure
from target_dativo_iceberg.telemetry.sending import LIMIT_SECONDS, within
from target_dativo_iceberg.telemetry.tracing import Parent

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
# The exporters give up a little earlier, so that they can say why.
_EXPORTER_SECONDS = LIMIT_SECONDS * 0.8
_NS = 1_000_000_000
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Span:
    """A span that has ended.

    Attributes:
        name: what was done.
        own: the span itself.
        parent: id of the span around it, empty for the first one of a trace.
        began: seconds since 1970.
        ended: seconds since 1970.
        attributes: never a record's value.
        failed: code of the error that ended it, or empty.

    """

    name: str
    own: Parent
    parent: str
    began: float
    ended: float
    attributes: Mapping[str, Value] = field(default_factory=dict)
    failed: str = ""


# Values are added to a counter one by one, and are each an observation of a histogram.
Sample = tuple[Measure, Mapping[str, str], Sequence[float]]


def wanted(environment: Mapping[str, str], signal: str) -> bool:
    """Whether a signal (`traces` or `metrics`) is to be sent, by the standard variables."""
    upper = signal.upper()
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environment.get(f"OTEL_{upper}_EXPORTER", "otlp").strip().lower() == "none":
        return False
    return bool(environment.get(_ENDPOINT) or environment.get(f"OTEL_EXPORTER_OTLP_{upper}_ENDPOINT"))


def is_on(environment: Mapping[str, str]) -> bool:
    """Whether anything is to be sent."""
    return wanted(environment, "traces") or wanted(environment, "metrics")


def is_installed() -> bool:
    """Whether the extra `otel` is there."""
    try:
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def send(service: str, spans: Sequence[Span], samples: Iterable[Sample], environment: Mapping[str, str]) -> str:
    """Send spans and counts, within two seconds.

    Args:
        service: name of the service, where the environment gives none.
        spans: of one trace.
        samples: what was measured.
        environment: of the process; the exporters read the rest of it themselves.

    Returns:
        What went wrong, for people, or nothing.

    """
    import opentelemetry.exporter.otlp.proto.http.metric_exporter  # noqa: PLC0415 - takes a third of a second
    import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: F401, PLC0415 - as above

    resource = _resource(service, environment)
    found = list(samples)

    def work() -> None:
        if wanted(environment, "traces") and spans and spans[0].own.flags[-1] in "13579bdf":
            _send_spans([_span(one, resource) for one in spans])
        if wanted(environment, "metrics"):
            _send_samples(found, resource)

    with _listening() as said:
        wrong = within(LIMIT_SECONDS, "otlp", work)
    return said[-1] if said else wrong


def _resource(service: str, environment: Mapping[str, str]) -> Resource:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above

    own = {"service.version": metadata.version("target-dativo-iceberg")}
    named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create(own if named else {"service.name": service, **own})


# ---- traces ----


def _send_spans(spans: Sequence[ReadableSpan]) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above

    exporter = OTLPSpanExporter(timeout=_EXPORTER_SECONDS)
    exporter.export(spans)
    exporter.shutdown()  # type: ignore[no-untyped-call]


def _span(one: Span, resource: Resource) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - as above
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 - as above
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - as above

    return ReadableSpan(
        one.name,
        context=_context(one.own.trace, one.own.span, one.own.flags),
        parent=_context(one.own.trace, one.parent, one.own.flags) if one.parent else None,
        resource=resource,
        attributes=dict(one.attributes) | ({"error.type": one.failed} if one.failed else {}),
        status=Status(StatusCode.ERROR, one.failed) if one.failed else Status(StatusCode.UNSET),
        start_time=int(one.began * _NS),
        end_time=int(one.ended * _NS),
        instrumentation_scope=InstrumentationScope(__package__ or ""),
    )


def _context(trace: str, span: str, flags: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415 - as above

    return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(int(flags, 16)))


# ---- metrics ----


def _send_samples(samples: Sequence[Sample], resource: Resource) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415 - as above
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415 - as above

    exporter = OTLPMetricExporter(timeout=_EXPORTER_SECONDS)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    meter = provider.get_meter(__package__ or "")
    made: dict[Measure, Any] = {}
    for measure, labels, values in samples:
        if measure not in made:
            make = meter.create_histogram if measure.kind == "histogram" else meter.create_counter
            made[measure] = make(measure.otel, measure.unit, measure.about)
        tell = made[measure].record if measure.kind == "histogram" else made[measure].add
        for value in values:
            tell(value, dict(labels))
    provider.force_flush(timeout_millis=LIMIT_SECONDS * 1000)
    provider.shutdown(timeout_millis=LIMIT_SECONDS * 1000)


# ---- what OpenTelemetry says ----


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Keep what OpenTelemetry logs from the log, with its tracebacks, and give the sentences of its errors instead."""
    said: list[str] = []
    logger = logging.getLogger("opentelemetry")
    handler = _Kept(said)
    # For good: a thread that still waits for its collector may say something yet.
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.addHandler(logging.NullHandler())
        logger.removeHandler(handler)


class _Kept(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an error's first words; what an exception holds (an address with a password) stays out."""
        error = next((one for one in record.args or () if isinstance(one, BaseException)), None)
        code = next((one for one in record.args or () if isinstance(one, int)), None)
        what = "no answer from the collector" if error is None else type(error).__name__
        self._said.append(what if code is None else f"the collector answers with status {code}")

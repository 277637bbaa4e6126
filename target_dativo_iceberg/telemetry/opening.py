"""Which sinks a run of the target has, by its settings and the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from target_dativo_iceberg.telemetry.feed import Feed, Sink

if TYPE_CHECKING:
    from target_dativo_iceberg.report import RunReport
    from target_dativo_iceberg.settings import Settings


def opened(settings: Settings, report: RunReport, environment: Mapping[str, str]) -> Feed:
    """Return the feed of a run; what a sink needs beyond the standard library is loaded by that sink."""
    return Feed(report, _sinks(settings, environment))


def _sinks(settings: Settings, environment: Mapping[str, str]) -> Iterator[Sink]:
    from target_dativo_iceberg.telemetry import lineage, otlp_client  # noqa: PLC0415 - only for runs
    from target_dativo_iceberg.telemetry.lines import LogLines  # noqa: PLC0415 - as above
    from target_dativo_iceberg.telemetry.singer import MetricLines  # noqa: PLC0415 - as above

    yield LogLines()
    yield MetricLines()
    if settings.metrics_dir:
        from target_dativo_iceberg.telemetry.textfile import Textfile  # noqa: PLC0415 - as above

        yield Textfile(settings.metrics_dir)
    if otlp_client.is_on(environment):
        from target_dativo_iceberg.telemetry.otlp import Otlp  # noqa: PLC0415 - as above

        yield Otlp(environment)
    if lineage.is_on(environment):
        yield lineage.Lineage(place(settings), environment)


def place(settings: Settings) -> str:
    """Return where the tables are, as a URI without any sign-in."""
    from target_dativo_iceberg.whereabouts import plain  # noqa: PLC0415 - as above

    place = settings.nessie_uri or settings.warehouse
    return plain(place) if "://" in place else Path(place).resolve().as_uri()

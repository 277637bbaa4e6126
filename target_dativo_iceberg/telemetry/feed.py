"""Hands each event to the run report and then to the sinks, none of which can harm the load."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from target_dativo_iceberg import log
from target_dativo_iceberg.telemetry.events import Counted, Event

if TYPE_CHECKING:
    from target_dativo_iceberg.report import RunReport, StreamReport

_EVERY_SECONDS = 60.0


class Sink(Protocol):
    """Takes events. `name` is for people."""

    name: str

    def take(self, event: Event) -> None:
        """Take an event; one that comes at the end of the run may take seconds, all others must not wait."""


class Feed:
    """The one stream of events of a run.

    Args:
        report: of the run: takes each event first.
        sinks: take them after it; one that raises is told nothing more, in one warning.

    """

    def __init__(self, report: RunReport, sinks: Iterable[Sink] = ()) -> None:
        self.report = report
        self._sinks = list(sinks)
        self._next = time.monotonic() + _EVERY_SECONDS

    def say(self, event: Event) -> None:
        """Tell all of an event."""
        self.report.take(event)
        for sink in tuple(self._sinks):
            try:
                sink.take(event)
            except Exception as error:  # whatever a sink meets: the load goes on, and its exit code stays
                self._sinks.remove(sink)
                log.say(f"{sink.name}: is told nothing more of this run ({type(error).__name__})", "warning")

    def progress(self, open_streams: Mapping[str, StreamReport]) -> None:
        """Tell of the records judged so far, if a minute has passed since the last time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_SECONDS
        self.say(Counted(self.report.read(open_streams)))

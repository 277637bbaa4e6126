"""Sink: log lines. Their fields stand beside the sentence when the log is JSON."""

from __future__ import annotations

from target_dativo_iceberg import log
from target_dativo_iceberg.telemetry.events import (
    EpochPublished,
    Event,
    RunEnded,
    RunStarted,
    StateEmitted,
    StreamStarted,
)

_TOTALS = ("status", "seconds", "epochs", "states", "totals", "error")


class LogLines:
    """Says what happens: ends of epochs and of the run at level INFO, the rest at DEBUG."""

    name = "the log"

    def take(self, event: Event) -> None:
        """Say an event."""
        match event:
            case RunStarted():
                log.say(f"run {event.run_id} starts", "debug", event_type="run_started", run_id=event.run_id)
            case StreamStarted():
                words = f"stream '{event.stream}' goes to table {event.table}"
                log.say(words, "debug", event_type="stream_started", stream_name=event.stream, table=event.table)
            case EpochPublished():
                _epoch(event)
            case StateEmitted():
                words = f"the STATE of epoch {event.epoch} is printed"
                log.say(words, "debug", event_type="state_emitted", epoch=event.epoch)
            case RunEnded():
                fields = {key: event.report[key] for key in _TOTALS}
                log.say(f"run report: {event.line}", event_type="run_ended", run_id=event.report["run_id"], **fields)


def _epoch(event: EpochPublished) -> None:
    counts = event.counts.values()
    fields = {name: sum(getattr(one, name) for one in counts) for name in ("records", "good", "quarantined")}
    took = "" if event.span is None else f", in {event.span.published - event.span.staged:.2f} s"
    words = (
        f"epoch {event.number} is published: {fields['records']} records, {fields['good']} good and "
        f"{fields['quarantined']} quarantined{took}"
    )
    log.say(words, event_type="epoch_published", epoch=event.number, **fields)

"""Sink: OpenLineage events, START when the run begins and COMPLETE, FAIL or ABORT when it ends, with one run id.

Switched on by OpenLineage's own variables or file. The packages are loaded, and START is sent, on a thread beside the
run: a server that is down or slow is not waited for until the end, and then for two seconds.
"""

from __future__ import annotations

import importlib.util
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from target_dativo_iceberg import log
from target_dativo_iceberg.telemetry.events import Event, RunEnded, RunStarted, StreamStarted
from target_dativo_iceberg.telemetry.sending import LIMIT_SECONDS

_FILE = "openlineage.yml"
_THREAD = "lineage"


def is_on(environment: Mapping[str, str]) -> bool:
    """Whether OpenLineage is configured: by its variables, or its file here or in the home folder."""
    if environment.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    if any(name in environment for name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")):
        return True
    if any(name.startswith("OPENLINEAGE__TRANSPORT__") for name in environment):
        return True
    home = environment.get("HOME")
    places = [Path(_FILE), *([Path(home) / ".openlineage" / _FILE] if home else [])]
    return any(place.is_file() for place in places)


def _said_elsewhere(line: logging.LogRecord) -> bool:
    return line.threadName != _THREAD


class Lineage:
    """Tells OpenLineage of the run.

    Args:
        place: namespace of the tables: where the catalog is, without any sign-in.
        environment: of the process.

    """

    name = "OpenLineage"

    def __init__(self, place: str, environment: Mapping[str, str]) -> None:
        self._place = place
        self._environment = environment
        self._streams: dict[str, StreamStarted] = {}
        self._run: RunStarted | None = None
        self._todo: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._wrong = ""
        self._thread: threading.Thread | None = None

    def take(self, event: Event) -> None:
        """Start with the run, keep its streams, end with it."""
        match event:
            case RunStarted():
                self._begin(event)
            case StreamStarted():
                self._streams[event.stream] = event
            case RunEnded():
                self._end(event.report)

    def _begin(self, run: RunStarted) -> None:
        if importlib.util.find_spec("openlineage") is None:
            log.say("OpenLineage: its package is missing: install target-dativo-iceberg[lineage]", "warning")
            return
        self._run = run
        self._thread = threading.Thread(target=self._work, name=_THREAD, daemon=True)
        self._thread.start()

    def _end(self, report: Mapping[str, Any]) -> None:
        if self._thread is None:
            return
        self._todo.put(report)
        self._ready.wait()  # of the imports; they wait for nobody
        self._thread.join(LIMIT_SECONDS)
        if self._thread.is_alive() or self._wrong:
            wrong = self._wrong or f"no answer within {LIMIT_SECONDS:g} s"
            log.say(f"OpenLineage: not all events of this run are sent ({wrong})", "warning")

    # ---- on the thread ----

    def _work(self) -> None:
        assert self._run is not None
        # Each try to connect would be a warning, with the address.
        logging.getLogger("urllib3.connectionpool").addFilter(_said_elsewhere)
        try:
            from target_dativo_iceberg.telemetry import lineage_events  # noqa: PLC0415 - takes most of a second

            client = lineage_events.client()
        except Exception as error:  # a wrong configuration must not end the load
            self._wrong = type(error).__name__
            return
        finally:
            self._ready.set()
        about = lineage_events.About(self._place, self._run, self._environment)
        self._do(lambda: client.emit(lineage_events.started(about)))
        report = self._todo.get()
        self._do(lambda: client.emit(lineage_events.ended(about, report, self._streams)))
        # Transports that send in the background (async_http, kafka) still hold some.
        self._do(lambda: client.close(LIMIT_SECONDS))

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # whatever the transport raises
            self._wrong = type(error).__name__

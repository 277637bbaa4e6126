"""One line of progress on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from target_dativo_iceberg.report import RunReport, StreamReport

_EVERY_SECONDS = 0.5


class Progress:
    """One line that is rewritten on a terminal; nothing into a pipe."""

    def __init__(self) -> None:
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._next = time.monotonic() + _EVERY_SECONDS
        self._wrote = False

    def show(self, report: RunReport, open_streams: Mapping[str, StreamReport], open_bytes: int) -> None:
        """Show how far the run is."""
        if not self._shown or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_SECONDS
        published = sum(s.records for s in report.streams.values())
        held = sum(s.records for s in open_streams.values())
        seconds = report.seconds
        rate = (published + held) / max(seconds, 0.001)
        line = f"{published + held:,} records, {published:,} published in {report.epochs} epochs, {rate:,.0f}/s"
        sys.stderr.write(f"\r\x1b[K{line}, {open_bytes >> 20} MiB open")
        sys.stderr.flush()
        self._wrote = True

    def close(self) -> None:
        """Leave the line."""
        if self._wrote:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

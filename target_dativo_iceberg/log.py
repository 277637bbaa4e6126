"""Messages for people on stderr: one line each, and one line of progress on a terminal."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from target_dativo_iceberg.errors import SettingsError

if TYPE_CHECKING:
    from target_dativo_iceberg.report import RunReport, StreamReport

NAME = "target-dativo-iceberg"
_logger = logging.getLogger(NAME)
_said: set[str] = set()
_EVERY_SECONDS = 0.5
_LONGEST = 2000


def once(message: str, level: str = "warning") -> None:
    """Log a message the first time it comes up in this process."""
    if message not in _said:
        _said.add(message)
        say(message, level)


def say(message: str, level: str = "info") -> None:
    """Log a message."""
    _logger.log(logging.getLevelNamesMapping()[level.upper()], "%s", one_line(message))


def one_line(message: str) -> str:
    """Return a message without line breaks and terminal codes, which names from the input may hold, and cut if long."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message[:_LONGEST])
    return shown if len(message) <= _LONGEST else f"{shown}…"


def check_level(name: str | None) -> None:
    """Refuse a LOGLEVEL that does not exist.

    Raises:
        SettingsError: it is none of Python's.

    """
    levels = logging.getLevelNamesMapping()
    if name and name.upper() not in levels:
        raise SettingsError("the environment's LOGLEVEL is unknown", f"use one of {', '.join(levels)}")


def drop_sdk_summary() -> None:
    """Leave out two lines of the SDK: one says that nothing was done, the other what the run report says better."""
    _logger.addFilter(_says_something)


def _says_something(line: logging.LogRecord) -> bool:
    return not str(line.msg).startswith(("Skipping parse of env var", "Reader '%s' completed"))


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

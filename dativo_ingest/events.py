"""Events: one JSON object a line on standard error, all their fields kept, known secrets hidden."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TextIO

from dativo_ingest.redaction import Redactor

_LOCK = threading.Lock()


@dataclass(frozen=True)
class Events:
    """Says what happens. `common` stands in every line (`tenant_id`, `job_name`, …)."""

    redactor: Redactor = field(default_factory=Redactor)
    stream: TextIO | None = None
    level: str = "INFO"
    common: Mapping[str, Any] = field(default_factory=dict)
    seen: Callable[[Mapping[str, Any]], None] | None = None

    def about(self, level: str | None = None, **common: Any) -> Events:
        """Return the same with more common fields."""
        return replace(self, level=level or self.level, common={**self.common, **common})

    def say(self, event: str, message: str, level: str = "INFO", **fields: Any) -> None:
        """Write one event.

        Args:
            event: its name (`job_started` …).
            message: one sentence for people.
            level: of Python's logging.
            **fields: anything JSON can hold.

        """
        levels = logging.getLevelNamesMapping()
        line = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": level,
            "event_type": event,
            "message": message,
            **self.common,
            **fields,
        }
        if self.seen is not None:
            self.seen(line)
        if levels[level] >= levels[self.level]:
            text = self.redactor.clean(json.dumps(line, ensure_ascii=False, default=str))
            with _LOCK:
                out = self.stream or sys.stderr
                out.write(text + "\n")
                out.flush()

    def warn(self, event: str, message: str, **fields: Any) -> None:
        """Write one event of level WARNING."""
        self.say(event, message, "WARNING", **fields)

    def error(self, event: str, message: str, **fields: Any) -> None:
        """Write one event of level ERROR."""
        self.say(event, message, "ERROR", **fields)

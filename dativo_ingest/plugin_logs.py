"""What Meltano, tap and target say while a job runs: events of ours, and the last errors and counts for the report."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dativo_ingest.events import Events

_LEVEL = re.compile(r"\b(CRITICAL|ERROR|WARNING|INFO|DEBUG)\b")
_HEAD = 100
_SHOWN = ("WARNING", "ERROR", "CRITICAL")
_KEPT = 20
_LONGEST = 1000
_METRIC = re.compile(r"METRIC: (\{.*\})$")


class PluginLogs:
    """Takes Meltano's log from its standard error, and those of the plugins from their files."""

    def __init__(self, events: Events, files: Mapping[str, Path]) -> None:
        self._events = events
        self._files = files
        self._read = dict.fromkeys(files, 0)
        self._errors: dict[str, deque[str]] = {who: deque(maxlen=_KEPT) for who in (*files, "meltano")}
        self._last = dict.fromkeys(self._errors, "")
        self._counts: Counter[str] = Counter()

    @property
    def tap_says(self) -> dict[str, int]:
        """Records of each stream that the tap says it has sent, by its METRIC lines; empty when it says nothing."""
        return dict(self._counts)

    def last_error(self, who: str) -> str:
        """Return the last error of `tap`, `target` or `meltano`, known secrets hidden.

        Where there was none it is what came last without any level: the end of a traceback, say.
        """
        found = self._errors[who][-1] if self._errors[who] else self._last[who]
        return self._events.redactor.clean(found)

    def errors(self) -> list[str]:
        """Return the last errors of all, for the patterns of a retry."""
        return [line for kept in self._errors.values() for line in kept] + [one for one in self._last.values() if one]

    def take_plugins(self) -> None:
        """Take the whole lines that have come since the last time."""
        for who, path in self._files.items():
            for line in self._new_lines(who, path):
                self._take_plain(who, line)

    def _new_lines(self, who: str, path: Path) -> list[str]:
        try:
            with path.open("rb") as file:
                file.seek(self._read[who])
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        self._read[who] += whole
        return data[:whole].decode(errors="replace").splitlines()

    def _take_plain(self, who: str, line: str) -> None:
        text = line.strip()
        if not text:
            return
        if who == "target" and (event := _as_event(text)):
            self._tell(*event)
            return
        if who == "tap":
            self._count(text)
        found = _LEVEL.search(text[:_HEAD])
        level = found[1] if found else ""
        message = (text[found.end() :].lstrip(" |:") if found else text)[:_LONGEST]
        # The name of the logger stands between bars before the message.
        message = message.partition(" | ")[2] or message
        self._say(who, message, level)

    def _count(self, text: str) -> None:
        """Add what a METRIC line of the tap counts since the one before it."""
        found = _METRIC.search(text)
        try:
            point = json.loads(found[1]) if found else {}
            if point.get("metric") == "record_count" and isinstance(point["value"], int):
                self._counts[str(point["tags"].get("stream") or point["tags"]["endpoint"])] += point["value"]
        except (ValueError, KeyError, AttributeError):
            return

    def _tell(self, message: str, level: str, fields: dict[str, Any]) -> None:
        """Say an event of the target as one of ours; what it only logs is shown as any plugin's log."""
        event = fields.pop("event_type", None)
        if event is None or level in ("ERROR", "CRITICAL"):
            self._say("target", message[:_LONGEST], level)
        else:
            self._events.say(event, message[:_LONGEST], level, **fields)

    def take_meltano(self, lines: Iterable[bytes]) -> None:
        """Take all lines of Meltano's log, most of them JSON objects."""
        for line in lines:
            text = line.decode(errors="replace").strip()
            if text:
                message, level = _as_json(text) or (text, "")
                self._say("meltano", message[:_LONGEST], level)

    def _say(self, who: str, message: str, level: str) -> None:
        if not level:
            self._last[who] = message
        if level in ("ERROR", "CRITICAL"):
            self._errors[who].append(message)
        # A tap may log what it reads: only what it says is wrong is shown without being asked for.
        shown = level if level in _SHOWN and who != "meltano" else "DEBUG"
        self._events.say(f"{who}_log", message, shown)


def _as_event(text: str) -> tuple[str, str, dict[str, Any]] | None:
    """Return message, level and fields of a line of the target's JSON log."""
    try:
        line: Any = json.loads(text)
        return str(line["message"]), str(line["level"]).upper(), {**line["extra"]}
    except (ValueError, KeyError, TypeError):
        return None


def _as_json(text: str) -> tuple[str, str] | None:
    try:
        line: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(line, dict):
        return None
    level = str(line.get("level", "info")).upper()
    return str(line.get("event", "")).strip(), level if _LEVEL.fullmatch(level) else "INFO"

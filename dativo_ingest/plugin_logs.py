"""What Meltano, tap and target say while a job runs: events of ours, and the last errors for the report."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dativo_ingest.events import Events

_LEVEL = re.compile(r"\b(CRITICAL|ERROR|WARNING|INFO|DEBUG)\b")
_HEAD = 100
_SHOWN = ("WARNING", "ERROR", "CRITICAL")
_KEPT = 20
_LONGEST = 1000


class PluginLogs:
    """Takes Meltano's log from its standard error, and those of the plugins from their files."""

    def __init__(self, events: Events, files: Mapping[str, Path]) -> None:
        self._events = events
        self._files = files
        self._read = dict.fromkeys(files, 0)
        self._errors: dict[str, deque[str]] = {who: deque(maxlen=_KEPT) for who in (*files, "meltano")}
        self._last = dict.fromkeys(self._errors, "")

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
        found = _LEVEL.search(text[:_HEAD])
        level = found[1] if found else ""
        message = (text[found.end() :].lstrip(" |:") if found else text)[:_LONGEST]
        # The name of the logger stands between bars before the message.
        message = message.partition(" | ")[2] or message
        self._say(who, message, level)

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


def _as_json(text: str) -> tuple[str, str] | None:
    try:
        line: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(line, dict):
        return None
    level = str(line.get("level", "info")).upper()
    return str(line.get("event", "")).strip(), level if _LEVEL.fullmatch(level) else "INFO"

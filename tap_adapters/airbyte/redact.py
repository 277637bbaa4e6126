"""Taking the values of the source's configuration out of what the source says."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "***"
_SHORTEST = 3
"""Values of fewer characters (a `1`, a `no`) give nothing away and would take words apart."""
_LONGEST_WORD = 6
"""Values of at most this length are hidden where they stand as a word, not inside a longer one."""
_LONGEST_LINE = 1000


class Redactor:
    """Knows the values that must not be told."""

    def __init__(self, config: Any) -> None:
        self._forms: set[str] = set()
        self._pattern = re.compile(r"(?!)")
        self.add(config)

    def add(self, config: Any) -> None:
        """Hide all values of this configuration as well."""
        for value in _leaves(config):
            self._forms.update(form for form in _forms(value) if len(form) >= _SHORTEST)
        if self._forms:
            longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
            self._pattern = re.compile("|".join(_pattern(form) for form in longest_first))

    def line(self, text: str) -> str:
        """Return the text as one line without any of the values."""
        clean = " ".join(self._pattern.sub(HIDDEN, text).split())
        return clean if len(clean) <= _LONGEST_LINE else f"{clean[:_LONGEST_LINE]} (cut)"


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value
        if value.lstrip().startswith(("{", "[")):
            yield from _leaves(_parsed(value))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)


def _parsed(text: str) -> Any:
    """What a value that is JSON itself (a service account) holds."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _forms(value: str) -> Iterator[str]:
    """The ways in which a value may stand in a text."""
    yield value
    yield repr(value)[1:-1]
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield quote(value)
    yield quote(value, safe="")
    yield quote_plus(value)
    yield base64.b64encode(value.encode()).decode().rstrip("=")
    yield base64.b64encode(f"{value}:".encode()).decode().rstrip("=")
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) > _LONGEST_WORD)


def _pattern(form: str) -> str:
    return re.escape(form) if len(form) > _LONGEST_WORD else rf"(?<!\w){re.escape(form)}(?!\w)"

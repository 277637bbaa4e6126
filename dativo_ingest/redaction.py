"""Known secret values, in every form in which they may come up, and texts without them."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

HIDDEN = "[REDACTED]"
_SHORTEST = 4


class Redactor:
    """Takes secrets as they become known, and keeps them out of texts. Safe between threads."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def learn(self, value: str) -> None:
        """Remember a secret; texts shorter than four characters would hide half of every message."""
        forms = {form for form in _forms(value) if len(form) >= _SHORTEST}
        with self._lock:
            if forms - self._known:
                self._known |= forms
                longest_first = sorted(self._known, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def clean(self, text: str) -> str:
        """Return a text with every known secret hidden."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


def _forms(value: str) -> Iterator[str]:
    for text in {value, *value.splitlines()}:
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield repr(text)[1:-1]
        yield quote(text, safe="")
        yield quote_plus(text)
    yield base64.b64encode(value.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")

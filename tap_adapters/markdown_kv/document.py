"""A Markdown-KV document in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tap_adapters.markdown_kv.values import json_text, value_of

FRONT_MATTER = "_front_matter"
DEFAULT = "_default"


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its value: what it means, as the text of a row, and as JSON if it is an object or an array."""

    key: str
    value: Any
    text: str | None
    json: str | None

    @classmethod
    def of_text(cls, key: str, text: str) -> Pair:
        """Return the pair of a key and a value as written."""
        value = value_of(text)
        if isinstance(value, dict | list):
            return cls(key, value, text, text)
        return cls(key, value, value if value is None or isinstance(value, str) else text, None)

    @classmethod
    def of_value(cls, key: str, value: Any) -> Pair:
        """Return the pair of a key and what its value means."""
        if value is None or isinstance(value, str):
            return cls(key, value, value, None)
        text = json_text(value)
        return cls(key, value, text, text if isinstance(value, dict | list) else None)


@dataclass(frozen=True, slots=True)
class Section:
    """What stands below a heading: its pairs, and the rest as text. Level 0 has no heading."""

    name: str
    level: int
    pairs: tuple[Pair, ...]
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document: its sections in order (the front matter is the first, if there is one) and its text as it was."""

    sections: tuple[Section, ...]
    raw: str

    @property
    def title(self) -> str | None:
        """The title of the front matter, else the first heading, if there is one."""
        title = self.front_matter("title")
        headings = (section.name for section in self.sections if section.level)
        return title if title is not None else next(headings, None)

    def front_matter(self, key: str) -> str | None:
        """Return the text of a key of the front matter, None if it has none."""
        return next((p.text for s, p in self.pairs() if s.name == FRONT_MATTER and s.level == 0 and p.key == key), None)

    def pairs(self) -> Iterator[tuple[Section, Pair]]:
        """Yield all pairs in order, each with its section."""
        for section in self.sections:
            for pair in section.pairs:
                yield section, pair

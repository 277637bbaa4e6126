"""The text of a Markdown-KV document to its sections and pairs. Nothing but bad front matter is an error."""

from __future__ import annotations

import re

from tap_adapters.markdown_kv import front_matter
from tap_adapters.markdown_kv.document import DEFAULT, FRONT_MATTER, Document, Pair, Section
from tap_adapters.markdown_kv.values import value_of

HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
CLOSING_MARKS = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
PAIR = re.compile(r"([^:]+)::(.*)", re.DOTALL)
BULLET = re.compile(r"[-*+][ \t]+\*\*([^*]+?):?\*\*[ \t]*:?[ \t]*(.*)", re.DOTALL)
FENCE = re.compile(r"`{3,}|~{3,}")


def parse(text: str) -> Document:
    """Return the document that a text is; FrontMatterError if it begins with front matter that is not YAML."""
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    sections: list[Section] = []
    end = _front_matter_end(lines)
    if end:
        pairs = front_matter.read("".join(f"{line}\n" for line in lines[1:end]))
        if pairs is not None:
            sections.append(Section(FRONT_MATTER, 0, pairs))
            lines = lines[end + 1 :]
    return Document((*sections, *_Body().sections(lines)), text)


def _front_matter_end(lines: list[str]) -> int:
    """Return the index of the line that ends the front matter, 0 if there is none."""
    if lines[0].rstrip() != "---":
        return 0
    return next((index for index, line in enumerate(lines) if index and line.rstrip() in {"---", "..."}), 0)


class _Body:
    """The sections of a body, line by line."""

    def __init__(self) -> None:
        self._done: list[Section] = []
        self._heading = (DEFAULT, 0)
        self._pairs: list[Pair] = []
        self._prose: list[str] = []
        self._key: str | None = None
        self._value: list[str] = []
        self._fence = ""

    def sections(self, lines: list[str]) -> list[Section]:
        for line in lines:
            self._take(line)
        self._end_section()
        return self._done

    def _take(self, line: str) -> None:
        if self._fence:
            self._take_fenced(line)
        elif self._key is not None and (not line.strip() or line[0] in " \t"):
            self._value.append(line.strip(" \t"))
        elif not self._is_pair(line):
            self._end_pair()
            self._take_other(line)

    def _take_other(self, line: str) -> None:
        if heading := HEADING.fullmatch(line):
            self._end_section()
            self._heading = (CLOSING_MARKS.sub("", heading[2]).strip(), len(heading[1]))
            return
        if fence := FENCE.match(line):
            self._fence = fence[0]
        self._prose.append(line)

    def _take_fenced(self, line: str) -> None:
        """Code between fences is prose, whatever it looks like."""
        self._prose.append(line)
        mark = line.strip()
        if mark.startswith(self._fence) and not mark.strip(self._fence[0]):
            self._fence = ""

    def _is_pair(self, line: str) -> bool:
        found = BULLET.fullmatch(line) or (None if line.startswith("#") else PAIR.fullmatch(line))
        key = _key(found[1].strip(" \t")) if found else None
        if not found or key is None:
            return False
        self._end_pair()
        self._key, self._value = key, [found[2].strip(" \t")]
        return True

    def _end_pair(self) -> None:
        if self._key is not None:
            lines = self._value if self._value[0] else self._value[1:]
            self._pairs.append(Pair.of_text(self._key, "\n".join(lines).rstrip("\n")))
        self._key = None

    def _end_section(self) -> None:
        self._end_pair()
        name, level = self._heading
        text = "\n".join(self._prose).strip("\n")
        if level or self._pairs or text.strip():
            self._done.append(Section(name, level, tuple(self._pairs), text if text.strip() else None))
        self._pairs, self._prose = [], []


def _key(text: str) -> str | None:
    """Return the key that is written, a JSON string if it could not stand for itself; None if there is none."""
    if not text.startswith('"'):
        return text or None
    value = value_of(text)
    return value if isinstance(value, str) else text

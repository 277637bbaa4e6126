"""JSON read exactly: decimals stay decimal, what JSON leaves open is marked, and any part can be had as its text.

The record-by-record reader starts here. Nesting has no limit: what lies too deep for the decoder is cut off and marked.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

# Levels that are decoded; a column that keeps JSON text takes no more of them either.
MAX_DEPTH = 400
# Far below what Python's own limit on digits (4300) or the decimal module refuse.
_LONGEST_NUMBER = 400
_JSON_SPACE = " \t\r\n"
_SPACE = re.compile(f"[{_JSON_SPACE}]*")
_SCALAR = re.compile(rf"[^,\]}}{_JSON_SPACE}]+")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class NotJsonError(Exception):
    """The line is not one JSON document. The message says where, never what."""


class NonFinite:
    """NaN or an infinity: JSON has neither."""


class TooLong:
    """A number with more digits than any column holds."""


class Repeated(dict[str, Any]):
    """An object that names members twice; as a dict it has the last of each name.

    Attributes:
        pairs: all members, in order.

    """

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def names(self) -> set[str]:
        """Return the names that occur more than once."""
        counts = Counter(name for name, _ in self.pairs)
        return {name for name, count in counts.items() if count > 1}


def decode(line: bytes) -> Any:
    """Parse a line exactly: decimals as Decimal, with marks where JSON leaves the meaning open.

    Raises:
        NotJsonError: it is not UTF-8 or not JSON.

    """
    text = text_of(line)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"not JSON at character {error.pos + 1}") from None
    except RecursionError:
        return _decode_shallow(text)


def text_of(line: bytes) -> str:
    """Return a line as text without the white space around it.

    Raises:
        NotJsonError: it is not UTF-8, or starts with a byte order mark.

    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8 at byte {error.start + 1}") from None
    if text.startswith("\ufeff"):
        raise NotJsonError("starts with a byte order mark")
    return text.strip(_JSON_SPACE)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def _fraction(text: str) -> Decimal | TooLong:
    try:
        return Decimal(text) if len(text) <= _LONGEST_NUMBER else TooLong()
    except InvalidOperation:  # an exponent of more than eighteen digits
        return TooLong()


_DECODER = json.JSONDecoder(
    parse_float=_fraction,
    parse_int=lambda t: int(t) if len(t) <= _LONGEST_NUMBER else TooLong(),
    parse_constant=lambda _: NonFinite(),
    object_pairs_hook=_pairs,
)


# ---- nesting ----


def _brackets(text: str, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield (position, depth after it) of every bracket outside strings."""
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text, start):
        if found[0] in "[{":
            depth += 1
        elif found[0] in "]}":
            depth -= 1
        else:
            continue
        yield found.start(), depth


def depth_of(text: str) -> int:
    """Return how deep a JSON text is nested: 0 for a scalar, 1 for `{}`."""
    if len(text) < 2 * MAX_DEPTH:  # as deep as that it cannot be, and the caller asks no more
        return 0
    return max((depth for _, depth in _brackets(text)), default=0)


def _decode_shallow(text: str) -> Any:
    """Decode a text that is nested too deep for the decoder: what is deeper than MAX_DEPTH becomes a mark."""
    parts, kept_to, below = [], 0, False
    for position, depth in _brackets(text):
        if not below and depth > MAX_DEPTH:
            parts.append(text[kept_to:position] + "NaN")
            below = True
        elif below and depth == MAX_DEPTH:
            kept_to, below = position + 1, False
    try:
        return _DECODER.decode("".join([*parts, "" if below else text[kept_to:]]))
    except json.JSONDecodeError:
        raise NotJsonError("not JSON, and nested deep") from None


# ---- parts of a text ----


class Text:
    """The JSON text of a value, cut out of its line only when asked for.

    Args:
        text: a whole JSON text that `decode` accepts.

    """

    __slots__ = ("_key", "_parent", "_parts", "_text")

    def __init__(self, text: str, parent: Text | None = None, key: str | int = "") -> None:
        self._text = text
        self._parent = parent
        self._key = key
        self._parts: dict[str, str] | list[str] | None = None

    def part(self, key: str | int) -> Text:
        """Return the text of an object's member, or of an array's element."""
        return Text("", self, key)

    def cut(self) -> str:
        """Return the text."""
        if self._parent is not None:
            self._text, self._parent = self._parent.parts()[self._key], None  # type: ignore[index]
        return self._text

    def parts(self) -> dict[str, str] | list[str]:
        """Return the texts of all members (the last of each name), or of all elements."""
        if self._parts is None:
            text = self.cut()
            self._parts = dict(_member_texts(text)) if text.startswith("{") else list(_element_texts(text))
        return self._parts


def _member_texts(text: str) -> Iterator[tuple[str, str]]:
    at = _after_space(text, 1)
    while text[at] != "}":
        name, at = scanstring(text, at + 1)
        start = _after_space(text, _after_space(text, at) + 1)
        at = _end_of_value(text, start)
        yield name, text[start:at]
        at = _next(text, at)


def _element_texts(text: str) -> Iterator[str]:
    start = _after_space(text, 1)
    while text[start] != "]":
        at = _end_of_value(text, start)
        yield text[start:at]
        start = _next(text, at)


def _next(text: str, at: int) -> int:
    """Position of the next member or element, or of the closing bracket."""
    at = _after_space(text, at)
    return _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _end_of_value(text: str, start: int) -> int:
    if text[start] in "[{":
        return next(position for position, depth in _brackets(text, start) if depth == 0) + 1
    pattern = _STRING_OR_BRACKET if text[start] == '"' else _SCALAR
    return pattern.match(text, start).end()  # type: ignore[union-attr]


# ---- numbers in texts ----

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def number_of(text: str) -> Decimal | TooLong | None:
    """Return the number a text stands for, exactly; None when it stands for none."""
    return _fraction(text) if _NUMBER.fullmatch(text) else None

"""JDK `DateTimeFormatter` patterns, which ODCS uses for `format`, as strptime patterns."""

from __future__ import annotations

import re

# Everything that both sides read alike; any other letter is refused rather than guessed.
_LETTERS = {
    "yyyy": "%Y", "yy": "%y", "MM": "%m", "MMM": "%b", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S",
    "a": "%p", "XXX": "%z", "Z": "%z", "EEE": "%a",
}  # fmt: skip
_TOKEN = re.compile(r"'(?:[^']|'')*'|(?P<letter>[A-Za-z])(?P=letter)*|[^A-Za-z']")
# The default that ODCS prints is no valid JDK pattern, and people vary it; all of these mean ISO 8601.
_ISO = re.compile(
    r"[Yy]{4}-(?:MM|mm)-[Dd]{2}(?:(?:T|'T'| )HH:mm(?::ss(?:\.S+)?)?(?:Z|'Z'|z|X{1,3})?)?"
    r"|HH:mm:ss(?:\.S+)?|(?i:iso)[-_ ]?8601"
)
_HOURS = frozenset("HhKk")


class PatternError(ValueError):
    """The pattern uses something that cannot be read the same way by every reader."""


def strptime_pattern(pattern: str) -> str:
    """Return the strptime form of a JDK pattern, empty when it is ISO 8601 and needs none.

    Raises:
        PatternError: a letter outside the shared subset; the message names it.

    """
    if _ISO.fullmatch(pattern):
        return ""
    pieces = [match[0] for match in _TOKEN.finditer(pattern)]
    if "".join(pieces) != pattern:
        raise PatternError("a quote that is not closed")
    translated = [_translated(piece) for piece in pieces]
    if "%M" in translated and not {"%H", "%I"} & set(translated):
        raise PatternError("'mm', which means minutes, but no hours ('MM' means month)")
    return "".join(translated)


def has_time(pattern: str) -> bool:
    """Tell whether a pattern reads a time of day."""
    return bool(_HOURS & set(re.sub(r"'[^']*'", "", pattern)))


def _translated(piece: str) -> str:
    if piece.startswith("'"):
        return (piece[1:-1].replace("''", "'") or "'").replace("%", "%%")
    if piece in _LETTERS:
        return _LETTERS[piece]
    if piece.strip("S") == "":
        return "%f"
    if piece[0].isalpha() or piece in "{}[]#":
        raise PatternError(f"'{piece}'")
    return "%%" if piece == "%" else piece

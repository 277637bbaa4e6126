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
_DIRECTIVE = re.compile(r"%.")
_LETTER_OF = {directive: letters for letters, directive in _LETTERS.items()} | {"%f": "S", "%z": "a zone"}
_DATE_PARTS = {"year": {"%Y", "%y"}, "month": {"%m", "%b"}, "day": {"%d"}}
_TIME_PARTS = {"hours": {"%H", "%I"}}


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


def refuse_gaps(pattern: str, *, time_only: bool) -> None:
    """Refuse a strptime pattern that leaves out what a value needs, which strptime would make up, or says it twice.

    Raises:
        PatternError: the message names it.

    """
    found = [d for d in _DIRECTIVE.findall(pattern) if d != "%%"]
    twice = next((d for d in found if found.count(d) > 1), None)
    if twice:
        raise PatternError(f"'{_LETTER_OF[twice]}' twice")
    if "%I" in found and "%p" not in found:
        raise PatternError("'hh', which counts to twelve, but no 'a'")
    needed = _TIME_PARTS if time_only else _DATE_PARTS
    for what, directives in needed.items():
        if not directives & set(found):
            raise PatternError(f"no {what}")


def has_zone(pattern: str) -> bool:
    """Tell whether a pattern reads a zone."""
    return bool({"X", "Z", "x", "z"} & set(re.sub(r"'[^']*'", "", pattern)))


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

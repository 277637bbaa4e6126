"""Regular expressions of contracts: ODCS writes ECMA-262, the checks run RE2."""

from __future__ import annotations

import re
from importlib import import_module

# What RE2 leaves out so that every pattern runs in linear time, as people write it.
_LACKS = (
    (re.compile(r"\(\?<?[=!]"), "look-ahead and look-behind, `(?=…)` and `(?!…)`"),
    (re.compile(r"\\[1-9]|\\k<"), "back-references such as `\\1`"),
    (re.compile(r"\(\?>|[*+?}]\+"), "atomic groups and possessive repetition"),
    (re.compile(r"\{[0-9,]*[0-9]{4,}[0-9,]*\}"), "repetition of more than 1000"),
    (re.compile(r"\\c|\\Z|\\h|\\p\{[A-Za-z_]+="), "`\\c`, `\\h`, `\\Z` and `\\p{Name=…}`"),
)
_UNICODE = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9A-Fa-f]{4})")


class PatternError(ValueError):
    """RE2 cannot run the pattern; the message says what it lacks."""


def re2_pattern(pattern: str) -> str:
    """Return a pattern of the contract in RE2's spelling; it is searched for, not anchored.

    Raises:
        PatternError: RE2 refuses it.

    """
    spelled = _UNICODE.sub(r"\1\\x{\2}", pattern)
    # Arrow costs 0.1 s to import; only contracts with patterns pay for it here.
    arrow, compute = import_module("pyarrow"), import_module("pyarrow.compute")
    try:
        # An empty array would not compile the pattern at all.
        compute.match_substring_regex(arrow.array([""]), spelled)
    except (arrow.ArrowInvalid, UnicodeEncodeError):
        raise PatternError(_lacking(spelled)) from None
    return spelled


def _lacking(pattern: str) -> str:
    for form, what in _LACKS:
        if form.search(pattern):
            return f"RE2 has no {what}"
    return "RE2 cannot read it"

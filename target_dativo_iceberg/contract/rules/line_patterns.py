"""One search for many texts: they are put together as lines, and a pattern of such lines says whether all match.

To call RE2 for each text costs more than to look through it. Whatever is not certain is searched text by text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from target_dativo_iceberg.contract.rules.run_patterns import runs_of
from target_dativo_iceberg.contract.values.octets import octets

_NEWLINE = 10
_SPACE = 32
# Texts that are put together; longer ones gain nothing by it.
_TOGETHER = 256
_LONG_BYTES = 128
# What never matches a newline, or is made so by naming it in a class of what does not match.
_ITEM = r"\\[^0-9A-Za-z\x00-\x20]|[^\\\[\]\x00-\x1f]"
_TOKEN = re.compile(
    rf"(?P<not>\[\^(?P<items>(?:\\[dwsDWS]|{_ITEM})+)\])"
    rf"|\[(?!\^)(?:\\[dwS]|{_ITEM})+\]"
    r"|\\[dwS]|\\[^0-9A-Za-z\x00-\x20]"
    r"|(?P<open>\((?:\?:)?(?!\?))|(?P<close>\))|(?P<or>\|)"
    r"|\{[0-9]+(?:,[0-9]*)?\}|[.*+?]"
    r"|[^\\\[\](){}^$.*+?|\x00-\x1f]"
)


def line_pattern(pattern: str) -> str | None:
    r"""Return a pattern for lines, newlines between them, that each match a pattern.

    Args:
        pattern: in RE2's spelling, searched for.

    Returns:
        A pattern that finds such lines and nothing else, or None: the pattern does not match whole texts, or it may
        match a newline, as far as one can see.

    """
    if not (pattern.startswith("^") and pattern.endswith("$")):
        return None
    body = _body(pattern[1:-1])
    if body is None:
        return None
    lines = rf"\A(?:(?:{body})\n)*(?:{body})\z"
    try:
        pc.match_substring_regex(pa.array([""]), lines)
    except pa.ArrowInvalid:
        return None
    return lines


def _body(text: str) -> str | None:
    """Return what stands between the anchors with no newline in its classes, or None."""
    parts, at, depth = [], 0, 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return None
        depth += bool(token["open"]) - bool(token["close"])
        part = _without_newline(token["items"]) if token["not"] else token[0]
        if part is None or depth < 0 or (token["or"] and depth == 0):
            return None
        parts.append(part)
        at = token.end()
    return "".join(parts) if depth == 0 else None


def _without_newline(items: str) -> str | None:
    """Return the class of what is not among some items and no newline; a dash at an end must stay there."""
    if not items.startswith("-"):
        return rf"[^\n{items}]"
    return None if items.endswith("-") else rf"[^{items}\n]"


def mismatches(pattern: str) -> Callable[[pa.Array], pa.BooleanArray]:
    """Return a test that says which texts of a column do not match a pattern.

    Args:
        pattern: in RE2's spelling, searched for.

    """
    lines, runs = line_pattern(pattern), runs_of(pattern)

    def each(column: pa.Array) -> pa.BooleanArray:
        return pc.invert(pc.match_substring_regex(column, pattern))

    def test(column: pa.Array) -> pa.BooleanArray:
        if column.null_count == len(column) or not pa.types.is_string(column.type):
            return each(column)
        if column.null_count:
            valid = column.is_valid()
            return pc.replace_with_mask(_none_of(column), valid, test(column.filter(valid)))
        if len(column) >= _TOGETHER and runs is not None and runs.all_match(column):
            return _none_of(column)
        found = None if lines is None else _found_together(column, lines)
        if found is None:
            return each(column)
        if found.true_count == len(found):
            return _none_of(column)
        unsure = _spread(pc.invert(found), len(column))
        return pc.replace_with_mask(_none_of(column), unsure, each(column.filter(unsure)))

    return test


def _none_of(column: pa.Array) -> pa.BooleanArray:
    return pa.repeat(pa.scalar(value=False), len(column))


def _found_together(column: pa.StringArray, lines: str) -> pa.BooleanArray | None:
    """Return which groups of texts match, all of a group; None when that is not known of any."""
    count = len(column)
    data = octets(column)
    if count < _TOGETHER or len(data) > _LONG_BYTES * count or _has_newline(data):
        return None
    starts = pa.arange(0, count, _TOGETHER).cast(pa.int32())
    offsets = pa.concat_arrays([starts, pa.array([count], pa.int32())])
    texts = pc.binary_join(pa.ListArray.from_arrays(offsets, column), "\n")
    return pc.match_substring_regex(texts, lines)


def _spread(groups: pa.BooleanArray, count: int) -> pa.BooleanArray:
    """Return for each text what is said of its group."""
    return groups.take(pc.divide(pa.arange(0, count), _TOGETHER))


def _has_newline(data: pa.UInt8Array) -> bool:
    if len(data) == 0 or pc.min(data).as_py() >= _SPACE:  # a tenth of the cost of looking for it
        return False
    return bool(pc.any(pc.equal(data, pa.scalar(_NEWLINE, pa.uint8()))).as_py())

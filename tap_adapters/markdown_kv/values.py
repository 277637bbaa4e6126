r"""Values as Markdown-KV spells them: text is text, JSON is JSON, and a text that would be taken for another is quoted.

A value is JSON if it is an object, an array, a number, `true`, `false` or `null`; a JSON string means the text in it,
which is how any text can be written: one that looks like JSON, is empty, or holds control characters.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

LITERALS = {"null": None, "true": True, "false": False}
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
MAX_DIGITS = 4000
"""Longer integers are texts: Python refuses to convert them."""

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def value_of(text: str) -> Any:
    """Return what a written value means: a JSON value (decimals exact), else the text itself."""
    if text in LITERALS:
        return LITERALS[text]
    if number := NUMBER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            return text
        return Decimal(text) if number[1] or number[2] else int(text)
    if text[:1] not in {'"', "{", "["}:
        return text
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return text


def json_text(value: Any) -> str:
    """Return a value as JSON on one line, with decimals as they are."""
    return _encoder.encode(value).decode()


def written(value: Any) -> str:
    """Return a value as it is written behind `key:: `, so that `value_of` gives the same back."""
    if not isinstance(value, str):
        return json_text(value)
    return value if _is_plain_text(value) else quoted(value)


def quoted(text: str) -> str:
    """Return a text as a JSON string that YAML reads alike: what either takes for a line's end is escaped."""
    return CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def _is_plain_text(text: str) -> bool:
    """Whether a text means itself. Its lines go below each other, so each must show its beginning and its end."""
    lines = text.split("\n")
    if not lines[0] or not lines[-1] or text[0] in '"{[':
        return False
    if any(line != line.strip() or CONTROLS.search(line) for line in lines):
        return False
    return text not in LITERALS and not NUMBER.fullmatch(text)

"""JSON taken apart and put together again without loss: numbers as written, members in order, doubles kept."""

from __future__ import annotations

import json
import re
from typing import Any

# Fixed, so that what a deeply nested text gives does not depend on the interpreter or its stack.
MAX_LEVELS = 100
# What `parse` gives: Members, list, str, Number, True, False or None.
Node = Any
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotJsonError(ValueError):
    """The text is not JSON, or is nested too deep."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class Members(list[tuple[str, Node]]):
    """An object: its members in order, one name as often as it was given."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=Members)


def parse(text: str) -> Node:
    """Take a JSON text apart.

    Raises:
        NotJsonError: it is not JSON, or is nested too deep.

    """
    try:
        return _DECODER.decode(text.strip())
    except (json.JSONDecodeError, RecursionError):
        raise NotJsonError from None


def written(node: Node, *, ordered: bool = False, levels: int = MAX_LEVELS) -> str:
    """Return the JSON text of what `parse` gave, without spaces.

    Args:
        node: what to write.
        ordered: write the members of each object in the order of their names.
        levels: objects and lists that may be nested in each other.

    Raises:
        NotJsonError: it is nested deeper.

    """
    if isinstance(node, list):
        if levels == 0:
            raise NotJsonError
        return _nested(node, ordered=ordered, levels=levels - 1)
    if isinstance(node, Number):
        return str(node)
    return _quoted(node) if isinstance(node, str) else json.dumps(node)


def _nested(node: list[Any], *, ordered: bool, levels: int) -> str:
    if not isinstance(node, Members):
        return "[" + ",".join(written(v, ordered=ordered, levels=levels) for v in node) + "]"
    members = sorted(node, key=lambda m: m[0]) if ordered else node
    return "{" + ",".join(f"{_quoted(n)}:{written(v, ordered=ordered, levels=levels)}" for n, v in members) + "}"


def _quoted(text: str) -> str:
    # Half of a surrogate pair has no UTF-8 form; escaped it can be kept.
    return json.dumps(text, ensure_ascii=_SURROGATE.search(text) is not None)

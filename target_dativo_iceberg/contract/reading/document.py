"""A contract document in memory: mappings that know their lines, and places in them that can complain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.model import Note
from target_dativo_iceberg.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable

# Lengths are bounded: int() refuses 4,300 digits, and a huge exponent would cost memory when it is used.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,99})?|\.[0-9]{1,99})(?:[eE][-+]?[0-9]{1,3})?")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class Block(dict[str, Any]):
    """A mapping; `line` is where it starts, `lines` where each key stands (1-based)."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def put(self, key: str, value: Any, line: int = 0) -> None:
        """Set a key; without a line it keeps the one it had, or gets the block's."""
        self[key] = value
        self.lines[key] = line or self.lines.get(key, self.line)

    def drop(self, key: str) -> Any:
        """Remove a key and return its value, None if there was none."""
        self.lines.pop(key, None)
        return self.pop(key, None)

    def twin(self) -> Block:
        """Return a shallow copy that can be changed without changing this one."""
        copy = Block(self.line)
        copy.update(self)
        copy.lines.update(self.lines)
        return copy


class Items(list[Any]):
    """A list; `lines` holds the line of each item."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []

    def put(self, value: Any, line: int = 0) -> None:
        """Append an item."""
        self.append(value)
        self.lines.append(line or self.line)

    def twin(self) -> Items:
        """Return a shallow copy that can be changed without changing this one."""
        copy = Items(self.line)
        copy.extend(self)
        copy.lines.extend(self.lines)
        return copy


def block(line: int, **values: Any) -> Block:
    """Return a new mapping whose keys all stand on one line."""
    made = Block(line)
    for key, value in values.items():
        made.put(key, value, line)
    return made


def items(line: int, values: Iterable[Any]) -> Items:
    """Return a new list; items that are mappings keep their lines, others stand on `line`."""
    made = Items(line)
    for value in values:
        made.put(value, value.line if isinstance(value, Block) else line)
    return made


def plain(value: Any) -> Any:
    """Return the value as ordinary dicts, lists and floats, as a JSON reader would give it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, str) else value


def written(value: Any) -> str:
    """Return a scalar as the text its author wrote, null as no text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def scalar(text: str) -> Any:
    """Return what a plain scalar stands for: null, a boolean, a number, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _NUMBER.fullmatch(text) else text


class Expanded(str):
    """A text whose `${VAR}` references were replaced; `written` is how the author wrote it.

    Messages show `written`, never the value of a variable.
    """

    __slots__ = ("written",)
    written: str


def fault(source: str, line: int, message: str, hint: str) -> ContractError:
    """Return the error for a place in a file."""
    return ContractError(f"{source}:{line}: {message}", hint)


def nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return a hint that names the known word most like `word`, else `otherwise`."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), by_lower, n=1)
    return f"did you mean '{by_lower[close[0]]}'?" if close else otherwise


@dataclass(frozen=True, slots=True)
class Place:
    """A mapping of a document and the way to it.

    Attributes:
        block: the mapping.
        source: file it was read from.
        path: keys and indexes from the root, `schema[0].properties[2]`.

    """

    block: Block
    source: str
    path: str = ""

    def line(self, key: str = "") -> int:
        """Return the line of a key, or of the mapping."""
        return self.block.lines.get(key, self.block.line)

    def where(self, key: str = "") -> str:
        """Return the path of a key, or of the mapping."""
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def error(self, message: str, hint: str, key: str = "") -> ContractError:
        """Return a ContractError that names file, line and path."""
        at = self.where(key)
        return fault(self.source, self.line(key), message + (f" (at {at})" if at else ""), hint)

    def note(self, message: str, key: str = "", level: str = "warning") -> Note:
        """Return a lint finding about a key, or about the mapping."""
        return Note(message, self.source, self.line(key), self.where(key), level)

    def child(self, key: str) -> Place | None:
        """Return the mapping under a key, None if there is none."""
        value = self.block.get(key)
        if value is None:
            return None
        if not isinstance(value, Block):
            raise self.error(f"'{key}' is not a mapping", f"indent the keys of '{key}' under it", key)
        return Place(value, self.source, self.where(key))

    def children(self, key: str) -> tuple[Place, ...]:
        """Return the mappings in the list under a key."""
        value = self._listed(key)
        return tuple(self._item(key, index, value) for index in range(len(value)))

    def _item(self, key: str, index: int, listed: Items) -> Place:
        path = f"{self.where(key)}[{index}]"
        if not isinstance(listed[index], Block):
            message = f"an item of '{key}' is not a mapping (at {path})"
            raise fault(self.source, listed.lines[index], message, "write it as `- name: …`")
        return Place(listed[index], self.source, path)

    def values(self, key: str) -> tuple[Any, ...]:
        """Return the scalars in the list under a key; a lone scalar counts as a list of one."""
        value = self.block.get(key)
        listed = [value] if isinstance(value, (str, int, Decimal)) else self._listed(key)
        if any(isinstance(item, (dict, list)) for item in listed):
            raise self.error(f"'{key}' is not a list of single values", "write one value per item", key)
        return tuple(str(item) if isinstance(item, str) else item for item in listed)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list under a key as texts, without its nulls."""
        return tuple(written(value) for value in self.values(key) if value is not None)

    def _listed(self, key: str) -> Items:
        value = self.block.get(key)
        if value is None:
            return Items()
        if not isinstance(value, Items):
            raise self.error(f"'{key}' is not a list", f"begin each item under '{key}' with `- `", key)
        return value

    def text(self, key: str) -> str:
        """Return the scalar under a key as text, empty if there is none."""
        value = self.block.get(key)
        if isinstance(value, (dict, list)):
            raise self.error(f"'{key}' is not a text", f"write '{key}' as one value", key)
        return written(value)

    def shown(self, key: str) -> str:
        """Return the text under a key for a message: as its author wrote it, variables not replaced."""
        value = self.block.get(key)
        return value.written if isinstance(value, Expanded) else written(value)

    def value(self, key: str) -> Any:
        """Return what is under a key; a text that came from variables is read like a plain scalar."""
        value = self.block.get(key)
        return scalar(value) if isinstance(value, Expanded) else value

    def flag(self, key: str) -> bool:
        """Return the boolean under a key, false if there is none."""
        value = self.value(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.error(f"'{key}' is not a boolean", "write true or false", key)
        return value

    def whole(self, key: str) -> int | None:
        """Return the whole number under a key, None if there is none."""
        value = self.value(key)
        if isinstance(value, Decimal) and value == int(value):
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self.error(f"'{key}' is not a whole number", "write digits without quotes", key)

"""Text of a contract (YAML or JSON) → mappings and lists that know their lines.

The scalars follow YAML 1.2's core schema, only stricter, so that what people write as text stays text:
`true` and `false` are the only booleans (`NO`, `yes`, `on` are text), dates are text, and only decimal
numbers in plain notation are numbers (`007`, `0x1F`, `1_000`, `.inf` are text). A number with a point
becomes a `Decimal`, which keeps the digits as written: `3.10` does not turn into 3.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

from target_dativo_iceberg.contract.reading.document import Block, Items, fault, scalar

if TYPE_CHECKING:
    from target_dativo_iceberg.errors import ContractError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 100_000

# The C parser reads a contract some 15 times faster; wheels of PyYAML always carry it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TAGGED: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "bool": (bool,),
    "int": (int,),
    "float": (int, Decimal),
}
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def parse(data: bytes, source: str) -> Block:
    """Return the one mapping that `data` holds; anything else is a ContractError with file and line."""
    text = _decode(data, source)
    if source.endswith(".json"):
        text = _as_yaml(text)
    builder = _Builder(source)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _syntax(error, text, source) from None
    if not isinstance(builder.root, Block):
        raise fault(source, 1, "the document is not a mapping", "start it with `apiVersion:` and `kind:`")
    return builder.root


def _decode(data: bytes, source: str) -> str:
    if len(data) > MAX_BYTES:
        raise fault(source, 1, "the document is larger than 1 MiB", "split it into several contracts")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fault(source, line, "the text is not UTF-8", "save the file as UTF-8") from None


def _as_yaml(text: str) -> str:
    """Mend the two things that JSON allows and YAML 1.1 does not: tabs as blanks, escaped surrogate pairs."""
    return _SURROGATES.sub(_joined, text.replace("\t", " "))


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[2], 16) - 0xD800, int(pair[3], 16) - 0xDC00
    return pair[1] + chr(0x10000 + (high << 10) + low)


def _syntax(error: yaml.YAMLError, text: str, source: str) -> ContractError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        return fault(source, line, f"not YAML: {error.problem}", "mend the syntax at or above this line")
    line = text.count("\n", 0, getattr(error, "position", 0)) + 1
    return fault(source, line, "not YAML: a control character", "remove it from the text")


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still open."""

    container: Block | Items
    anchor: str | None
    nodes_before: int
    key: str | None = None
    key_line: int = 0
    merging: bool = False
    merged: list[Block] = field(default_factory=list)

    def awaits_key(self) -> bool:
        return isinstance(self.container, Block) and self.key is None and not self.merging


class _Builder:
    """Builds the document from parser events, with a stack of its own: depth and size are bounded."""

    def __init__(self, source: str) -> None:
        self.root: Any = None
        self._source = source
        self._open: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._documents = 0
        self._steps: dict[type, Any] = {
            yaml.DocumentStartEvent: self._document,
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
        }

    def take(self, event: Any) -> None:
        step = self._steps.get(type(event))
        if step:
            step(event, event.start_mark.line + 1)

    def _fault(self, line: int, message: str, hint: str) -> ContractError:
        return fault(self._source, line, message, hint)

    def _document(self, _event: Any, line: int) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._fault(line, "a second document begins", "keep one contract per file")

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            hint = "repeat less through aliases, or split the contract"
            raise self._fault(line, f"the document expands to more than {MAX_NODES} values", hint)

    def _scalar(self, event: Any, line: int) -> None:
        self._count(1, line)
        frame = self._open[-1] if self._open else None
        if frame and frame.awaits_key():
            self._key(frame, event, line)
            return
        value = self._resolve(event, line)
        self._anchor(event.anchor, value, 1)
        self._add(value, line)

    def _key(self, frame: _Frame, event: Any, line: int) -> None:
        plain_text = event.implicit[0]
        if plain_text and event.value == "<<":
            frame.merging = True
            return
        if plain_text and event.value == "":
            raise self._fault(line, "a key is empty", "write a name before the colon")
        earlier = frame.container.lines.get(event.value) if isinstance(frame.container, Block) else None
        if earlier:
            message = f"key '{event.value[:60]}' stands twice, first on line {earlier}"
            raise self._fault(line, message, "keep one of the two")
        frame.key, frame.key_line = event.value, line
        self._anchor(event.anchor, event.value, 1)

    def _resolve(self, event: Any, line: int) -> Any:
        tag = event.tag
        if tag in ("!", _TAG + "str"):
            return event.value
        if tag is None:
            return scalar(event.value) if event.implicit[0] else event.value
        kinds = _TAGGED.get(tag.removeprefix(_TAG))
        value = scalar(event.value)
        if kinds is None or type(value) not in kinds:
            raise self._fault(line, "the tag does not fit a contract", "remove the `!` tag")
        return value

    def _start(self, event: Any, line: int) -> None:
        self._count(1, line)
        if self._open and self._open[-1].awaits_key():
            raise self._fault(line, "a key is not text", "write a name before the colon")
        if len(self._open) >= MAX_DEPTH:
            raise self._fault(line, f"nested deeper than {MAX_DEPTH} levels", "flatten the document")
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", _TAG + ("map" if mapping else "seq")):
            raise self._fault(line, "the tag does not fit a contract", "remove the `!` tag")
        container = Block(line) if mapping else Items(line)
        self._open.append(_Frame(container, event.anchor, self._nodes - 1))

    def _close(self, _event: Any, _line: int) -> None:
        frame = self._open.pop()
        if isinstance(frame.container, Block):
            for block in frame.merged:
                _fill(frame.container, block)
        self._anchor(frame.anchor, frame.container, self._nodes - frame.nodes_before)
        self._add(frame.container, frame.container.line)

    def _anchor(self, name: str | None, value: Any, nodes: int) -> None:
        if name:
            self._anchors[name] = (value, nodes)

    def _alias(self, event: Any, line: int) -> None:
        if self._open and self._open[-1].awaits_key():
            raise self._fault(line, "a key is an alias", "write a name before the colon")
        if event.anchor not in self._anchors:
            hint = f"define `&{event.anchor}` on a value that ends before this line"
            raise self._fault(line, f"alias *{event.anchor} has no value yet", hint)
        value, nodes = self._anchors[event.anchor]
        self._count(nodes, line)
        self._add(value, line)

    def _add(self, value: Any, line: int) -> None:
        if not self._open:
            self.root = value
            return
        frame = self._open[-1]
        if isinstance(frame.container, Items):
            frame.container.put(value, line)
        elif frame.merging:
            frame.merging = False
            frame.merged += self._mergeable(value, line)
        elif frame.key is not None:
            frame.container.put(frame.key, value, frame.key_line)
            frame.key = None

    def _mergeable(self, value: Any, line: int) -> list[Block]:
        blocks = value if isinstance(value, Items) else [value]
        if not all(isinstance(block, Block) for block in blocks):
            raise self._fault(line, "`<<` needs a mapping", "point it to an anchor on a mapping")
        return list(blocks)


def _fill(container: Block, other: Block) -> None:
    for key, value in other.items():
        if key not in container:
            container.put(key, value, other.lines[key])

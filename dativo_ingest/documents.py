"""YAML files of the orchestrator: read with the lines of their keys, held against a model, wrong with file and line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dativo_ingest.errors import ConfigError, Problem
from target_dativo_iceberg.contract.reading.document import Block, Items, plain
from target_dativo_iceberg.contract.reading.yaml_text import MAX_BYTES, parse
from target_dativo_iceberg.errors import ContractError

M = TypeVar("M", bound=BaseModel)
Way = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A file in memory; `block` knows its lines."""

    path: Path
    block: Block

    def where(self, way: Way = ()) -> str:
        """Return `file:line` of what stands at the end of a way of keys and indexes, or as near to it as there is."""
        node: Any = self.block
        line = self.block.line
        for step in way:
            if isinstance(node, Block) and step in node:
                line, node = node.lines[str(step)], node[str(step)]
            elif isinstance(node, Items) and isinstance(step, int) and step < len(node):
                line, node = node.lines[step], node[step]
        return f"{self.path}:{line}"

    def problem(self, way: Way, message: str, hint: str = "") -> Problem:
        """Return a problem with what stands at the end of a way."""
        return Problem(self.where(way), message, hint)

    def error(self, way: Way, message: str, hint: str = "") -> ConfigError:
        """Return the error for one problem."""
        return ConfigError([self.problem(way, message, hint)])


def read(path: Path, what: str) -> Document:
    """Read a YAML or JSON file.

    Args:
        path: of the file.
        what: what it should be, for messages ("source recipe").

    Raises:
        ConfigError: it is missing, too large, or not one mapping.

    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            [Problem(str(path), f"the {what} cannot be read ({error.strerror})", "check the path")]
        ) from None
    try:
        return Document(path, parse(data, str(path)))
    except ContractError as error:
        where, _, message = error.message.partition(": ")
        raise ConfigError([Problem(where, message, f"mend the {what}")]) from None


def checked(model: type[M], document: Document, values: Any = None) -> M:
    """Return a document as its model; `values` are what it says where that is not as it was read.

    Raises:
        ConfigError: all that does not fit, each with its line and, for unknown keys, the nearest known one.

    """
    try:
        return model.model_validate(plain(document.block) if values is None else values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise ConfigError(list(_problems(model, document, details))) from None


def _problems(model: type[BaseModel], document: Document, details: Sequence[ErrorDetails]) -> Iterator[Problem]:
    for detail in details:
        way = _present(document.block, detail["loc"])
        path, last = dotted(way), str(detail["loc"][-1] if detail["loc"] else "")
        if detail["type"] == "extra_forbidden":
            hint = nearest(last, known_keys(model, detail["loc"][:-1]))
            yield document.problem(way, f"key '{path}' is unknown", hint)
        elif detail["type"] == "missing":
            above = f" in '{path}'" if path else ""
            yield document.problem(way, f"key '{last}' is missing{above}", "add it")
        else:
            message = detail["msg"].removeprefix("Value error, ")
            yield document.problem(way, f"'{path}' is not right", message[:1].lower() + message[1:])


def _present(node: Any, way: Sequence[str | int]) -> Way:
    """Return the steps of a way that lead through the document; a union of the model adds steps of its own."""
    found: list[str | int] = []
    for step in way:
        inside = isinstance(node, Block) and step in node
        if inside or (isinstance(node, Items) and isinstance(step, int) and step < len(node)):
            found.append(step)
            node = node[step]
    return tuple(found)


def dotted(way: Sequence[str | int]) -> str:
    """Return a way as people write it: `source.files[0].path`."""
    text = ""
    for step in way:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def known_keys(model: type[BaseModel], way: Sequence[str | int]) -> list[str]:
    """Return the keys that a model knows at the end of a way."""
    for step in way:
        if isinstance(step, str) and step in model.model_fields:
            below = next(iter(_models(model.model_fields[step].annotation)), None)
            if below is None:
                return []
            model = below
    return [f.alias or name for name, f in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def nearest(word: str, known: Sequence[str]) -> str:
    """Return a hint that names the known word most like `word`, else all of them."""
    close = get_close_matches(word.lower(), {k.lower(): k for k in known}, n=1)
    named = {k.lower(): k for k in known}
    if close:
        return f"did you mean '{named[close[0]]}'?"
    return f"known are {', '.join(sorted(known))}" if known else "remove it"

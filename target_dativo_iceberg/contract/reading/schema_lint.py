"""The official JSON Schemas of ODCS as lint: what they refuse is worth a note, rarely worth an error.

Of the public contracts a fifth does not pass the schema of the version it declares; so a finding here never
stops a load. The schemas are in the package, nothing is fetched.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.model import Note
from target_dativo_iceberg.contract.reading.document import Block, Items, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_FILES = {(3, 0): "3.0.2", (3, 1): "3.1.0", (3, 2): "3.2.0"}
_EXTRA = frozenset({"additionalProperties", "unevaluatedProperties"})
_QUOTED = re.compile(r"'([^']*)'")
_SHOWN = 12


def schema_notes(root: Block, source: str, version: tuple[int, int], known: Collection[str] = ()) -> list[Note]:
    """Return a note for each finding of the official schema; values never stand in it.

    Args:
        root: the document.
        source: file it was read from.
        version: which schema to use.
        known: paths that have a note already; unknown keys are not reported twice.

    """
    errors = list(_validator(_FILES[version]).iter_errors(plain(root)))
    found = [(error, note) for error in _telling(errors) for note in _notes(error, root, source)]
    return list(dict.fromkeys(note for error, note in found if error.validator not in _EXTRA or note.path not in known))


@lru_cache
def _validator(name: str) -> Any:
    """Return the validator of a version; jsonschema costs 0.1 s to import, so only `check` pays for it."""
    text = files("target_dativo_iceberg.contract").joinpath("schemas", f"odcs-{name}.schema.json").read_text("utf-8")
    return import_module("jsonschema").Draft201909Validator(json.loads(text))


def _telling(errors: list[Any]) -> Iterable[Any]:
    """Leave out echoes: a mapping with any error also counts all its keys as unevaluated."""
    places = [tuple(error.absolute_path) for error in errors if error.validator != "unevaluatedProperties"]
    for error in errors:
        path = tuple(error.absolute_path)
        if error.validator == "unevaluatedProperties" and any(p[: len(path)] == path for p in places):
            continue
        yield error


def _notes(error: Any, root: Block, source: str) -> Iterable[Note]:
    path = list(error.absolute_path)
    if error.validator in _EXTRA:
        for key in _QUOTED.findall(error.message):
            yield _note(f"unknown key '{key[:60]}'", [*path, key], root, source)
    elif error.validator == "required":
        yield _note(f"lacks '{_QUOTED.findall(error.message)[-1]}'", path, root, source)
    else:
        yield _note(_words(error), path, root, source)


def _words(error: Any) -> str:
    wanted: Any = error.validator_value
    if error.validator == "type":
        return f"must be of type {' or '.join([wanted] if isinstance(wanted, str) else wanted)}"
    if error.validator == "enum":
        return f"must be one of {', '.join(map(str, wanted[:_SHOWN]))}{' …' if len(wanted) > _SHOWN else ''}"
    if error.validator in ("oneOf", "anyOf"):
        return _alternatives(wanted)
    return f"breaks {error.validator} {wanted}"


def _alternatives(wanted: list[dict[str, Any]]) -> str:
    keys = [key for option in wanted for key in option.get("required", ())]
    return f"needs exactly one of {', '.join(keys)}" if keys else "fits none of the allowed forms"


def _note(message: str, path: list[str | int], root: Block, source: str) -> Note:
    line: int = root.line
    node: Any = root
    for step in path:
        line, node = _step(node, step, line)
    return Note(f"schema of ODCS: {message}", source, line, _written(path))


def _step(node: Block | Items, step: str | int, line: int) -> tuple[int, Any]:
    if isinstance(node, Items):
        return node.lines[int(step)], node[int(step)]
    return node.lines.get(str(step), line), node.get(str(step))


def _written(path: list[str | int]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text

"""The secrets of one tenant, by name; and the payloads they come in: JSON, `.env`, text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_ASSIGNMENT = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
FORMATS = ("json", "env", "text", "raw")


@dataclass(frozen=True, repr=False)
class Secrets:
    """Values by name: parsed JSON, the variables of an `.env` file as a dict, or a text. `repr` shows no value."""

    values: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Only the names."""
        return f"Secrets({', '.join(sorted(self.values))})"

    @property
    def variables(self) -> dict[str, str]:
        """What `${NAME}` may name: members of `.env` and JSON secrets, and whole text secrets by name in any case."""
        found: dict[str, str] = {}
        for name, value in self.values.items():
            if isinstance(value, Mapping):
                found |= {str(k): str(v) for k, v in value.items() if isinstance(v, (str, int, float))}
            else:
                found[name] = found[name.upper()] = str(value)
        return found

    def texts(self) -> Iterator[str]:
        """Yield every value that must not be shown."""
        yield from _texts(self.values)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def parsed(text: str, form: str) -> Any:
    """Return a payload as its format says: `json`, `env`, `text` (ends trimmed), `raw`, or empty to find out.

    Raises:
        ValueError: it says JSON, or `.env`, and is not.

    """
    if form == "json":
        return json.loads(text)
    if form == "env":
        return _assignments(text)
    if form == "raw":
        return text
    return text.strip() if form == "text" else _found_out(text)


def _found_out(text: str) -> Any:
    stripped = text.strip()
    if stripped[:1] in "{[":
        try:
            return json.loads(stripped)
        except ValueError:
            return stripped
    lines = [line for line in stripped.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    several = len(lines) > 1 and all(_ASSIGNMENT.fullmatch(line.strip()) for line in lines)
    return _assignments(stripped) if several else stripped


def _assignments(text: str) -> dict[str, str]:
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(stripped)
        if match is None:
            raise ValueError(f"line {number} is not NAME=value")
        found[match["name"]] = _unquoted(match["value"].strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return re.sub(r"\s+#.*$", "", value)

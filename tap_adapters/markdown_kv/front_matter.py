"""YAML front matter as pairs. Scalars stay what is written: `007`, `1.10` and `2024-01-01` are no numbers or dates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from tap_adapters.markdown_kv.document import Pair
from tap_adapters.markdown_kv.values import CONTROLS, LITERALS, NUMBER, json_text, quoted, value_of

MAX_DEPTH = 50
NULLS = {"", "~"}
SIMPLE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@ ")
AMBIGUOUS = {"y", "n", "yes", "no", "on", "off", *LITERALS}


class FrontMatterError(Exception):
    """The front matter is no usable YAML; the message says why and quotes nothing of it."""


class _Loader(yaml.SafeLoader):
    """Refuses aliases, by which a short text can mean an endless one."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise FrontMatterError("it uses a YAML alias, which is not supported")
        return super().compose_node(parent, index)


def read(text: str) -> tuple[Pair, ...] | None:
    """Return the pairs of a YAML mapping, None if the text is no mapping; FrontMatterError if it is not YAML."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 2
        raise FrontMatterError(f"it is not valid YAML (line {line})") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise FrontMatterError("it is not valid YAML") from error
    if not isinstance(node, yaml.MappingNode):
        return None
    return tuple(Pair.of_value(_key(key), _value(value, 1)) for key, value in node.value)


def write(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return scalars by simple keys as front matter with its fences."""
    return "".join(["---\n", *(f"{key}: {_written(value)}\n" for key, value in pairs), "---\n"])


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise FrontMatterError("a key of it is no text")
    return str(node.value)


def _value(node: yaml.Node, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise FrontMatterError(f"it is nested more than {MAX_DEPTH} deep")
    if isinstance(node, yaml.MappingNode):
        return {_key(key): _value(value, depth + 1) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(value, depth + 1) for value in node.value]
    text = str(node.value)
    if getattr(node, "style", None) is not None:
        return text
    if text in NULLS:
        return None
    return value_of(text) if text in LITERALS or NUMBER.fullmatch(text) else text


def _written(value: Any) -> str:
    if not isinstance(value, str):
        return json_text(value)
    simple = value[:1].isalpha() and value == value.strip() and set(value) <= SIMPLE
    return value if simple and value.lower() not in AMBIGUOUS and not CONTROLS.search(value) else quoted(value)

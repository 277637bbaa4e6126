"""`${VAR}` and `${VAR:-default}` in the texts of a contract."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.reading.document import Block, Expanded, Items, fault

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
# In a SQL rule these name parts of the contract; the engine that runs the rule fills them in.
_BUILT_IN = frozenset({"model", "table", "object", "schema", "field", "column", "property"})


def expand(root: Block, source: str, environ: Mapping[str, str]) -> Block:
    """Return a copy of the document with every reference replaced; a variable that is set to nothing is unset.

    Raises:
        ContractError: a variable is unset and its reference has no default.

    """
    expansion = _Expansion(source, environ)
    expanded: Block = expansion.value(root, "", root.line)
    return expanded


class _Expansion:
    def __init__(self, source: str, environ: Mapping[str, str]) -> None:
        self._source = source
        self._environ = environ

    def value(self, value: Any, path: str, line: int) -> Any:
        if isinstance(value, Block):
            return self._block(value, path)
        if isinstance(value, Items):
            return self._items(value, path)
        return self._text(value, path, line) if isinstance(value, str) and "${" in value else value

    def _block(self, given: Block, path: str) -> Block:
        made = Block(given.line)
        for key, value in given.items():
            below = f"{path}.{key}" if path else key
            made.put(key, self.value(value, below, given.lines[key]), given.lines[key])
        return made

    def _items(self, given: Items, path: str) -> Items:
        made = Items(given.line)
        for index, (value, line) in enumerate(zip(given, given.lines, strict=True)):
            made.put(self.value(value, f"{path}[{index}]", line), line)
        return made

    def _text(self, text: str, path: str, line: int) -> str:
        kept = _BUILT_IN if path.endswith(".query") else frozenset[str]()

        def replacement(reference: re.Match[str]) -> str:
            name, default = reference["name"], reference["default"]
            if name in kept:
                return reference[0]
            found = self._environ.get(name) or default
            if found is None:
                message = f"variable {name} is not set (at {path})"
                raise fault(self._source, line, message, f"set {name}, or write ${{{name}:-default}}")
            return found

        expanded = Expanded(_REFERENCE.sub(replacement, text))
        expanded.written = text
        return expanded

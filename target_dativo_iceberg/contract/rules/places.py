"""The fields of a contract on the way to a JSON path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from target_dativo_iceberg.contract.findings import column_of
from target_dativo_iceberg.contract.model import Contract, Field
from target_dativo_iceberg.contract.policy_names import labelled

# Steps of a JSON path: `.name`, `['odd name']`, `[3]` or `[*]`. The `.*` of a map is a name here.
_STEP = re.compile(r"\.([^.\[\]']+)|\['((?:[^'\\]|\\.)*)'\]|\[(?:[0-9]+|\*)\]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Place = Sequence[tuple[str, Field]]


class Places:
    """Finds the fields on the way to a violation.

    Args:
        contract: whose fields they are.
        named: paths of fields that a policy names.

    """

    def __init__(self, contract: Contract, named: Sequence[str]) -> None:
        self._columns = {f.name: f for f in contract.fields}
        inner = (member for f in contract.fields for label, member in labelled(f) if label != f.name)
        # Mostly nothing is said of what is in a column, and the way to it need not be looked for.
        self._deep = any(f.action or f.critical for f in inner) or not set(named) <= self._columns.keys()

    def of(self, path: str) -> Place:
        """Return the column of a JSON path and what is in it on the way there, each with its path in the contract."""
        column = self._columns.get(column_of(path))
        if column is None:
            return ()
        return tuple(_way(column, path)) if self._deep else ((column.name, column),)


def _way(column: Field, path: str) -> Iterator[tuple[str, Field]]:
    found, label = column, column.name
    yield label, found
    for step in list(_STEP.finditer(path))[1:]:
        name = step[1] if step[2] is None else _ESCAPED.sub(r"\1", step[2])
        if found.type.item is not None:
            found, label = found.type.item, f"{label}[]"
        else:
            member = next((f for f in found.type.fields if f.name == name), None)
            if member is None:
                return
            found, label = member, f"{label}.{name}"
        yield label, found

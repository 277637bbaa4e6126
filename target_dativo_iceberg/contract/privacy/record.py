"""Privacy over the JSON of a rejected record, whatever its shape.

A rejected record is where values are most likely to be of the wrong type or under the wrong name. So a protected
member that does not read as its type is redacted, and so are members that the contract does not declare, which
nobody has classified, unless the operator keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from target_dativo_iceberg.contract.json_text import Text
from target_dativo_iceberg.contract.model import Kind, Type
from target_dativo_iceberg.contract.privacy.apply import Blank, Each, Entries, Keep, Members, Seal, Step, Within
from target_dativo_iceberg.contract.privacy.json import Members as Object
from target_dativo_iceberg.contract.privacy.json import Node, NotJsonError, parse, written
from target_dativo_iceberg.contract.privacy.seal import REDACTED
from target_dativo_iceberg.contract.values.arrow import arrow_type
from target_dativo_iceberg.contract.values.coerce import Findings, decode, typed
from target_dativo_iceberg.contract.values.coerce import NotJsonError as UnreadableError


@dataclass(frozen=True, slots=True)
class RecordMask:
    """What hides the protected values of rejected records.

    Attributes:
        members: what becomes of the columns.
        keys: names of the clear key columns.
        keeps: `declared` keeps what the contract declares, `all` the rest as well, `keys` the key columns only;
            protected values are hidden in all three.
        names: folded names of protected columns and members; under `all` they are hidden wherever they are.

    """

    members: Members
    keys: frozenset[str]
    keeps: str
    names: frozenset[str]

    def masked(self, record: bytes) -> bytes:
        """Return the JSON text of a record without its protected values; another object if it is no JSON object."""
        try:
            node = parse(record.decode())
            if isinstance(node, Object):
                found = self._keys_only(node) if self.keeps == "keys" else self._object(node, self.members)
                return written(found).encode()
        except (UnicodeDecodeError, NotJsonError, RecursionError):
            pass
        return b'{"_redacted":"not a JSON object","_bytes":%d}' % len(record)

    # ---- objects ----

    def _object(self, node: Object, members: Members) -> Object:
        return Object(member for name, value in node for member in self._member(name, value, members))

    def _member(self, name: str, value: Node, members: Members) -> Iterator[tuple[str, Node]]:
        index = next((i for i, f in enumerate(members.inputs) if f.name == name), None)
        if index is not None:
            for output in members.outputs:
                if output.source == index:
                    yield output.field.name, self._value(value, output.step)
        elif all(output.field.name != name for output in members.outputs):
            yield name, self._undeclared(name, value)

    def _keys_only(self, node: Object) -> Object:
        found = Object()
        for name, value in node:
            if name in self.keys:
                found += self._member(name, value, self.members)
            else:
                found.append((name, None if value is None else REDACTED))
        return found

    # ---- values ----

    def _value(self, node: Node, step: Step) -> Node:
        match step:
            case _ if node is None:
                return None
            case Keep():
                return self._kept(node, step.type)
            case Blank():
                return None
            case Seal():
                return _sealed(node, step)
        return self._nested(node, step)

    def _nested(self, node: Node, step: Within | Each | Entries) -> Node:
        match step:
            case Within() if isinstance(node, Object):
                return self._object(node, step.members)
            case Each() if _is_list(node):
                return [self._value(element, step.element) for element in node]
            case Entries() if isinstance(node, Object):
                return Object((_key(name, step.key), self._value(value, step.value)) for name, value in node)
        return REDACTED

    def _kept(self, node: Node, type_: Type) -> Node:
        """A clear value: only what is inside it and not declared is hidden."""
        if type_.kind is Kind.JSON or not isinstance(node, list):
            return node
        if type_.kind is Kind.STRUCT and isinstance(node, Object):
            types = {f.name: f.type for f in type_.fields}
            return Object(
                (name, self._kept(value, types[name]) if name in types else self._undeclared(name, value))
                for name, value in node
            )
        if type_.kind is Kind.MAP and isinstance(node, Object):
            assert type_.item is not None
            return Object((name, self._kept(value, type_.item.type)) for name, value in node)
        if type_.kind is Kind.LIST and _is_list(node):
            assert type_.item is not None
            return [self._kept(element, type_.item.type) for element in node]
        return self._undeclared("", node)

    def _undeclared(self, name: str, node: Node) -> Node:
        if node is None:
            return None
        if self.keeps != "all" or folded(name) in self.names:
            return REDACTED
        if isinstance(node, Object):
            return Object((name, self._undeclared(name, value)) for name, value in node)
        return [self._undeclared("", element) for element in node] if isinstance(node, list) else node


def _is_list(node: Node) -> bool:
    return isinstance(node, list) and not isinstance(node, Object)


def _key(name: str, step: Step) -> str:
    return str(_sealed(name, step)) if isinstance(step, Seal) else name


def _sealed(node: Node, step: Seal) -> str:
    """Return what the table would hold for a value, or that it is redacted if it would be no value there."""
    text = written(node).encode()
    found = Findings()
    try:
        value = typed(decode(text), step.type, "$", found, Text(text.decode()))
    except UnreadableError:
        return REDACTED
    if value is None or found.violations:
        return REDACTED
    return str(step.column(pa.array([value], arrow_type(step.type)))[0].as_py())


def folded(name: str) -> str:
    """Return a name's letters and digits in lower case, so that `E-Mail` and `email` are one."""
    return "".join(c for c in name.casefold() if c.isalnum())

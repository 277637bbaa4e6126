"""Renames: a property whose stable id (ODCS 3.1) the table remembers under another name is the same column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.contract.steps import Path, Rename

STABLE_IDS = "contract.field-ids"
Fields = tuple[Field, ...]


@dataclass(slots=True)
class Renaming:
    """Finds renames.

    Attributes:
        ids: what the table remembers: id → name.
        allowed: they are made, else only told.
        steps: renames to be made.
        warnings: renames that are not.

    """

    ids: Mapping[str, str]
    allowed: bool
    steps: list[Rename] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def columns(self, table: Fields, contract: Fields, was: Path = ()) -> Fields:
        """Return columns or members under their new names.

        Args:
            table: the columns, or a struct's members.
            contract: the same of the contract.
            was: their parent's path in the table.

        """
        same = {f.name: f for f in contract} | self._moved({f.name for f in table}, contract, was)
        return tuple(self._column(f, same[f.name], was) if f.name in same else f for f in table)

    def _moved(self, have: set[str], contract: Fields, was: Path) -> dict[str, Field]:
        """Return the contract's columns that have another name in the table, by that name."""
        found = {}
        for f in contract:
            old = self.ids.get(_id_of(f, was)) if f.stable_id else None
            if old is None or old == f.name or old not in have or f.name in have:
                continue
            if self.allowed:
                found[old] = f
                self.steps.append(Rename((*was, old), f.name))
            else:
                self.warnings.append(f"column '{old}' is called '{f.name}' now; renaming needs evolution 'merge'")
        return found

    def _column(self, table: Field, contract: Field, was: Path) -> Field:
        return replace(table, name=contract.name, type=self._type(table.type, contract.type, (*was, table.name)))

    def _type(self, table: Type, contract: Type, was: Path) -> Type:
        if table.kind is not contract.kind:
            return table
        if table.item is not None and contract.item is not None:
            item = replace(table.item, type=self._type(table.item.type, contract.item.type, (*was, item_name(table))))
            return replace(table, item=item)
        return replace(table, fields=self.columns(table.fields, contract.fields, was))


def item_name(type_: Type) -> str:
    """Return the name that Iceberg gives to what a list or a map holds."""
    return "element" if type_.kind is Kind.LIST else "value"


def remembered_ids(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the ids that a table's properties remember, each with its name."""
    try:
        found = json.loads(properties.get(STABLE_IDS, "{}"))
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def stable_ids(contract: Contract) -> str:
    """Return the table property that remembers which property id has which name; empty when there is no id."""
    found = dict(_ids(contract.fields, ()))
    return json.dumps(found, sort_keys=True) if found else ""


def _ids(fields: Fields, parent: Path) -> Iterator[tuple[str, str]]:
    for f in fields:
        if f.stable_id:
            yield _id_of(f, parent), f.name
        yield from _ids_inside(f.type, (*parent, f.name))


def _ids_inside(type_: Type, path: Path) -> Iterator[tuple[str, str]]:
    yield from _ids(type_.fields, path)
    if type_.item is not None:
        yield from _ids_inside(type_.item.type, (*path, item_name(type_)))


def _id_of(member: Field, parent: Path) -> str:
    """Name a property for good: its id is unique among the members of its parent."""
    return ".".join((*parent, member.stable_id))

"""The evolution plan: what a table's schema needs so that a contract's rows fit.

Data only: `dativo plan` prints it, `tables` applies it inside the publish. The contract decides, the table is
never damaged: nothing is dropped, narrowed or rewritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.contract.stable_names import Renaming, item_name, remembered_ids
from target_dativo_iceberg.contract.steps import (
    AddColumn,
    Leeway,
    Path,
    Plan,
    Promote,
    Rekey,
    Relax,
    Step,
    TableState,
)
from target_dativo_iceberg.contract.type_changes import describe, holds, incompatible, variant_name, widens
from target_dativo_iceberg.contract.versions import doubts, versions_of

_NO_IDENTIFIERS = (Kind.FLOAT, Kind.DOUBLE, Kind.STRUCT, Kind.LIST, Kind.MAP)


@dataclass(slots=True)
class _Draft:
    """A plan being made."""

    table: TableState
    contract: Contract
    leeway: Leeway
    newer: bool
    keys: frozenset[str]
    steps: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def lenient(self) -> bool:
        return self.leeway.mode != "strict"

    def misfit(self, problem: str) -> None:
        self.problems.append(problem)
        self.misfits.append(problem)


def plan(table: TableState, contract: Contract, leeway: Leeway | None = None) -> Plan:
    """Return what a table needs for a contract's rows.

    Args:
        table: as it is.
        contract: whose rows are to be written.
        leeway: of the settings; the contract's own settings win.

    """
    versions = versions_of(table.properties, contract)
    draft = _Draft(table, contract, (leeway or Leeway()).under(contract), versions.newer, table.keys)
    if versions.older and not contract.inferred:
        stored = f"version {versions.stored} of the contract"
        draft.problems.append(f"the table was written by {stored}, this is {versions.new}")
    told = draft.problems if draft.leeway.versions == "fail" else draft.warnings
    told.extend(doubts(table.properties, contract))
    fields = _renamed(draft)
    _rekeyed(fields, draft, allowed=versions.major)
    _columns(fields, draft)
    return Plan(
        tuple(draft.steps), tuple(draft.warnings), tuple(draft.problems), tuple(draft.misfits), dict(draft.columns)
    )


# ---- names and keys ----


def _renamed(draft: _Draft) -> tuple[Field, ...]:
    """Return the table's columns after all renames."""
    renaming = Renaming(remembered_ids(draft.table.properties), draft.lenient)
    fields = renaming.columns(draft.table.fields, draft.contract.fields)
    draft.steps.extend(renaming.steps)
    draft.warnings.extend(renaming.warnings)
    now = dict(zip((f.name for f in draft.table.fields), (f.name for f in fields), strict=True))
    draft.keys = frozenset(now.get(key, key) for key in draft.keys)
    return fields


def identifiers(contract: Contract) -> frozenset[str]:
    """Return the key columns that Iceberg takes for identifiers: no floating numbers, no nested values."""
    return frozenset(
        f.name for f in contract.fields if f.name in contract.primary_key and f.type.kind not in _NO_IDENTIFIERS
    )


def _rekeyed(fields: tuple[Field, ...], draft: _Draft, *, allowed: bool) -> None:
    """Let another primary key pass only with a new major version; a SCHEMA's keys never change the table's."""
    wanted = identifiers(draft.contract)
    if not draft.keys or wanted == draft.keys:
        return
    change = f"the table's key is ({', '.join(sorted(draft.keys))}), the contract's ({', '.join(sorted(wanted))})"
    if draft.contract.inferred:
        draft.warnings.append(f"{change}; the table keeps its own")
    elif not allowed:
        draft.problems.append(f"{change}; that needs a higher major version of the contract")
    else:
        fit = wanted <= {f.name for f in fields if f.required}
        if not fit:
            draft.warnings.append(f"{change}; columns of it may be null in the table, so it has no identifier fields")
        draft.keys = wanted if fit else frozenset()
        draft.steps.append(Rekey(tuple(sorted(draft.keys))))


# ---- columns ----


def _columns(table: tuple[Field, ...], draft: _Draft) -> None:
    _members(table, draft.contract.fields, (), draft)
    named = {f.name.lower() for f in draft.contract.fields}
    left = [f.name for f in table if f.name.lower() not in named and not is_ours(f.name)]
    if left and not draft.contract.inferred:
        draft.warnings.append(f"the contract does not have columns {left} of the table; they stay, null in new rows")


def is_ours(column: str) -> bool:
    """Whether a column's name is one that loaders give: marks and metadata, and variant columns."""
    return column.startswith("_") or "__v_" in column


def _members(table: tuple[Field, ...], contract: tuple[Field, ...], at: Path, draft: _Draft) -> None:
    have = {f.name: f for f in table}
    for f in contract:
        if f.name not in have:
            _added(f, have, at, draft)
        elif not at and draft.leeway.on_incompatible == "variant_column" and incompatible(have[f.name].type, f.type):
            _beside(f, have, draft)
        else:
            _member(have[f.name], f, (*at, f.name), draft)
    named = {f.name for f in contract}
    for f in table:
        if f.required and f.name not in named:
            _relax((*at, f.name), "the contract does not have it, so it will be null", draft)


def _added(column: Field, have: Mapping[str, Field], at: Path, draft: _Draft, reason: str = "") -> None:
    path = (*at, column.name)
    twin = next((n for n in have if n.lower() == column.name.lower()), None)
    if twin:
        draft.problems.append(f"column {_dotted(path)}: the table has '{twin}', which differs only by case")
    else:
        draft.steps.append(AddColumn(path, column, *([reason] if reason else [])))


def _beside(column: Field, have: Mapping[str, Field], draft: _Draft) -> None:
    """Send a column's values to one beside it, made of its name and their type; it is null in new rows."""
    name = variant_name(column.name, column.type)
    change = _change((column.name,), have[column.name].type, column.type)
    if column.name in draft.keys or column.name in draft.contract.primary_key:
        draft.misfit(f"{change}; a key has no variant column")
    elif column.name in draft.table.partitions or column.name in {p.field for p in draft.contract.partitions}:
        draft.misfit(f"{change}; a column of the partitioning has no variant column")
    elif name in {f.name for f in draft.contract.fields}:
        draft.misfit(f"{change}; the contract has a column '{name}' of its own, so it cannot be the variant column")
    else:
        draft.columns[column.name] = name
        draft.warnings.append(f"{change}: new values go to column '{name}', and '{column.name}' is null in new rows")
        if have[column.name].required:
            _relax((column.name,), f"new values go to '{name}'", draft)
        if name in have:
            _member(have[name], replace(column, required=False), (name,), draft)
        else:
            _added(replace(column, name=name, required=False), have, (), draft, "a variant column for another type")


def _member(table: Field, contract: Field, path: Path, draft: _Draft) -> None:
    if table.required and not contract.required:
        _relax(path, "the contract lets it be null", draft)
    _types(table.type, contract.type, path, draft)


def _relax(path: Path, reason: str, draft: _Draft) -> None:
    name = _dotted(path)
    if name in draft.keys:
        draft.problems.append(f"column {name}: it is a key of the table and may not be null")
    elif draft.lenient:
        draft.steps.append(Relax(path, reason))
    else:
        command = f"ALTER TABLE {draft.table.name} ALTER COLUMN {name} DROP NOT NULL"
        draft.problems.append(
            f"column {name}: the table requires it and {reason}; relaxing needs evolution 'merge', or in SQL: {command}"
        )


def _types(table: Type, contract: Type, path: Path, draft: _Draft) -> None:
    kinds = (table.kind, contract.kind)
    if kinds == (Kind.STRUCT, Kind.STRUCT):
        _members(table.fields, contract.fields, path, draft)
    elif kinds in ((Kind.LIST, Kind.LIST), (Kind.MAP, Kind.MAP)):
        if table.key and contract.key and describe(table.key) != describe(contract.key):
            draft.misfit(f"column {_dotted(path)}: keys of a map never change")
        assert table.item is not None
        assert contract.item is not None
        _member(table.item, contract.item, (*path, item_name(table)), draft)
    elif not holds(table, contract):
        _widened(table, contract, path, draft)
    elif widens(contract, table) and not draft.contract.inferred:
        draft.warnings.append(f"{_change(path, table, contract)}; the column stays as it is")


def _widened(table: Type, contract: Type, path: Path, draft: _Draft) -> None:
    change = _change(path, table, contract)
    if not widens(table, contract):
        members = len(path) > 1 and draft.leeway.on_incompatible == "variant_column"
        draft.misfit(f"{change}; members of a column have no variant column" if members else change)
    elif draft.newer or draft.lenient:
        draft.steps.append(Promote(path, contract, f"the contract has {describe(contract)}"))
        if not draft.newer and not draft.contract.inferred:
            draft.warnings.append(f"{change}; it is widened without a higher version of the contract")
    else:
        draft.problems.append(f"{change}; widening needs a higher version of the contract or evolution 'merge'")


def _change(path: Path, table: Type, contract: Type) -> str:
    return f"column {_dotted(path)}: the table has {describe(table)}, the contract {describe(contract)}"


def _dotted(path: Path) -> str:
    return ".".join(path)

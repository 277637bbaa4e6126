"""The evolution plan: what a table's schema needs so that a contract's rows fit.

Data only: `dativo plan` prints it, `tables` applies it inside the publish. The contract decides, the table is
never damaged: nothing is dropped, narrowed or rewritten, and only the promotions that the Iceberg specification
allows are made (our own list, since PyIceberg 0.12 lets a decimal's scale change, which falsifies filters).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type

STABLE_IDS = "contract.field-ids"
POLICIES = ("strict", "merge", "relaxed")
_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddColumn:
    """Add an optional column, or a member of a struct."""

    path: _Path
    field: Field
    reason: str = "the contract has it, the table does not"


@dataclass(frozen=True, slots=True)
class Promote:
    """Widen a column as the Iceberg specification allows: int→long, float→double, decimal of more digits."""

    path: _Path
    type: Type
    reason: str


@dataclass(frozen=True, slots=True)
class Relax:
    """Make a required column optional."""

    path: _Path
    reason: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a column a new name; the contract's stable id says that it is the same."""

    path: _Path
    name: str
    reason: str = "the contract's id of the property is the same"


Step = AddColumn | Promote | Relax | Rename


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, what people should know, and what stands in the way.

    Attributes:
        steps: changes of the table, in order.
        warnings: things left as they are that may surprise.
        problems: why the table cannot take the contract's rows; with any, nothing is loaded.

    """

    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableState:
    """A table as the plan sees it.

    Attributes:
        fields: its columns as contract fields; `required` says what the table demands.
        keys: names of its identifier fields.
        properties: its properties.

    """

    fields: tuple[Field, ...]
    keys: frozenset[str] = frozenset()
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Draft:
    """A plan being made."""

    policy: str
    newer: bool
    keys: frozenset[str]
    steps: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def lenient(self) -> bool:
        return self.policy != "strict"


def plan(table: TableState, contract: Contract, policy: str = "merge") -> Plan:
    """Return what a table needs for a contract's rows.

    Args:
        table: as it is.
        contract: whose rows are to be written.
        policy: `strict`, `merge` or `relaxed`. A contract that is the Singer SCHEMA itself is always relaxed.

    """
    policy = "relaxed" if contract.inferred else policy
    stored = table.properties.get("contract.version", "")
    draft = _Draft(policy, newer=_is_newer(contract.version, stored), keys=table.keys)
    _versions(table, contract, draft)
    fields = _renamed(table, contract, draft)
    _members(fields, contract.fields, (), draft)
    return Plan(tuple(draft.steps), tuple(draft.warnings), tuple(draft.problems))


# ---- versions ----


def _versions(table: TableState, contract: Contract, draft: _Draft) -> None:
    """Refuse an older contract than the table was last written by, and a changed one under the same version."""
    stored, sha256 = table.properties.get("contract.version"), table.properties.get("contract.sha256")
    if not stored or contract.inferred or table.properties.get("contract.id", contract.id) != contract.id:
        return
    if _is_newer(stored, contract.version):
        draft.problems.append(f"the table was written by version {stored} of the contract, this is {contract.version}")
    elif stored == contract.version and sha256 and contract.sha256 and sha256 != contract.sha256:
        draft.warnings.append(f"the contract changed under the same version {stored}")


def _is_newer(version: str, other: str) -> bool:
    """Whether a dotted version is higher than another; false when either is not a version."""
    try:
        left, right = ([int(p) for p in v.removeprefix("v").split(".")] for v in (version, other))
    except ValueError:
        return False
    return left > right


# ---- columns ----


def _renamed(table: TableState, contract: Contract, draft: _Draft) -> tuple[Field, ...]:
    """Rename columns whose stable id the contract gives to another name; return the columns after that."""
    names = _stable_ids(table.properties)
    have = {f.name for f in table.fields}
    renames: dict[str, str] = {}
    for f in contract.fields:
        old = names.get(f.stable_id) if f.stable_id else None
        if old is None or old == f.name or old not in have or f.name in have:
            continue
        if draft.lenient:
            renames[old] = f.name
            draft.steps.append(Rename((old,), f.name))
        else:
            draft.warnings.append(f"column '{old}' is called '{f.name}' now; renaming needs evolution 'merge'")
    return tuple(replace(f, name=renames.get(f.name, f.name)) for f in table.fields)


def _stable_ids(properties: Mapping[str, str]) -> dict[str, str]:
    try:
        found = json.loads(properties.get(STABLE_IDS, "{}"))
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def stable_ids(contract: Contract) -> str:
    """Return the table property that remembers which property id has which column."""
    return json.dumps({f.stable_id: f.name for f in contract.fields if f.stable_id}, sort_keys=True)


def _members(table: tuple[Field, ...], contract: tuple[Field, ...], at: _Path, draft: _Draft) -> None:
    have = {f.name: f for f in table}
    for f in contract:
        path = (*at, f.name)
        if f.name in have:
            _member(have[f.name], f, path, draft)
        elif twin := next((n for n in have if n.lower() == f.name.lower()), None):
            draft.problems.append(f"column {_dotted(path)}: the table has '{twin}', which differs only by case")
        else:
            draft.steps.append(AddColumn(path, f))
    named = {f.name for f in contract}
    for f in table:
        if f.required and f.name not in named:
            _relax((*at, f.name), "the contract does not have it, so it will be null", draft)


def _member(table: Field, contract: Field, path: _Path, draft: _Draft) -> None:
    if table.required and not contract.required:
        _relax(path, "the contract lets it be null", draft)
    _types(table.type, contract.type, path, draft)


def _relax(path: _Path, reason: str, draft: _Draft) -> None:
    name = _dotted(path)
    if name in draft.keys:
        draft.problems.append(f"column {name}: it is a key of the table and may not be null")
    elif draft.lenient:
        draft.steps.append(Relax(path, reason))
    else:
        draft.problems.append(f"column {name}: the table requires it and {reason}; relaxing needs evolution 'merge'")


def _types(table: Type, contract: Type, path: _Path, draft: _Draft) -> None:
    kinds = (table.kind, contract.kind)
    if kinds == (Kind.STRUCT, Kind.STRUCT):
        _members(table.fields, contract.fields, path, draft)
    elif kinds == (Kind.LIST, Kind.LIST):
        _inner(table, contract, (*path, "element"), draft)
    elif kinds == (Kind.MAP, Kind.MAP):
        assert table.key is not None
        assert contract.key is not None
        if describe(table.key) != describe(contract.key):
            draft.problems.append(f"column {_dotted(path)}: keys of a map never change")
        _inner(table, contract, (*path, "value"), draft)
    elif not holds(table, contract):
        _widened(table, contract, path, draft)


def _inner(table: Type, contract: Type, path: _Path, draft: _Draft) -> None:
    assert table.item is not None
    assert contract.item is not None
    _types(table.item.type, contract.item.type, path, draft)


def _widened(table: Type, contract: Type, path: _Path, draft: _Draft) -> None:
    change = f"column {_dotted(path)}: the table has {describe(table)}, the contract {describe(contract)}"
    if not _widens(table, contract):
        draft.problems.append(change)
    elif draft.newer or draft.lenient:
        draft.steps.append(Promote(path, contract, f"the contract has {describe(contract)}"))
    else:
        draft.problems.append(f"{change}; widening needs a higher version of the contract or evolution 'merge'")


def holds(table: Type, contract: Type) -> bool:
    """Whether every value of the contract's type can be written to a column of the table's type."""
    if stored(table) is stored(contract):
        match table.kind:
            case Kind.INTEGER:
                return table.bits >= contract.bits
            case Kind.DECIMAL:
                return table.scale == contract.scale and table.precision >= contract.precision
            case Kind.FIXED:
                return table.length == contract.length
        return True
    return table.kind is Kind.DOUBLE and contract.kind is Kind.FLOAT


def _widens(table: Type, contract: Type) -> bool:
    if table.kind is Kind.INTEGER and contract.kind is Kind.INTEGER:
        return table.bits < contract.bits
    if table.kind is Kind.DECIMAL and contract.kind is Kind.DECIMAL:
        return table.scale == contract.scale and table.precision < contract.precision
    return table.kind is Kind.FLOAT and contract.kind is Kind.DOUBLE


def stored(type_: Type) -> Kind:
    """Return the kind a column is stored as: JSON text is a string to the table."""
    return Kind.STRING if type_.kind is Kind.JSON else type_.kind


def describe(type_: Type) -> str:
    """Name a type for people: `decimal(12,2)`, `long`."""
    match type_.kind:
        case Kind.DECIMAL:
            return f"decimal({type_.precision},{type_.scale})"
        case Kind.INTEGER:
            return "int" if type_.bits == 32 else "long"
        case Kind.FIXED:
            return f"fixed[{type_.length}]"
    return type_.kind.value


def _dotted(path: _Path) -> str:
    return ".".join(path)

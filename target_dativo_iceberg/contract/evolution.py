"""The evolution plan: what a table's schema needs so that a contract's rows fit. Data only; `tables` applies it."""

from __future__ import annotations

from dataclasses import dataclass

from target_dativo_iceberg.contract.model import Field, Kind, Type


@dataclass(frozen=True, slots=True)
class AddColumn:
    """Add an optional column, or a member of a struct."""

    path: tuple[str, ...]
    field: Field


@dataclass(frozen=True, slots=True)
class Promote:
    """Widen a column as the Iceberg specification allows: int→long, float→double, decimal of more digits."""

    path: tuple[str, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Relax:
    """Make a required column optional."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Misfit:
    """The contract's column cannot be written to the table's, ever."""

    path: tuple[str, ...]
    reason: str


Step = AddColumn | Promote | Relax | Misfit


def plan(table: tuple[Field, ...], contract: tuple[Field, ...], at: tuple[str, ...] = ()) -> list[Step]:
    """Return the steps that make a table take a contract's rows.

    Args:
        table: the table's columns as contract fields; `required` says what the table demands.
        contract: the contract's columns.
        at: path of the struct both are members of.

    Columns that only the table has stay; they are written as null, so they must be optional.

    """
    have = {f.name: f for f in table}
    steps: list[Step] = []
    for field in contract:
        path = (*at, field.name)
        if field.name not in have:
            steps.append(AddColumn(path, field))
        else:
            steps += _fitted(have[field.name], field, path)
    named = {f.name for f in contract}
    steps += [Relax((*at, f.name)) for f in table if f.required and f.name not in named]
    return steps


def _fitted(table: Field, contract: Field, path: tuple[str, ...]) -> list[Step]:
    steps: list[Step] = []
    if table.required and not contract.required:
        steps.append(Relax(path))
    return steps + _types(table.type, contract.type, path)


def _types(table: Type, contract: Type, path: tuple[str, ...]) -> list[Step]:
    if table.kind is Kind.STRUCT and contract.kind is Kind.STRUCT:
        return plan(table.fields, contract.fields, path)
    if table.kind is Kind.LIST and contract.kind is Kind.LIST:
        assert table.item is not None
        assert contract.item is not None
        return _types(table.item.type, contract.item.type, (*path, "element"))
    if table.kind is Kind.MAP and contract.kind is Kind.MAP:
        assert table.item is not None
        assert contract.item is not None
        return _types(table.item.type, contract.item.type, (*path, "value"))
    if holds(table, contract):
        return []
    if _widens(table, contract):
        return [Promote(path, contract)]
    return [Misfit(path, f"the table has {describe(table)}, the contract {describe(contract)}")]


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

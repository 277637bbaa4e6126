"""Types of a contract against types of a table: what fits, what widens, what never becomes the other.

Only the promotions that the Iceberg specification allows are widenings (our own list, since PyIceberg 0.12 lets a
decimal's scale change, which falsifies filters).
"""

from __future__ import annotations

import re

from target_dativo_iceberg.contract.model import Kind, Type

_NESTED = (Kind.STRUCT, Kind.LIST, Kind.MAP)


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


def widens(table: Type, contract: Type) -> bool:
    """Whether the table's type may be promoted to the contract's."""
    if table.kind is Kind.INTEGER and contract.kind is Kind.INTEGER:
        return table.bits < contract.bits
    if table.kind is Kind.DECIMAL and contract.kind is Kind.DECIMAL:
        return table.scale == contract.scale and table.precision < contract.precision
    return table.kind is Kind.FLOAT and contract.kind is Kind.DOUBLE


def incompatible(table: Type, contract: Type) -> bool:
    """Whether a column can neither take the contract's values nor be widened for them; members are not looked at."""
    if table.kind in _NESTED or contract.kind in _NESTED:
        return table.kind is not contract.kind
    return not (holds(table, contract) or widens(table, contract))


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


def type_name(type_: Type) -> str:
    """Name a type as the table will have it, with all its members: `struct<a: long>`, `list<string>`."""
    match type_.kind:
        case Kind.STRUCT:
            return f"struct<{', '.join(f'{f.name}: {type_name(f.type)}' for f in type_.fields)}>"
        case Kind.LIST if type_.item:
            return f"list<{type_name(type_.item.type)}>"
        case Kind.MAP if type_.item and type_.key:
            return f"map<{type_name(type_.key)}, {type_name(type_.item.type)}>"
        case Kind.JSON:
            return "string (JSON)"
    return describe(type_)


def variant_name(column: str, type_: Type) -> str:
    """Return the column that takes a column's values of another type: `amount__v_decimal_12_2`."""
    name = stored(type_).value if type_.kind is Kind.JSON else describe(type_)
    return f"{column}__v_{re.sub('[^a-z0-9]+', '_', name).strip('_')}"

"""How the columns of a contract are read, settled: what a property says, else its object or document, else settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.manner import UNSAID, Coercion, Manner, Rounding
from target_dativo_iceberg.contract.model import Contract, Field, Kind, Type
from target_dativo_iceberg.errors import ContractError
from target_dativo_iceberg.setting_values import number_digits

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings

_DOUBLE = Type(Kind.DOUBLE)
_BOOLEANS = {True: True, False: False, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Usual:
    """What holds for columns that do not say: the settings of a run.

    Attributes:
        manner: how they are read.
        number: type of a number of which nothing says more: `double` or `decimal(p,s)`.

    """

    manner: Manner = UNSAID
    number: str = "double"


def usual_of(settings: Settings) -> Usual:
    """Return what the settings of a run say."""
    coercion = Coercion(settings.coercion) if settings.coercion else None
    return Usual(
        Manner(coercion, Rounding(settings.decimal_rounding), settings.truncate_nanoseconds), settings.default_number
    )


def read_as(contract: Contract, usual: Usual) -> Contract:
    """Return a contract whose columns say how they are read.

    Args:
        contract: as compiled; `dativo.coercion` and the like of its object or document are among its policies.
        usual: what holds where neither a property nor the policies say.

    Raises:
        ContractError: a policy has a value that it cannot have.

    """
    said = {name: _said(contract, name, read) for name, read in _POLICIES.items() if name in contract.policies}
    own = Manner(said.get("coercion"), said.get("decimal_rounding"), said.get("truncate_nanoseconds"))
    number = said.get("default_number") or number_type(usual.number)
    return settled(contract, own.over(usual.manner).over(Manner(said.get("usual_coercion"))), number)


def settled(contract: Contract, manner: Manner, number: Type = _DOUBLE) -> Contract:
    """Return a contract in which each column has its own manner, completed by a given one."""
    return replace(contract, fields=tuple(_field(f, manner, number) for f in contract.fields))


def number_type(text: str) -> Type:
    """Return the type that `default_number` names.

    Raises:
        ValueError: it is neither `double` nor a decimal that can be.

    """
    digits = number_digits(text)
    return Type(Kind.DECIMAL, precision=digits[0], scale=digits[1]) if digits else _DOUBLE


def _field(field: Field, manner: Manner, number: Type) -> Field:
    return replace(field, type=_type(field.type, manner, number))


def _type(type_: Type, around: Manner, number: Type) -> Type:
    """Settle a type; what is inside it is read as it is, if it does not say otherwise."""
    manner = type_.manner.over(around)
    if type_.assumed and number.kind is Kind.DECIMAL:
        return replace(number, manner=manner)
    return replace(
        type_,
        manner=manner,
        fields=tuple(_field(f, manner, number) for f in type_.fields),
        item=type_.item and _field(type_.item, manner, number),
        # A key is a text whatever it stands for.
        key=type_.key and replace(type_.key, manner=replace(manner, coercion=Coercion.SAFE)),
        # An offset is no part of a column without zone: strictly, a value has none.
        naive_zone=None if type_.kind is Kind.TIMESTAMP and manner.strict else type_.naive_zone,
    )


# ---- policies of a contract ----


def _flag(value: Any) -> bool:
    if value not in _BOOLEANS:
        raise ValueError("must be true or false")
    return _BOOLEANS[value]


def _word(words: type[Coercion] | type[Rounding]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in tuple(words):
            raise ValueError(f"must be one of {', '.join(words)}")
        return words(value)

    return read


_POLICIES: Mapping[str, Callable[[Any], Any]] = {
    "coercion": _word(Coercion),
    "usual_coercion": _word(Coercion),
    "decimal_rounding": _word(Rounding),
    "truncate_nanoseconds": _flag,
    "default_number": lambda value: number_type(str(value)),
}


def _said(contract: Contract, name: str, read: Callable[[Any], Any]) -> Any:
    try:
        return read(contract.policies[name])
    except (ValueError, TypeError) as error:
        raise ContractError(f"contract '{contract.name}': {name} {error}", "mend the contract") from None

"""Data contracts: what tables must hold, read from ODCS 3.0 to 3.2 and from dativo's forms.

`load` reads a file or folder, `choose` finds the contract of a stream; the rest are the frozen values they
return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.contract.model import (
    Check,
    CheckKind,
    Contract,
    ContractSet,
    Field,
    Kind,
    Note,
    Partition,
    Rule,
    RuleKind,
    Severity,
    Threshold,
    Type,
)

if TYPE_CHECKING:
    from target_dativo_iceberg.contract.reader import choose, fold, load

__all__ = [
    "Check",
    "CheckKind",
    "Contract",
    "ContractSet",
    "Field",
    "Kind",
    "Note",
    "Partition",
    "Rule",
    "RuleKind",
    "Severity",
    "Threshold",
    "Type",
    "choose",
    "fold",
    "load",
]


def __getattr__(name: str) -> Any:
    """Import what reads contracts when it is asked for: the process of a SQL rule reads none, and starts twice a rule.

    Raises:
        AttributeError: there is no such name here.

    """
    if name not in ("choose", "fold", "load"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from target_dativo_iceberg.contract import reader  # noqa: PLC0415 - heavy

    return getattr(reader, name)

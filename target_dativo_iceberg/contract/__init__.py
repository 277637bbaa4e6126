"""Data contracts: what tables must hold, read from ODCS 3.0 to 3.2 and from dativo's forms.

`load` reads a file or folder, `choose` finds the contract of a stream; the rest are the frozen values they
return.
"""

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

"""What an evolution plan is made of: a table as it is, how far it may be changed, steps, what people should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from target_dativo_iceberg.contract.model import Contract, Field, Type

MODES = ("strict", "merge", "relaxed")
INCOMPATIBLE = ("fail", "new_table", "variant_column")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddColumn:
    """Add an optional column, or a member of a struct."""

    path: Path
    field: Field
    reason: str = "the contract has it, the table does not"


@dataclass(frozen=True, slots=True)
class Promote:
    """Widen a column as the Iceberg specification allows: int→long, float→double, decimal of more digits."""

    path: Path
    type: Type
    reason: str


@dataclass(frozen=True, slots=True)
class Relax:
    """Make a required column optional."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a column a new name; the contract's stable id says that it is the same."""

    path: Path
    name: str
    reason: str = "the contract's id of the property is the same"


@dataclass(frozen=True, slots=True)
class Rekey:
    """Set the table's identifier fields, to none if the path is empty."""

    path: Path
    reason: str = "a new major version of the contract has another primary key"


Step = AddColumn | Promote | Relax | Rename | Rekey


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, what people should know, and what stands in the way.

    Attributes:
        steps: changes of the table, in order.
        warnings: things left as they are that may surprise.
        problems: why the table cannot take the contract's rows; with any, nothing is loaded.
        misfits: those problems that another table would not have: types that never become one another.
        columns: contract column → the column beside it that takes its values; columns of their own name are left out.

    """

    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    misfits: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableState:
    """A table as the plan sees it.

    Attributes:
        fields: its columns as contract fields; `required` says what the table demands.
        keys: names of its identifier fields.
        properties: its properties.
        partitions: names of the columns that its partitions are made of.
        name: dotted, for commands that people may run.

    """

    fields: tuple[Field, ...]
    keys: frozenset[str] = frozenset()
    properties: Mapping[str, str] = field(default_factory=dict)
    partitions: frozenset[str] = frozenset()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Leeway:
    """How far a contract may change a table.

    Attributes:
        mode: `strict`, `merge` or `relaxed`; a contract that is the Singer SCHEMA itself is always relaxed.
        on_incompatible: `fail`, `new_table` or `variant_column`.
        versions: `warn` or `fail`: what a contract that changed without a due version causes.

    """

    mode: str = "merge"
    on_incompatible: str = "fail"
    versions: str = "warn"

    def under(self, contract: Contract) -> Leeway:
        """Return what holds for a contract: its own settings win."""
        own = contract.policies
        return Leeway(
            "relaxed" if contract.inferred else own.get("evolution", self.mode),
            own.get("on_incompatible", self.on_incompatible),
            own.get("contract_version_policy", self.versions),
        )

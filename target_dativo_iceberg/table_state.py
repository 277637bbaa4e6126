"""Tables as evolution plans see them, and what they remember of contracts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.evolution import plan
from target_dativo_iceberg.contract.steps import Leeway, TableState
from target_dativo_iceberg.contract.versions import REQUIRED
from target_dativo_iceberg.iceberg_types import contract_fields

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata

    from target_dativo_iceberg.contract.model import Contract
    from target_dativo_iceberg.settings import Settings


def required_properties(contract: Contract, columns: Mapping[str, str], schema: Schema) -> dict[str, str]:
    """Return the properties that name columns which the contract requires and the table, for its old rows, does not."""
    optional = {f.name for f in schema.fields if not f.required}
    found = (columns.get(f.name, f.name) for f in contract.fields if f.required and not contract.inferred)
    return {f"{REQUIRED}{name}": "true" for name in found if name in optional}


def state_of(metadata: TableMetadata, name: str = "") -> TableState:
    """Return a table as the evolution plan sees it."""
    schema = metadata.schema()
    sources = {schema.find_column_name(f.source_id) or "" for f in metadata.spec().fields}
    keys = frozenset(schema.identifier_field_names())
    return TableState(contract_fields(schema), keys, metadata.properties, frozenset(sources), name)


def leeway_of(settings: Settings) -> Leeway:
    """Return how far contracts may change tables under the settings."""
    return Leeway(settings.evolution, settings.on_incompatible, settings.contract_version_policy)


def columns_of(metadata: TableMetadata, contract: Contract, leeway: Leeway) -> Mapping[str, str]:
    """Return the contract's columns that have another name in a table that has evolved for it."""
    return plan(state_of(metadata), contract, leeway).columns

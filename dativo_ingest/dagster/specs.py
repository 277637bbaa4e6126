"""What Dagster knows of a load before it is run: an asset for each table, and the checks of its contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import dagster as dg

from dativo_ingest.dagster.loads import Load, plain
from target_dativo_iceberg.contract import Check, CheckKind, Contract

RULES, ADDS_UP = "contract", "adds_up"
"""Checks that every table has: no row broke a rule, and every row that was read is accounted for."""
_NOT_MEASURED = (CheckKind.TEXT, CheckKind.CUSTOM)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def key_of(load: Load, contract: Contract | None = None) -> dg.AssetKey:
    """Return the key of a table's asset; without a contract that of the load alone."""
    return dg.AssetKey([*load.key, contract.name] if contract else list(load.key))


def assets_of(load: Load) -> list[dg.AssetSpec]:
    """Return the assets of a load: one a table, or one for a job that cannot be used."""
    return [_asset(load, contract) for contract in load.contracts] or [
        dg.AssetSpec(
            key_of(load),
            description=load.problem,
            metadata=_source(load),
            group_name=plain(load.tenant),
            tags=load.tags,
        )
    ]


def _asset(load: Load, contract: Contract) -> dg.AssetSpec:
    return dg.AssetSpec(
        key_of(load, contract),
        description=contract.description or None,
        metadata=_source(load) | _described(contract),
        owners=_owners(contract.properties),
        kinds={"iceberg"},
        group_name=plain(load.tenant),
        tags=load.tags,
    )


def checks_of(load: Load) -> list[dg.AssetCheckSpec]:
    """Return the checks of a load's assets."""
    found = []
    for contract in load.contracts:
        key = key_of(load, contract)
        found.append(dg.AssetCheckSpec(RULES, asset=key, description="every row that was read keeps to the contract"))
        text = "rows read = rows good + rows in quarantine + rows dropped by rule"
        found.append(dg.AssetCheckSpec(ADDS_UP, asset=key, description=text))
        for name, check in quality_of(contract).items():
            found.append(dg.AssetCheckSpec(name, asset=key, description=check.description or check.id))
    return found


def quality_of(contract: Contract) -> dict[str, Check]:
    """Return the quality checks of a contract that are measured, by their name in Dagster."""
    found: dict[str, Check] = {}
    for check in contract.checks:
        if check.kind in _NOT_MEASURED:
            continue
        name = f"quality_{plain(check.id)}"
        while name in found:
            name += "_"
        found[name] = check
    return found


def _source(load: Load) -> dict[str, dg.MetadataValue[Any]]:
    return {"dativo/config": dg.MetadataValue.path(str(load.path))}


def _described(contract: Contract) -> dict[str, dg.MetadataValue[Any]]:
    columns = [
        dg.TableColumn(
            field.name,
            field.type.kind.value,
            description=field.description or None,
            constraints=dg.TableColumnConstraints(nullable=not field.required, unique=field.unique),
        )
        for field in contract.fields
    ]
    return {
        "dativo/contract": dg.MetadataValue.text(f"{contract.name} {contract.version}".strip()),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
    }


def _owners(properties: Mapping[str, str]) -> list[str] | None:
    found = [value for name, value in properties.items() if name.rpartition(".")[2] == "owner"]
    return [one for one in found if _MAIL.fullmatch(one)] or None

"""Looking at a catalog without making anything: no warehouse folder, no catalog tables, no branch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from sqlalchemy import inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from target_dativo_iceberg.catalogs import catalog_properties, local_path, open_branch, open_catalog
from target_dativo_iceberg.settings import Settings
from target_dativo_iceberg.store_errors import store_errors
from target_dativo_iceberg.tables import Store


def existing_store(settings: Settings, *, or_base: bool = False) -> Store | None:
    """Open the catalog that the settings name as it is; None when there is none yet.

    Args:
        settings: of the target.
        or_base: on Nessie, when the branch is missing, open the one it would be made from.

    Raises:
        SettingsError: the catalog's properties are refused.
        StoreError: the catalog did not answer.

    """
    if settings.nessie_uri is not None:
        branch = _existing_branch(settings, or_base=or_base)
        return None if branch is None else Store(open_branch(settings, branch), settings)
    properties = catalog_properties(settings)
    if _is_missing(properties):
        return None
    catalog = open_catalog(replace(settings, catalog=properties | {"init_catalog_tables": "false"}))
    if isinstance(catalog, SqlCatalog):
        with store_errors("opening the catalog"):
            if not inspect(catalog.engine).has_table(IcebergTables.__tablename__):
                return None
    return Store(catalog, settings)


def _is_missing(properties: dict[str, str]) -> bool:
    """Whether a local catalog's database file or its warehouse folder is not there: opening would make it."""
    if properties.get("type") == "rest" or properties.get("uri", "").startswith("http"):
        return False
    try:
        url = make_url(properties.get("uri", ""))
    except ArgumentError:
        return False  # opening says what is wrong
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return True
    warehouse = properties.get("warehouse", "")
    return warehouse.startswith("file:") and not local_path(warehouse).exists()


def _existing_branch(settings: Settings, *, or_base: bool) -> str | None:
    from target_dativo_iceberg.branches import client, nessie_errors  # noqa: PLC0415 - only for Nessie
    from target_dativo_iceberg.nessie import ReferenceMissing  # noqa: PLC0415 - as above

    with nessie_errors(f"looking for branch '{settings.nessie_branch}'"), client(settings) as nessie:
        names = [settings.nessie_branch]
        if or_base:
            names.append(settings.base_branch or nessie.config().default_branch)
        for name in names:
            try:
                return nessie.reference(name).name
            except ReferenceMissing:
                continue
    return None

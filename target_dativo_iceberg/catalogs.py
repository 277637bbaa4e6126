"""Opening a catalog: SQLite by default, Nessie by its URI, or any catalog PyIceberg has, every call timed."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard
from urllib.parse import quote, unquote, urlsplit

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import (
    NotInstalledError,
    ServerError,
    ValidationError,
)
from sqlalchemy.exc import DBAPIError

from target_dativo_iceberg.errors import SettingsError
from target_dativo_iceberg.settings import DEFAULT_WAREHOUSE, Settings
from target_dativo_iceberg.store_errors import store_errors

if TYPE_CHECKING:
    from pyiceberg.catalog.rest import RestCatalog

    from target_dativo_iceberg.nessie import Authorization

# A SQL catalog has two tables; the race for each may be lost once.
_OPENINGS = 4
# What databases say of a table that is there; PostgreSQL of one that is just being made.
_THERE = ("already exists", "pg_type_typname_nsp_index")
_LOCAL_SCHEMES = ("", "file")


def open_catalog(settings: Settings) -> Catalog:
    """Open the catalog that the settings name.

    Raises:
        SettingsError: the warehouse cannot be written, or the catalog's properties are refused.
        StoreError: the catalog did not answer.

    """
    if settings.nessie_uri is not None:
        return _open_nessie(settings)
    properties = catalog_properties(settings)
    if _is_local(properties.get("warehouse", "")) and properties.get("type") != "rest":
        _make_warehouse(local_path(properties["warehouse"]))
    with store_errors("opening the catalog"):
        try:
            if properties.get("type") == "rest" or properties.get("uri", "").startswith("http"):
                return _rest(settings, properties)
            return _loaded(settings.catalog_name, properties)
        except (ValueError, ValidationError, NotInstalledError) as error:
            raise SettingsError(
                f"setting 'catalog' is refused ({type(error).__name__})", "check its 'type' and 'uri'"
            ) from error


def _rest(settings: Settings, properties: Mapping[str, str], sign_in: Authorization | None = None) -> Catalog:
    from target_dativo_iceberg.rest_catalog import TimedRestCatalog  # noqa: PLC0415 - a fifth of a second

    return TimedRestCatalog(settings.catalog_name, settings.request_timeout_seconds, sign_in, **properties)


def is_rest(catalog: Catalog) -> TypeGuard[RestCatalog]:
    """Whether a catalog is a server that speaks Iceberg's REST protocol."""
    module = sys.modules.get("pyiceberg.catalog.rest")
    return module is not None and isinstance(catalog, module.RestCatalog)


def _loaded(name: str, properties: Mapping[str, str]) -> Catalog:
    """Open a catalog; several first runs make the tables of a new SQL catalog at once, of which one gets its way."""
    for _ in range(_OPENINGS - 1):
        try:
            return load_catalog(name, **properties)
        except DBAPIError as error:  # the one that was too late finds them when it looks again
            if not any(words in str(error.orig) for words in _THERE):
                raise
    return load_catalog(name, **properties)


def _open_nessie(settings: Settings) -> Catalog:
    """Open the branch of Nessie that is written, made first if it is missing."""
    from target_dativo_iceberg.branches import ensure_branch  # noqa: PLC0415 - only for Nessie

    ensure_branch(settings)
    return open_branch(settings, settings.nessie_branch)


def open_branch(settings: Settings, branch: str) -> Catalog:
    """Open a branch of Nessie: a catalog object for each branch, since the branch is in its URI.

    Raises:
        SettingsError: the server does not know the warehouse.
        StoreError: the server did not answer.

    """
    from target_dativo_iceberg.branches import sign_in  # noqa: PLC0415 - only for Nessie

    with store_errors("opening the Nessie catalog"):
        try:
            return _rest(settings, catalog_properties(settings, branch), sign_in(settings))
        except ServerError as error:
            raise SettingsError(
                "the Nessie server does not know the warehouse",
                "set nessie_warehouse to the name of one of its warehouses, or leave it out for its default",
            ) from error


def catalog_properties(settings: Settings, branch: str | None = None) -> dict[str, str]:
    """Return PyIceberg's properties of the catalog; on Nessie, of one branch of it."""
    common = _store_properties(settings)
    if settings.nessie_uri is not None:
        return common | _nessie_properties(settings, branch or settings.nessie_branch)
    if not _is_local(settings.warehouse):
        return {"warehouse": settings.warehouse} | common | dict(settings.catalog or {})
    root = local_path(settings.warehouse)
    default = {"type": "sql", "uri": f"sqlite:///{root / 'catalog.db'}?timeout={settings.request_timeout_seconds}"}
    given: Mapping[str, str] = settings.catalog or default
    return {"warehouse": root.as_uri()} | common | dict(given)


def _store_properties(settings: Settings) -> dict[str, str]:
    seconds = str(settings.request_timeout_seconds)
    found = {
        "s3.endpoint": settings.s3_endpoint,
        "s3.region": settings.s3_region,
        "s3.access-key-id": settings.s3_access_key_id,
        "s3.secret-access-key": settings.s3_secret_access_key,
        "s3.connect-timeout": seconds,
        "s3.request-timeout": seconds,
    }
    return {k: v for k, v in found.items() if v is not None}


def _nessie_properties(settings: Settings, branch: str) -> dict[str, str]:
    """Put the branch in the URI: the one form that every Nessie release reads the same way."""
    from target_dativo_iceberg.nessie import normalise_uri  # noqa: PLC0415 - only for Nessie

    assert settings.nessie_uri is not None
    _, iceberg = normalise_uri(settings.nessie_uri)
    found = {"type": "rest", "uri": f"{iceberg}/{quote(branch, safe='')}"}
    named = settings.nessie_warehouse or (settings.warehouse if settings.warehouse != DEFAULT_WAREHOUSE else None)
    if named:
        found["warehouse"] = named
    return found


def _is_local(warehouse: str) -> bool:
    return urlsplit(warehouse).scheme in _LOCAL_SCHEMES


def local_path(warehouse: str) -> Path:
    """Return the folder of a local warehouse."""
    text = unquote(urlsplit(warehouse).path) if warehouse.startswith("file:") else warehouse
    return Path(text).expanduser().absolute()


def _make_warehouse(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe-{uuid.uuid4().hex}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"the warehouse folder cannot be written ({error.strerror})", "set 'warehouse' to a folder you may write"
        ) from error

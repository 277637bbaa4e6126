"""Opening a catalog: SQLite by default, Nessie by its URI, or any catalog PyIceberg has, every call timed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

import requests
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.rest import RestCatalog, TableResponse
from pyiceberg.exceptions import (
    NotInstalledError,
    ServerError,
    ValidationError,
)
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import StagedTable
from pyiceberg.typedef import EMPTY_DICT, Properties
from requests.adapters import HTTPAdapter
from sqlalchemy.exc import DBAPIError
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from target_dativo_iceberg.ambient_keys import store_properties
from target_dativo_iceberg.errors import SettingsError
from target_dativo_iceberg.settings import DEFAULT_WAREHOUSE, Settings
from target_dativo_iceberg.store_errors import store_errors

_CONNECT_SECONDS = 3.05
_RETRIES = 3
# A SQL catalog has two tables; the race for each may be lost once.
_OPENINGS = 4
# What databases say of a table that is there; PostgreSQL of one that is just being made.
_THERE = ("already exists", "pg_type_typname_nsp_index")
_BUSY = (429, 502, 503, 504)
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
                return TimedRestCatalog(settings.catalog_name, settings.request_timeout_seconds, **properties)
            return _loaded(settings.catalog_name, properties)
        except (ValueError, ValidationError, NotInstalledError) as error:
            raise SettingsError(
                f"setting 'catalog' is refused ({type(error).__name__})", "check its 'type' and 'uri'"
            ) from error


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
    with store_errors("opening the Nessie catalog"):
        try:
            return TimedRestCatalog(
                settings.catalog_name, settings.request_timeout_seconds, **catalog_properties(settings, branch)
            )
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
    if settings.nessie_token:
        found["token"] = settings.nessie_token
    elif settings.nessie_oauth_client_id:
        found["credential"] = f"{settings.nessie_oauth_client_id}:{settings.nessie_oauth_client_secret}"
        found["oauth2-server-uri"] = settings.nessie_oauth_token_uri or ""
        if settings.nessie_oauth_scope:
            found["scope"] = settings.nessie_oauth_scope
    return found


class _Retry(Retry):
    """Repeats what surely changed nothing: reads, unless they took their whole time, and what was never sent."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Count a failed try, or raise it."""
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class _TimedAdapter(HTTPAdapter):
    """Gives every request a time limit: PyIceberg's session has none and waits for ever on a frozen server."""

    def __init__(self, seconds: int) -> None:
        self._timeout = (_CONNECT_SECONDS, float(seconds))
        super().__init__(
            max_retries=_Retry(
                _RETRIES,
                allowed_methods=("GET", "HEAD"),
                status_forcelist=_BUSY,
                raise_on_status=False,
                backoff_factor=0.1,
                backoff_jitter=0.1,
            )
        )

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send with the limit unless the caller has one."""
        options["timeout"] = options.get("timeout") or self._timeout
        return super().send(request, *args, **options)


class TimedRestCatalog(RestCatalog):
    """PyIceberg's REST catalog, with a time limit on every call and always with Arrow's file systems.

    Args:
        name: of the catalog.
        seconds: longest wait for an answer.
        properties: PyIceberg's.

    """

    def __init__(self, name: str, seconds: int, **properties: str) -> None:
        self._seconds = seconds
        self._named = dict(properties)
        super().__init__(name, **properties)

    def _create_session(self) -> requests.Session:
        # The first call (config) uses a session of its own, so the limit is set where sessions are made.
        session = super()._create_session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, _TimedAdapter(self._seconds))
        return session

    def _response_to_staged_table(
        self, identifier_tuple: tuple[str, ...], table_response: TableResponse
    ) -> StagedTable:
        # PyIceberg finds the keys handed out for a table by its metadata file, which a table to be created has not.
        found = self._resolve_storage_credentials(table_response.storage_credentials, table_response.metadata.location)
        with_keys = table_response.model_copy(update={"config": {**table_response.config, **found}})
        return super()._response_to_staged_table(identifier_tuple, with_keys)

    def _load_file_io(self, properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:
        # Servers may ask for another (Nessie from 0.100 on: fsspec), which is not installed and has no time limits.
        return PyArrowFileIO(store_properties(self._named, {**self.properties, **properties}))


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

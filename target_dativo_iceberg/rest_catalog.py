"""PyIceberg's REST catalog with a time limit on every call, what changed nothing tried again."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import requests
from pyiceberg.catalog.rest import RestCatalog, TableResponse
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import StagedTable
from pyiceberg.typedef import EMPTY_DICT, Properties
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from target_dativo_iceberg.ambient_keys import store_properties

if TYPE_CHECKING:
    from target_dativo_iceberg.nessie import Authorization

_CONNECT_SECONDS = 3.05
_RETRIES = 3
_BUSY = (429, 502, 503, 504)


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


def _told_as_refusal(response: requests.Response, **_: Any) -> None:
    """Make a 403 of what Nessie's rules do not allow: it answers 500, which would mean that it may have been done."""
    if response.status_code == 500 and _type_of_error(response) == "AccessCheckException":
        response.status_code = 403


def _type_of_error(response: requests.Response) -> object:
    try:
        return response.json()["error"]["type"]
    except (ValueError, TypeError, KeyError):
        return None


class TimedRestCatalog(RestCatalog):
    """PyIceberg's REST catalog, with a time limit on every call and always with Arrow's file systems.

    Args:
        name: of the catalog.
        seconds: longest wait for an answer.
        sign_in: used instead of PyIceberg's, which has no time limit and asks for the scope `catalog` by itself.
        properties: PyIceberg's.

    """

    def __init__(self, name: str, seconds: int, sign_in: Authorization | None = None, **properties: str) -> None:
        self._seconds = seconds
        self._sign_in = sign_in
        self._named = dict(properties)
        super().__init__(name, **properties)

    def _create_session(self) -> requests.Session:
        # The first call (config) uses a session of its own, so the limit is set where sessions are made.
        session = super()._create_session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, _TimedAdapter(self._seconds))
        session.hooks["response"].append(_told_as_refusal)
        if self._sign_in is not None:
            session.auth = self._sign_in
        return session

    def _refresh_token(self) -> None:
        # PyIceberg calls it before it sends a request again that was answered 401.
        if self._sign_in is None:
            super()._refresh_token()
        else:
            self._sign_in.forget()

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

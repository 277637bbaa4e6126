"""HTTP to Nessie: timeouts, bounded repeats of reads, and which error each failure is."""

from __future__ import annotations

import random
import time
from typing import TypeVar

import msgspec
import requests
from urllib3.exceptions import NewConnectionError

from target_dativo_iceberg.nessie.auth import Authorization, Credentials
from target_dativo_iceberg.nessie.errors import (
    Conflict,
    ContentMissing,
    NessieError,
    NessieRefused,
    NessieUnauthorized,
    NessieUnavailable,
    OutcomeUnknown,
    ReferenceConflict,
    ReferenceExists,
    ReferenceMissing,
)

T = TypeVar("T")

_READ_TRIES = 3
_FIRST_WAIT_SECONDS = 0.2
_BUSY = (429, 503)
_MAX_QUOTED = 300


class _Details(msgspec.Struct, frozen=True):
    conflicts: tuple[Conflict, ...] = ()


class _Problem(msgspec.Struct, frozen=True, rename="camel"):
    message: str = "no reason given, so it may be no Nessie API v2"
    error_code: str | None = None
    error_details: _Details | None = None


class NessieConnection:
    """Sends requests to one Nessie. `timeout` is (seconds to connect, seconds without a byte of the answer)."""

    def __init__(self, base: str, credentials: Credentials | None, timeout: tuple[float, float]) -> None:
        self._base = base
        self._timeout = timeout
        self._session = requests.Session()
        self._authorization = Authorization(credentials, timeout)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def read(self, what: str, path: str, answer: type[T], **query: str | int) -> T:
        """GET `path`, at most three times while the server is busy or drops the connection; never after a timeout."""
        for tries_left in reversed(range(_READ_TRIES)):
            try:
                response = self._send("GET", path, query, None)
            except requests.Timeout as error:
                raise NessieUnavailable(f"{what}: {self._silence(error)}") from error
            except requests.RequestException as error:
                if not tries_left:
                    raise NessieUnavailable(f"{what}: no answer ({type(error).__name__})") from error
            else:
                if response.status_code not in _BUSY or not tries_left:
                    return _decoded(what, response, answer, writing=False)
            time.sleep(_FIRST_WAIT_SECONDS * 2 ** (_READ_TRIES - 1 - tries_left) * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        raise AssertionError("the last try returns or raises")

    def write(self, what: str, method: str, path: str, body: object, answer: type[T], **query: str | int) -> T:
        """Send a change once; OutcomeUnknown when it was sent and not clearly answered."""
        try:
            response = self._send(method, path, query, body)
        except requests.RequestException as error:
            kind = NessieUnavailable if _never_sent(error) else OutcomeUnknown
            raise kind(f"{what}: {self._silence(error)}") from error
        return _decoded(what, response, answer, writing=True)

    def _send(self, method: str, path: str, query: dict[str, str | int], body: object) -> requests.Response:
        response = self._send_once(method, path, query, body)
        # a request that was not authorized was not carried out, so a change can be sent again too
        if response.status_code == 401 and self._authorization.forget():
            response = self._send_once(method, path, query, body)
        return response

    def _send_once(self, method: str, path: str, query: dict[str, str | int], body: object) -> requests.Response:
        headers = {"Nessie-Client-Spec": "2", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self._session.request(
            method,
            f"{self._base}/{path}",
            params=query,
            data=None if body is None else msgspec.json.encode(body),
            headers=headers,
            auth=self._authorization,
            timeout=self._timeout,
            allow_redirects=False,
        )

    def _silence(self, error: requests.RequestException) -> str:
        if isinstance(error, requests.ConnectTimeout):
            return f"no connection within {self._timeout[0]:g} s"
        if isinstance(error, requests.Timeout):
            return f"no answer within {self._timeout[1]:g} s"
        return f"no answer ({type(error).__name__})"


def _never_sent(error: requests.RequestException) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _decoded(what: str, response: requests.Response, answer: type[T], *, writing: bool) -> T:
    if response.status_code != 200:
        raise _failure(what, response, writing=writing)
    try:
        return msgspec.json.decode(response.content, type=answer)
    except msgspec.DecodeError as error:
        kind = OutcomeUnknown if writing else NessieError
        raise kind(f"{what}: the answer is not what Nessie's API v2 sends ({error})", status=200) from error


def _failure(what: str, response: requests.Response, *, writing: bool) -> NessieError:
    status = response.status_code
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    said = " ".join(problem.message.split())[:_MAX_QUOTED]
    return _kind(status, problem.error_code, writing=writing)(
        f"{what}: Nessie answered {status}, {said}",
        status=status,
        code=problem.error_code,
        conflicts=problem.error_details.conflicts if problem.error_details else (),
    )


def _kind(status: int, code: str | None, *, writing: bool) -> type[NessieError]:
    by_code = {
        "REFERENCE_NOT_FOUND": ReferenceMissing,
        "CONTENT_NOT_FOUND": ContentMissing,
        "NAMESPACE_NOT_FOUND": ContentMissing,
        "REFERENCE_ALREADY_EXISTS": ReferenceExists,
    }
    if code in by_code:
        return by_code[code]
    by_status = {401: NessieUnauthorized, 403: NessieUnauthorized, 409: ReferenceConflict, 429: NessieUnavailable}
    if status in by_status:
        return by_status[status]
    if status >= 500 and writing:
        return OutcomeUnknown
    if status in (502, 503, 504):
        return NessieUnavailable
    return NessieRefused if 300 <= status < 500 else NessieError

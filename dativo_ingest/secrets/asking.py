"""Questions to a secret manager over HTTP: each ends in time, follows no redirect, and fails without a value shown."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from dativo_ingest.errors import OrchestratorError

SECONDS = (5.0, 10.0)
"""To connect, and to wait for an answer."""
_PASSING = (429, 500, 502, 503, 504)


def refused(manager: str, what: str, setting: str) -> OrchestratorError:
    """Return the error of a manager that cannot be used, with the setting to look at."""
    return OrchestratorError(f"secret manager '{manager}' {what}", f"check {setting}")


class Server:
    """A manager at its address. Twice it is asked again for what may pass: no answer, too many requests, 5xx."""

    def __init__(self, manager: str, address: str, setting: str, verify: str = "") -> None:
        self._manager = manager
        self._address = address.rstrip("/")
        self._setting = setting
        self._session = requests.Session()
        self._session.auth = _as_it_is
        # Given to each request: a session's own gives way to REQUESTS_CA_BUNDLE.
        self._verify = verify or None
        # A server's Retry-After could be an hour.
        retry = Retry(
            total=2,
            backoff_factor=0.2,
            status_forcelist=_PASSING,
            allowed_methods=None,
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def __enter__(self) -> Server:
        """Return the server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._session.close()

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Return status and JSON object of an answer.

        Raises:
            OrchestratorError: there is none, or it is none of a manager's.

        """
        try:
            answer = self._session.request(
                method,
                f"{self._address}{path}",
                headers=headers,
                json=body,
                timeout=SECONDS,
                allow_redirects=False,
                verify=self._verify,
            )
        except (requests.RequestException, ValueError, OSError) as error:
            raise refused(self._manager, f"does not answer ({type(error).__name__})", self._setting) from None
        if answer.status_code in _PASSING:
            raise refused(self._manager, f"fails (status {answer.status_code})", f"the server, and {self._setting}")
        if 300 <= answer.status_code < 400:
            raise refused(self._manager, f"sends elsewhere (status {answer.status_code})", self._setting)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise refused(self._manager, f"answers no JSON (status {answer.status_code})", self._setting)
        return answer.status_code, found


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep a `.netrc` from adding a sign-in."""
    return request

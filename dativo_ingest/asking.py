"""Questions over HTTP in JSON: each ends in time, follows no redirect, and fails without a value shown."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from dativo_ingest.errors import OrchestratorError

SECONDS = (5.0, 10.0)
"""To connect, and to wait for an answer."""
_PASSING = (429, 500, 502, 503, 504)


def trouble(who: str, what: str, setting: str) -> OrchestratorError:
    """Return the error of a server that cannot be used (`who` and `what` make a sentence), with what to look at."""
    return OrchestratorError(f"{who} {what}", f"check {setting}")


class Server:
    """A server at its address, asked again for what may pass: no answer, too many requests, 5xx.

    Args:
        who: what it is, for messages.
        address: the start of all its URLs.
        setting: where the address comes from, for messages.
        verify: a file of certificates to trust, empty for the usual ones.
        again: how often it is asked again.

    """

    def __init__(self, who: str, address: str, setting: str, verify: str = "", again: int = 2) -> None:
        self._who = who
        self._address = address.rstrip("/")
        self._setting = setting
        self._session = requests.Session()
        self._session.auth = as_it_is
        # Given to each request: a session's own gives way to REQUESTS_CA_BUNDLE.
        self._verify = verify or None
        # A server's Retry-After could be an hour.
        retry = Retry(
            total=again,
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
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Return status and JSON object of an answer; one that says yes and nothing else is an empty object.

        Raises:
            OrchestratorError: there is none, or it is no JSON object.

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
            raise trouble(self._who, f"does not answer ({type(error).__name__})", self._setting) from None
        if answer.status_code in _PASSING:
            raise trouble(self._who, f"fails (status {answer.status_code})", f"the server, and {self._setting}")
        if 300 <= answer.status_code < 400:
            raise trouble(self._who, f"sends elsewhere (status {answer.status_code})", self._setting)
        try:
            found = answer.json() if answer.content or not answer.ok else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise trouble(self._who, f"answers no JSON (status {answer.status_code})", self._setting)
        return answer.status_code, found


def as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep a `.netrc` from adding a sign-in."""
    return request

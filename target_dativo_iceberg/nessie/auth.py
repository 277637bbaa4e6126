"""Authorization at Nessie: a fixed bearer token, or an OAuth2 client that gets its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from urllib.parse import quote_plus

import msgspec
import requests
from requests.auth import AuthBase, HTTPBasicAuth

from target_dativo_iceberg.nessie.errors import NessieError, NessieUnauthorized, NessieUnavailable

_EXPIRY_MARGIN_SECONDS = 30.0
_ASSUMED_LIFETIME_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A fixed token."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """An OAuth2 client that gets its own tokens (grant `client_credentials`)."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None


Credentials = BearerToken | ClientCredentials


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = _ASSUMED_LIFETIME_SECONDS


class Authorization(AuthBase):
    """Adds the bearer token; being there even without one, it keeps `requests` from sending a .netrc password."""

    def __init__(self, credentials: Credentials | None, timeout: tuple[float, float]):
        self._credentials = credentials
        self._timeout = timeout
        self._token = ""
        self._expiry = 0.0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token, fetched or renewed where needed; NessieUnauthorized when none can be had."""
        token = self._current_token()
        if token:
            request.headers["Authorization"] = f"Bearer {_checked(token)}"
        return request

    def forget(self) -> bool:
        """Drop the token that was refused; True when another can be had."""
        self._expiry = 0.0
        return isinstance(self._credentials, ClientCredentials)

    def _current_token(self) -> str:
        if self._credentials is None:
            return ""
        if isinstance(self._credentials, BearerToken):
            return self._credentials.token
        if time.monotonic() >= self._expiry:
            asked = time.monotonic()
            answer = self._ask(self._credentials)
            self._token = answer.access_token
            # a token that lives shorter than the margin is used at least for the call it was asked for
            self._expiry = asked + answer.expires_in - _EXPIRY_MARGIN_SECONDS
        return self._token

    def _ask(self, client: ClientCredentials) -> _TokenAnswer:
        form = {"grant_type": "client_credentials"} | ({"scope": client.scope} if client.scope else {})
        basic = HTTPBasicAuth(quote_plus(client.client_id), quote_plus(client.client_secret))
        try:
            answer = requests.post(
                client.token_url, data=form, auth=basic, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise NessieUnavailable(f"The OAuth2 token server gave no answer ({type(error).__name__})") from error
        if answer.status_code != 200:
            raise _token_refusal(answer.status_code)
        try:
            return msgspec.json.decode(answer.content, type=_TokenAnswer, strict=False)
        except msgspec.DecodeError:
            # the cause may quote the answer, and the answer may hold a token
            raise NessieUnauthorized("The OAuth2 token server answered without a usable access token") from None


def _token_refusal(status: int) -> NessieError:
    kind = NessieUnavailable if status >= 500 or status == 429 else NessieUnauthorized
    return kind(f"The OAuth2 token server answered {status}", status=status)


def _checked(token: str) -> str:
    # requests would quote a token it cannot send in its error
    clean = token.strip()
    if not clean.isascii() or not clean.isprintable() or " " in clean:
        raise NessieUnauthorized("The token for Nessie holds blanks or characters that no token has")
    return clean

"""Access tokens of a service account: a signed JWT is exchanged for one, by the library that Google keeps for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import requests

from tap_adapters.common.errors import ServiceError, SettingsError
from tap_adapters.google.settings import Access

if TYPE_CHECKING:
    from google.oauth2.service_account import Credentials


class TokenUnavailableError(Exception):
    """No token now; asking again later may help."""


class Tokens(requests.auth.AuthBase):
    """The token of a run, renewed when it ends or is refused. As `auth` of requests it also keeps a `.netrc` out."""

    def __init__(self, access: Access, scopes: Sequence[str]) -> None:
        self._access = access
        self._session = requests.Session()
        self._credentials = _credentials(access, scopes)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on a request."""
        request.headers["Authorization"] = f"Bearer {self._credentials.token}"
        return request

    def refresh(self, *, refused: bool = False) -> None:
        """Make sure of a valid token, of a new one if the last was refused.

        Raises ServiceError if the account is not accepted, TokenUnavailableError if the service does not answer.
        """
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - the extra may be missing
        from google.auth.transport.requests import Request  # noqa: PLC0415 - as above

        if self._credentials.valid and not refused:
            return
        try:
            transport = _Timed(Request(self._session), self._access.timeout)
            self._credentials.refresh(transport)  # type: ignore[no-untyped-call]
        except GoogleAuthError as error:
            if getattr(error, "retryable", False) or isinstance(error.__cause__, requests.RequestException):
                raise TokenUnavailableError from error
            raise ServiceError(
                f"The service account of '{self._access.origin}' was refused{_reason(error)}: its key may be revoked, "
                "its 'subject' not allowed, or this machine's clock wrong."
            ) from error


class _Timed:
    """A transport of google-auth whose requests all have the timeout of the settings."""

    def __init__(self, request: Any, timeout: float) -> None:
        self._request = request
        self._timeout = timeout

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._request(*arguments, **{**options, "timeout": self._timeout})


def _credentials(access: Access, scopes: Sequence[str]) -> Credentials:
    try:
        from google.oauth2.service_account import Credentials  # noqa: PLC0415 - the extra may be missing
    except ImportError as error:
        raise SettingsError("The package google-auth is missing: install 'target-dativo-iceberg[google]'.") from error
    try:
        return Credentials.from_service_account_info(  # type: ignore[no-any-return, no-untyped-call]
            dict(access.account), scopes=list(scopes), subject=access.subject
        )
    except ValueError as error:
        raise SettingsError(f"Setting '{access.origin}': its private_key cannot be read.") from error


def _reason(error: Exception) -> str:
    """Return the code of OAuth 2.0 for a refusal, which quotes nothing of the request."""
    response = error.args[1] if len(error.args) > 1 else None
    code = response.get("error") if isinstance(response, dict) else None
    return f" ({code})" if isinstance(code, str) and code.replace("_", "").isalpha() else ""

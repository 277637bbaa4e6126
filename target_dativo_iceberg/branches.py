"""Nessie branches as the loader needs them: the tenant's branch, made if missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from target_dativo_iceberg.errors import SettingsError, StoreError, UnknownOutcomeError
from target_dativo_iceberg.nessie import (
    Authorization,
    BearerToken,
    ClientCredentials,
    Credentials,
    NessieClient,
    NessieError,
    NessieRefused,
    NessieUnauthorized,
    OutcomeUnknown,
    ReferenceExists,
    ReferenceMissing,
)
from target_dativo_iceberg.settings import Settings


def client(settings: Settings) -> NessieClient:
    """Return a client of the settings' Nessie server."""
    assert settings.nessie_uri is not None
    return NessieClient(settings.nessie_uri, credentials=_credentials(settings), timeout=_timeout(settings))


def sign_in(settings: Settings) -> Authorization:
    """Return the same way in for calls that are not the client's: PyIceberg's."""
    return _SignIn(_credentials(settings), _timeout(settings))


class _SignIn(Authorization):
    """Raises our errors, which pass through PyIceberg as they are."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        with nessie_errors("signing in at Nessie"):
            return super().__call__(request)


def _timeout(settings: Settings) -> tuple[float, float]:
    return 3.05, float(settings.request_timeout_seconds)


def _credentials(settings: Settings) -> Credentials | None:
    if settings.nessie_token:
        return BearerToken(settings.nessie_token)
    if settings.nessie_oauth_client_id and settings.nessie_oauth_client_secret and settings.nessie_oauth_token_uri:
        return ClientCredentials(
            token_url=settings.nessie_oauth_token_uri,
            client_id=settings.nessie_oauth_client_id,
            client_secret=settings.nessie_oauth_client_secret,
            scope=settings.nessie_oauth_scope,
        )
    return None


def ensure_branch(settings: Settings) -> None:
    """Make the branch that is written, from the base branch's head, unless it is there.

    Raises:
        SettingsError: the base branch does not exist, or the credentials are refused.
        StoreError: the server did not answer.

    """
    name = settings.nessie_branch
    with nessie_errors(f"opening branch '{name}'"), client(settings) as nessie:
        for last in (False, True):
            try:
                nessie.reference(name)
            except ReferenceMissing:
                try:
                    _make_branch(nessie, name, settings.base_branch)
                except OutcomeUnknown:
                    if last:
                        raise
                    continue  # look again whether it was made
            return


def _make_branch(nessie: NessieClient, name: str, base: str | None) -> None:
    base = base or nessie.config().default_branch
    try:
        nessie.create_branch(name, nessie.reference(base))
    except ReferenceExists:
        return  # another run of the tenant made it at the same moment
    except ReferenceMissing as error:
        raise SettingsError(
            f"branch '{name}' cannot be made: base branch '{base}' does not exist", "check base_branch"
        ) from error


@contextmanager
def nessie_errors(doing: str) -> Iterator[None]:
    """Turn Nessie's errors into ours."""
    try:
        yield
    except NessieUnauthorized as error:
        raise SettingsError(
            f"{doing} failed: the credentials are not accepted, or do not allow it ({error.status})",
            "check nessie_token, or the nessie_oauth_… settings, and what they may do at the server",
        ) from error
    except NessieRefused as error:
        raise SettingsError(f"{doing} failed: Nessie refused", str(error)) from error
    except OutcomeUnknown as error:
        raise UnknownOutcomeError(f"{doing} failed: {error}", "check the Nessie server, then run again") from error
    except NessieError as error:
        raise StoreError(f"{doing} failed: {error}", "check the Nessie server, then run again") from error

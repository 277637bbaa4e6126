"""Requests to Google's services: a token, a timeout, retries with pauses where they can help, errors in our words."""

from __future__ import annotations

import email.utils
import logging
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import requests

from tap_adapters.common.errors import FileError, ServiceError
from tap_adapters.google.settings import Access
from tap_adapters.google.token import Tokens, TokenUnavailableError

TRANSIENT = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
RETRIED = {408, 429, 500, 502, 503, 504}
QUOTA_REASONS = {
    "ratelimitexceeded", "userratelimitexceeded", "rate_limit_exceeded", "resource_exhausted", "backenderror",
    "sharingratelimitexceeded", "internalerror",
}  # fmt: skip
DISABLED_REASONS = {"accessnotconfigured", "service_disabled"}
DAILY_REASONS = {"dailylimitexceeded", "dailylimitexceededunreg"}
LONGEST_RETRY_AFTER = 600.0
"""A service may ask for a longer pause than `retry_max_ms`, up to this many seconds."""


class Client:
    """Sends requests until they are answered, or it is certain that they will not be."""

    def __init__(self, access: Access, scopes: Sequence[str], log: logging.Logger) -> None:
        self._access = access
        self._tokens = Tokens(access, scopes)
        self._log = log
        self._session = requests.Session()
        self._session.auth = self._tokens

    def json(self, url: str, params: Mapping[str, Any], what: str) -> dict[str, Any]:
        """Return the JSON object that a URL answers with; `what` names it in errors."""
        try:
            return msgspec.json.decode(self._get(url, params, what).content, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise ServiceError(f"{what}: the answer is not the JSON object that was expected.") from error

    def open(self, url: str, params: Mapping[str, Any], what: str, headers: Mapping[str, str]) -> requests.Response:
        """Return the open answer of a URL, its body unread."""
        return self._get(url, params, what, headers=headers, stream=True)

    def pause(self, attempt: int, what: str, why: str, retry_after: str | None) -> None:
        """Wait before another try; ServiceError if that was the last."""
        if attempt >= self._access.max_retries:
            raise ServiceError(f"{what}: no answer after {attempt + 1} tries ({why}); run again later.")
        seconds = pause_seconds(attempt, retry_after, self._access.retry_initial, self._access.retry_max)
        self._log.warning("%s: %s; trying again in %.1f s.", what, why, seconds)
        time.sleep(seconds)

    def _get(self, url: str, params: Mapping[str, Any], what: str, **options: Any) -> requests.Response:
        attempt, renewed = 0, False
        while True:
            try:
                self._tokens.refresh()
                response = self._session.get(url, params=params, timeout=self._access.timeout, **options)
            except TokenUnavailableError:
                self.pause(attempt, what, "no access token", None)
            except TRANSIENT as error:
                self.pause(attempt, what, _kind(error), None)
            except requests.RequestException as error:
                raise ServiceError(f"{what}: the request cannot be sent; check the URLs in the settings.") from error
            else:
                if response.ok:
                    return response
                reasons = _reasons(response)
                if response.status_code == 401 and not renewed:
                    renewed = True
                    self._renew(attempt, what)
                    continue
                if response.status_code not in RETRIED and not (
                    response.status_code == 403 and reasons & QUOTA_REASONS
                ):
                    raise self._refusal(response.status_code, reasons, what)
                why = f"status {response.status_code}"
                self.pause(attempt, what, why, response.headers.get("Retry-After"))
            attempt += 1

    def _renew(self, attempt: int, what: str) -> None:
        try:
            self._tokens.refresh(refused=True)
        except TokenUnavailableError:
            self.pause(attempt, what, "no access token", None)

    def _refusal(self, status: int, reasons: set[str], what: str) -> Exception:
        account = f"the service account of '{self._access.origin}'"
        if status == 401:
            return ServiceError(f"{what}: the token of {account} is not accepted (401); check the account.")
        if status == 404:
            return FileError(f"{what}: there is none, or it is not shared with {account} (404).")
        if status == 403 and reasons & DISABLED_REASONS:
            return ServiceError(f"{what}: the API is not enabled in the project of {account} (403); enable it.")
        if status == 403 and reasons & DAILY_REASONS:
            return ServiceError(f"{what}: the quota of the day is used up (403); run again tomorrow.")
        if status == 403:
            return FileError(f"{what}: {account} may not read it (403); share it with the account.")
        return ServiceError(f"{what}: the request was refused with status {status}; check the settings of this entry.")


def pause_seconds(attempt: int, retry_after: str | None, initial: float, longest: float) -> float:
    """Return how long to wait before a try: what the service asks for, else a pause that doubles, with jitter."""
    asked = _asked_seconds(retry_after)
    if asked is not None:
        return min(asked, max(longest, LONGEST_RETRY_AFTER))
    return min(longest, initial * 2.0 ** min(attempt, 32)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _asked_seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a `Retry-After`, which is a number or a moment."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _reasons(response: requests.Response) -> set[str]:
    """Return the reasons that an error answer gives, in lower case: of the older form and of the newer."""
    try:
        error = msgspec.json.decode(response.content, type=dict[str, Any]).get("error")
    except (msgspec.DecodeError, requests.RequestException):
        return set()
    if not isinstance(error, dict):
        return set()
    details = [item for name in ("errors", "details") for item in error.get(name) or [] if isinstance(item, dict)]
    found = [error.get("status"), *(item.get("reason") for item in details)]
    return {reason.lower() for reason in found if isinstance(reason, str)}


def _kind(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the service's certificate or its TLS was not accepted"
    return "the connection failed"

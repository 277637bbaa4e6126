"""The settings of access to Google's services, alike for the taps that use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import singer_sdk.typing as th

from tap_adapters.common.checking import converted
from tap_adapters.common.errors import SettingsError

DRIVE_URL = "https://www.googleapis.com"
PROPERTIES = (
    th.Property(
        "credentials_json",
        th.StringType,
        secret=True,
        title="Service account",
        description="The JSON key of a service account, as text. This or `credentials_path` is required.",
    ),
    th.Property(
        "credentials_path",
        th.StringType,
        title="Path of the service account",
        description="The path of a file that holds the JSON key of a service account.",
    ),
    th.Property(
        "subject",
        th.StringType,
        title="Subject",
        description="The user on whose behalf to read, if the service account may (domain-wide delegation).",
    ),
    th.Property(
        "drive_url", th.StringType, default=DRIVE_URL, title="Drive URL", description="Base URL of the Drive API."
    ),
    th.Property(
        "token_url",
        th.StringType,
        title="Token URL",
        description="URL that gives access tokens. Default: the `token_uri` of the service account.",
    ),
    th.Property(
        "request_timeout_seconds",
        th.IntegerType,
        default=60,
        title="Request timeout",
        description="How long to wait for an answer to begin, and for each piece of it.",
    ),
    th.Property(
        "max_retries",
        th.IntegerType,
        default=8,
        title="Most retries",
        description="How often a request is sent again after a quota error, a server's error or a lost connection.",
    ),
    th.Property(
        "retry_initial_ms",
        th.IntegerType,
        default=1000,
        title="First pause",
        description="Milliseconds before the first retry, doubled for each further one. A `Retry-After` goes first.",
    ),
    th.Property(
        "retry_max_ms",
        th.IntegerType,
        default=64_000,
        title="Longest pause",
        description="The longest pause between two tries, in milliseconds.",
    ),
)


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """The settings as written by the user."""

    credentials_json: str | None = None
    credentials_path: str | None = None
    subject: str | None = None
    drive_url: str | None = None
    token_url: str | None = None
    request_timeout_seconds: int = 60
    max_retries: int = 8
    retry_initial_ms: int = 1000
    retry_max_ms: int = 64_000


@dataclass(frozen=True, slots=True)
class Access:
    """How Google's services are reached; times in seconds. `origin` is the setting that the account came from."""

    account: Mapping[str, Any]
    origin: str
    subject: str | None
    drive_url: str
    timeout: float
    max_retries: int
    retry_initial: float
    retry_max: float

    def __repr__(self) -> str:
        """Leave the account out: it holds a private key."""
        return f"Access(origin={self.origin!r}, drive_url={self.drive_url!r})"


def read_access(config: Mapping[str, Any]) -> Access:
    """Return the access settings; SettingsError, which names the setting, if they are unusable."""
    names = _Given.__struct_fields__
    given = converted({name: config[name] for name in names if config.get(name) is not None}, _Given, "")
    for name in ("request_timeout_seconds", "retry_initial_ms", "retry_max_ms"):
        if getattr(given, name) < 1:
            raise SettingsError(f"Setting '{name}' must be 1 or more.")
    if given.max_retries < 0:
        raise SettingsError("Setting 'max_retries' must be 0 or more.")
    origin, account = _account(given)
    return Access(
        account={**account, "token_uri": checked_url(given.token_url or str(account["token_uri"]), "token_url")},
        origin=origin,
        subject=given.subject or None,
        drive_url=checked_url(given.drive_url or DRIVE_URL, "drive_url"),
        timeout=float(given.request_timeout_seconds),
        max_retries=given.max_retries,
        retry_initial=given.retry_initial_ms / 1000,
        retry_max=given.retry_max_ms / 1000,
    )


def checked_url(url: str, setting: str) -> str:
    """Return a base URL without a slash at its end. Plain http is for this machine only: it would show the token."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise SettingsError(f"Setting '{setting}' must be an https:// URL.")
    return url.rstrip("/")


def _account(given: _Given) -> tuple[str, dict[str, Any]]:
    if bool(given.credentials_json) == bool(given.credentials_path):
        raise SettingsError("Set 'credentials_json' or 'credentials_path', one of the two, to a service account.")
    origin = "credentials_json" if given.credentials_json else "credentials_path"
    text = given.credentials_json or _content(str(given.credentials_path))
    try:
        account = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise SettingsError(f"Setting '{origin}' holds no JSON object.") from error
    lacking = [name for name in ("client_email", "private_key", "token_uri") if not isinstance(account.get(name), str)]
    if lacking or account.get("type", "service_account") != "service_account":
        why = f"it lacks {', '.join(lacking)}" if lacking else "its type is another"
        raise SettingsError(f"Setting '{origin}' is not the JSON key of a service account: {why}.")
    return origin, account


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"Setting 'credentials_path': cannot read the file: {error.strerror}.") from error

"""Where alerts go: services that apprise knows by URL, and any server that takes JSON over HTTP. URLs are secrets."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import requests

from dativo_ingest.asking import as_it_is

if TYPE_CHECKING:
    from apprise import NotifyBase

EXTRA = "install target-dativo-iceberg[alerts]"
_WEB = ("http", "https")
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Message:
    """What is told: to people `title` and `text`, to programs `data`, which JSON can hold."""

    title: str
    text: str
    bad: bool
    data: dict[str, Any]


class Channel(Protocol):
    """A way to somebody."""

    @property
    def name(self) -> str:
        """What it is called in logs: nothing of its URL but the scheme."""

    def send(self, message: Message, seconds: float) -> str:
        """Send a message; return what went wrong, empty when it is delivered."""


class UnusableUrlError(Exception):
    """A URL that nothing can be sent to; neither text shows it. Its reader makes a problem of a file of it."""

    def __init__(self, problem: str, hint: str) -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(problem)


@dataclass(frozen=True)
class Webhook:
    """A server that gets the summary as JSON."""

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """The scheme."""
        return f"{urlsplit(self.url).scheme} webhook"

    def send(self, message: Message, seconds: float) -> str:
        """Post it; a redirect is not followed."""
        waits = (min(_CONNECT_SECONDS, seconds), seconds)
        try:
            with requests.Session() as session:
                session.auth = as_it_is
                answer = session.post(self.url, json=message.data, timeout=waits, allow_redirects=False)
        except (requests.RequestException, ValueError, OSError) as error:
            return f"no answer ({type(error).__name__})"
        return "" if answer.ok and not answer.is_redirect else f"status {answer.status_code}"


@dataclass(frozen=True)
class Service:
    """A service that apprise knows."""

    kind: str
    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """The kind of service: in many of these URLs the host is a token."""
        return self.kind

    def send(self, message: Message, seconds: float) -> str:
        """Have apprise send it."""
        from apprise import NotifyType  # noqa: PLC0415 - an extra

        found = _known(self.url)
        if found is None:
            return "apprise does not know it any more"
        kind = NotifyType.FAILURE if message.bad else NotifyType.SUCCESS
        try:
            sent = found.notify(body=message.text, title=message.title, notify_type=kind)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            return type(error).__name__
        return "" if sent else "it was not taken"


def channel_of(url: str) -> Channel:
    """Return where a URL leads.

    Raises:
        UnusableUrlError: nothing can be sent there.

    """
    try:
        scheme, host = urlsplit(url).scheme.lower(), urlsplit(url).hostname
    except ValueError:
        scheme, host = "", None
    # What stands before a colon alone may be half of a secret, so it is not named.
    if "://" not in url or not scheme.isalnum():
        raise UnusableUrlError("it is no URL", "write it as scheme://…, or as ${NAME} of a secret that is one")
    if find_spec("apprise") is None:
        if scheme not in _WEB:
            raise UnusableUrlError(f"scheme '{scheme}' needs apprise", EXTRA)
    elif _known(url) is not None:
        return Service(scheme, url)
    elif scheme not in _WEB:
        raise UnusableUrlError(f"apprise cannot use it as a URL of '{scheme}'", "see apprise's page of that service")
    if not host:
        raise UnusableUrlError("it has no host", "write https://host/path")
    return Webhook(url)


def _known(url: str) -> NotifyBase | None:
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - an extra

    # It logs hosts and paths, in which tokens may stand: what went wrong is said by our events.
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    found = Apprise.instantiate(url, asset=AppriseAsset(plugin_paths=[], secure_logging=True), suppress_exceptions=True)
    return found if found is not None and hasattr(found, "notify") else None

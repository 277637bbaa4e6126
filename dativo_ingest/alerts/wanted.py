"""What is wanted of alerts for a job: the runner file's `notify` under the job's own, URLs filled in and tried out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dativo_ingest.alerts.channels import Channel, UnusableUrlError, channel_of
from dativo_ingest.documents import Document, Way
from dativo_ingest.errors import ConfigError, Problem
from dativo_ingest.jobs import JobFile
from dativo_ingest.models.notify import Notify, seconds_of
from dativo_ingest.recipes import again, given
from dativo_ingest.runner import read_runner
from dativo_ingest.variables import Variables, expanded

_FIELDS = ("notify.urls[*",)
# A shorter text behind the host is no token, and would hide half of every message.
_SHORT = 8
_URLS: Way = ("notify", "urls")


@dataclass(frozen=True)
class Wanted:
    """Who is told of a job's runs, and of which.

    Attributes:
        on: kinds of ends.
        channels: where to, by URL, which is never shown.
        threshold_pct: share of records in quarantine above which it is told, or None.
        no_success_seconds: how long ago the last success may be, or None.
        timeout_seconds: how long sending may take.

    """

    on: frozenset[str]
    channels: dict[str, Channel]
    threshold_pct: float | None = None
    no_success_seconds: int | None = None
    timeout_seconds: float = 15.0

    def __repr__(self) -> str:
        """Without URLs."""
        return f"Wanted({', '.join(sorted(self.on))}; {len(self.channels)} URLs)"


@dataclass(frozen=True)
class Common:
    """The runner file's `notify`."""

    document: Document
    notify: Notify


def common_of(runner: Path | None) -> Common | None:
    """Return what a runner file says of alerts, None when it says nothing.

    Raises:
        ConfigError: the file is wrong.

    """
    if runner is None:
        return None
    document, found = read_runner(runner)
    return Common(document, found.notify) if found.notify is not None else None


def wanted_of(file: JobFile | None, common: Common | None, variables: Variables) -> Wanted | None:
    """Return what is wanted for a job; None when nobody is to be told.

    Args:
        file: the job's; None for a job that cannot be read.
        common: of the runner file.
        variables: what the URLs may name.

    Raises:
        ConfigError: a URL cannot be used, or names a variable that is not set.

    """
    own = file.job.notify if file is not None else None
    if own is None and common is None:
        return None
    base = given(common.notify) if common is not None else {}
    notify = again(common.notify if common is not None else Notify(), base | (given(own) if own is not None else {}))
    document = common.document if common is not None else None
    if file is not None and own is not None and "urls" in own.model_fields_set:
        document = file.document
    if not notify.urls or document is None:
        return None
    urls: list[str] = expanded({"notify": {"urls": notify.urls}}, document, variables, _FIELDS)["notify"]["urls"]
    for url in urls:
        _hide(url, variables)
    channels: dict[str, Channel] = {}
    problems = list(_tried(urls, channels, document))
    if problems:
        raise ConfigError(problems)
    span = notify.no_success_since
    return Wanted(
        frozenset(notify.on),
        channels,
        notify.threshold_pct,
        seconds_of(span) if span is not None else None,
        notify.timeout_seconds,
    )


def _hide(url: str, variables: Variables) -> None:
    """Have a URL hidden in all output, and what stands before and behind its host, where tokens do."""
    variables.told(url)
    host, _, path = url.partition("://")[2].partition("/")
    for part in (path, host.rpartition("@")[0]):
        if len(part) > _SHORT:
            variables.told(part)


def _tried(urls: list[str], channels: dict[str, Channel], document: Document) -> Iterator[Problem]:
    for number, url in enumerate(urls):
        try:
            channels[url] = channel_of(url)
        except UnusableUrlError as error:
            message = f"'notify.urls[{number}]' cannot be used: {error.problem}"
            yield document.problem((*_URLS, number), message, error.hint)

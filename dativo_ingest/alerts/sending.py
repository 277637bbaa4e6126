"""Messages on their way: all URLs at once, within a time; what fails is a warning and changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dativo_ingest.alerts.channels import Channel, Message
from dativo_ingest.alerts.messages import Told, message_of
from dativo_ingest.alerts.wanted import Wanted
from dativo_ingest.events import Events


@dataclass
class _Post:
    """What goes to one URL."""

    channel: Channel
    seconds: float = 0.0
    told: list[Told] = field(default_factory=list)
    jobs: int = 0


def tell(told: Sequence[tuple[Wanted, Told | None]], events: Events, call_id: str = "") -> int:
    """Send one message to each URL, of all that is told to it; return how many were delivered.

    Args:
        told: for each job who is told, and what, None for nothing.
        events: are told what was sent (`alert_sent`) and what was not (`alert_failed`).
        call_id: of `dativo run`.

    """
    posts: dict[str, _Post] = {}
    for wanted, one in told:
        for url, channel in wanted.channels.items():
            post = posts.setdefault(url, _Post(channel))
            post.seconds = max(post.seconds, wanted.timeout_seconds)
            post.jobs += 1
            post.told += [one] if one is not None else []
    due = [post for post in posts.values() if post.told]
    return send([(p.channel, message_of(p.told, p.jobs, call_id), p.seconds) for p in due], events)


def send(messages: Sequence[tuple[Channel, Message, float]], events: Events) -> int:
    """Send messages, each within its seconds; return how many were delivered."""
    threads = []
    results: dict[int, str] = {}
    begun = time.monotonic()
    for number, (channel, message, seconds) in enumerate(messages):
        clean = _clean(message, events)
        work = threading.Thread(target=_sent, args=(channel, clean, seconds, number, results), daemon=True)
        work.start()
        threads.append(work)
    delivered = 0
    for number, (channel, message, seconds) in enumerate(messages):
        threads[number].join(max(0.0, begun + seconds - time.monotonic()))
        problem = results.get(number, f"it took longer than {seconds:g} s")
        if problem:
            events.warn("alert_failed", f"alert to {channel.name} was not delivered: {problem}", channel=channel.name)
        else:
            delivered += 1
            events.say("alert_sent", f"alert to {channel.name}: {message.title}", channel=channel.name)
    return delivered


def _sent(channel: Channel, message: Message, seconds: float, number: int, results: dict[int, str]) -> None:
    try:
        results[number] = channel.send(message, seconds)
    except Exception as error:  # a plugin of apprise's may raise anything; the run is over and stays what it was
        results[number] = type(error).__name__


def _clean(message: Message, events: Events) -> Message:
    """Hide known secrets in all that is sent."""
    hide = events.redactor.clean
    data = {key: hide(value) if isinstance(value, str) else value for key, value in message.data.items()}
    jobs = [{k: hide(v) if isinstance(v, str) else v for k, v in job.items()} for job in message.data["jobs"]]
    return replace(message, title=hide(message.title), text=hide(message.text), data=data | {"jobs": jobs})

"""Times at which a scheduler is to run jobs: what a model cannot see of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from zoneinfo import available_timezones

from dativo_ingest.documents import Document, Way, nearest
from dativo_ingest.errors import Problem
from dativo_ingest.models.timing import Timing

_CRON = re.compile(r"@(annually|yearly|monthly|weekly|daily|midnight|hourly)|([\w*/,?#-]+\s+){4}[\w*/,?#-]+")

# What the numbers of each field may be; steps (behind `/`) and counts (behind `#`) are none.
_LEAST_AND_MOST = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NUMBER = re.compile(r"(?<![\d/#])\d+")


def _is_cron(text: str) -> bool:
    """Whether a scheduler can read it: its fields, and the numbers in them."""
    if not _CRON.fullmatch(text):
        return False
    ranges = () if text.startswith("@") else zip(text.split(), _LEAST_AND_MOST, strict=True)
    return all(low <= int(number) <= most for field, (low, most) in ranges for number in _NUMBER.findall(field))


def problems(document: Document, way: Way, timing: Timing) -> Iterator[Problem]:
    """Yield cron texts that are none, and zones that do not exist; `way` leads to the times in their file."""
    if timing.cron is not None and not _is_cron(timing.cron.strip()):
        message = f"cron '{timing.cron}' is not right"
        yield document.problem((*way, "cron"), message, "write five fields, as '0 6 * * *'")
    zones = _zones()
    if zones and timing.timezone not in zones:
        message = f"timezone '{timing.timezone}' is not known"
        yield document.problem((*way, "timezone"), message, nearest(timing.timezone, zones))


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))

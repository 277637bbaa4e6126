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


def problems(document: Document, way: Way, timing: Timing) -> Iterator[Problem]:
    """Yield cron texts that are none, and zones that do not exist; `way` leads to the times in their file."""
    if timing.cron is not None and not _CRON.fullmatch(timing.cron.strip()):
        message = f"cron '{timing.cron}' is not right"
        yield document.problem((*way, "cron"), message, "write five fields, as '0 6 * * *'")
    zones = _zones()
    if zones and timing.timezone not in zones:
        message = f"timezone '{timing.timezone}' is not known"
        yield document.problem((*way, "timezone"), message, nearest(timing.timezone, zones))


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))

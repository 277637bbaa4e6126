"""Who is told of runs, and of which."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tap_adapters.shape import Shape, Text

Span = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}(s|m|h|d)$")]
Share = Annotated[float, Field(ge=0, le=100, strict=False)]
Patience = Annotated[float, Field(gt=0, le=120, strict=False)]
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Notify(Shape):
    """Who is told of runs (docs/reports-and-alerts.md). What a job says of it goes before what the runner file says.

    `on`: `failure`, `partial`, `recovered` (good or in part after a failure). `threshold_pct`: more than this share of
    the records read is in quarantine. `no_success_since`: a job's last good run is longer ago (`90m`, `26h`, `7d`).
    """

    on: list[Literal["failure", "partial", "recovered"]] = ["failure", "partial", "recovered"]
    urls: list[Text] = []
    threshold_pct: Share | None = None
    no_success_since: Span | None = None
    timeout_seconds: Patience = 15.0


def seconds_of(span: str) -> int:
    """Return the seconds of `90m`, `26h` or `7d`."""
    return int(span[:-1]) * _SECONDS[span[-1]]

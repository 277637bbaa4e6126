"""When a scheduler runs a job: said by the job itself, or by a runner file for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from tap_adapters.shape import Shape, Text

One = Annotated[int, Field(ge=1)]


class Timing(Shape):
    """Times of a job: either `cron` or `interval_seconds`. `timezone` is that of `cron`."""

    cron: Text | None = None
    interval_seconds: One | None = None
    enabled: bool = True
    timezone: Text = "UTC"
    max_concurrent_runs: One = 1
    tags: dict[str, str] = {}

    @model_validator(mode="after")
    def _timed(self) -> Timing:
        if (self.cron is None) == (self.interval_seconds is None):
            raise ValueError("a schedule has either cron or interval_seconds")
        return self

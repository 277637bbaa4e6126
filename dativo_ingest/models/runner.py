"""The runner file: which jobs an existing scheduler is to run, and when. `dativo` itself schedules nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dativo_ingest.models.notify import Notify
from tap_adapters.shape import Shape, Text

One = Annotated[int, Field(ge=1)]


class Schedule(Shape):
    """A job (`config`, its path from `--root`) and its times: either `cron` or `interval_seconds`."""

    name: Text
    config: Text
    cron: Text | None = None
    interval_seconds: One | None = None
    enabled: bool = True
    timezone: Text = "UTC"
    max_concurrent_runs: One = 1
    tags: dict[str, str] = {}

    @model_validator(mode="after")
    def _timed(self) -> Schedule:
        if (self.cron is None) == (self.interval_seconds is None):
            raise ValueError("a schedule has either cron or interval_seconds")
        return self


class Orchestrator(Shape):
    """The scheduler."""

    type: Text = "dagster"
    schedules: list[Schedule] = []
    concurrency_per_tenant: One = 1


class Runner(Shape):
    """How jobs are run (`oneshot` now, `orchestrated` by a scheduler), and who is told of their runs.

    `metrics_dir` is a folder for Prometheus textfiles, its path from `--root`.
    """

    mode: Literal["orchestrated", "oneshot"] = "orchestrated"
    orchestrator: Orchestrator = Orchestrator()
    notify: Notify | None = None
    metrics_dir: Text | None = None

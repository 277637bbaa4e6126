"""The runner file: which jobs an existing scheduler is to run, and when. `dativo` itself schedules nothing."""

from __future__ import annotations

from typing import Literal

from dativo_ingest.models.notify import Notify
from dativo_ingest.models.timing import One, Timing
from tap_adapters.shape import Shape, Text


class Schedule(Timing):
    """A job (`config`, its path from `--root`) and its times: either `cron` or `interval_seconds`."""

    name: Text
    config: Text


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

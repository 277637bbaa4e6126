"""When loads are run: cron texts are schedules in their time zone, intervals are sensors."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from dativo_ingest.dagster.loads import plain
from dativo_ingest.dagster.plan import Times

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def schedule_of(times: Times, job_name: str) -> dg.ScheduleDefinition | dg.SensorDefinition:
    """Return what starts a load at its times.

    Raises:
        ConfigError: Dagster does not take the cron text.

    """
    timing, name = times.timing, plain(times.name)
    if timing.cron is None:
        assert timing.interval_seconds is not None
        return dg.SensorDefinition(
            name=name,
            job_name=job_name,
            evaluation_fn=_tick(times, job_name),
            minimum_interval_seconds=timing.interval_seconds,
            default_status=dg.DefaultSensorStatus.RUNNING if timing.enabled else dg.DefaultSensorStatus.STOPPED,
            description=f"every {timing.interval_seconds} s",
        )
    try:
        return dg.ScheduleDefinition(
            name=name,
            job_name=job_name,
            cron_schedule=timing.cron,
            execution_timezone=timing.timezone,
            execution_fn=_tick(times, job_name),
            default_status=dg.DefaultScheduleStatus.RUNNING if timing.enabled else dg.DefaultScheduleStatus.STOPPED,
        )
    except dg.DagsterInvalidDefinitionError:
        message = f"cron '{timing.cron}' is not taken by Dagster"
        raise times.document.error((*times.way, "cron"), message, "write five fields, as '0 6 * * *'") from None


Context = dg.ScheduleEvaluationContext | dg.SensorEvaluationContext


def _tick(times: Times, job_name: str) -> Callable[[Context], dg.RunRequest | dg.SkipReason]:
    limit, tags = times.timing.max_concurrent_runs, {**times.load.tags, **_tags(times)}

    def tick(context: Context) -> dg.RunRequest | dg.SkipReason:
        """Ask for a run, unless enough of this job have not ended yet: late ones do not pile up."""
        wanted = dg.RunsFilter(job_name=job_name, statuses=_UNFINISHED)
        if context.instance.get_runs_count(wanted) >= limit:
            have = "1 run of {} has" if limit == 1 else f"{limit} runs of {{}} have"
            return dg.SkipReason(f"{have.format(job_name)} not ended yet")
        return dg.RunRequest(tags=tags)

    return tick


def _tags(times: Times) -> dict[str, str]:
    return {"dativo/schedule": plain(times.name), **times.timing.tags}

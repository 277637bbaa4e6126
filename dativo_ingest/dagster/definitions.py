"""A code location of Dagster, made from a folder of jobs and a runner file."""

from __future__ import annotations

import logging

import dagster as dg

from dativo_ingest.dagster.assets import asset_of
from dativo_ingest.dagster.loads import Load
from dativo_ingest.dagster.location import Location
from dativo_ingest.dagster.plan import read_plan
from dativo_ingest.dagster.schedules import schedule_of
from dativo_ingest.dagster.specs import assets_of

_LOG = logging.getLogger("dativo.dagster")


def definitions(location: Location, executor: dg.ExecutorDefinition = dg.in_process_executor) -> dg.Definitions:
    """Return assets, jobs, schedules and sensors of a location. Only YAML is read, no server and no secret is asked.

    Args:
        location: which jobs, and how they are run.
        executor: of each job. A job has one op, which needs no process or pod beside that of the run.

    Raises:
        ConfigError: the runner file is wrong, the folder is not there or holds no file, or neither is named.

    """
    plan = read_plan(location)
    for load in plan.loads:
        if load.problem:
            _LOG.warning("%s", load.problem)
    timed = [schedule_of(times, times.load.name) for times in plan.times]
    return dg.Definitions(
        assets=[asset_of(load, location) for load in plan.loads],
        jobs=[_job_of(load, executor) for load in plan.loads],
        schedules=[one for one in timed if isinstance(one, dg.ScheduleDefinition)],
        sensors=[one for one in timed if isinstance(one, dg.SensorDefinition)],
    )


def _job_of(load: Load, executor: dg.ExecutorDefinition) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        load.name,
        selection=dg.AssetSelection.assets(*(spec.key for spec in assets_of(load))),
        tags=load.tags,
        executor_def=executor,
    )

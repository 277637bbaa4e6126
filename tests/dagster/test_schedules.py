"""When Dagster runs jobs: its own clock is asked, in time zones and over changes of the clock."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from dativo_ingest.errors import ConfigError
from tests.dagster.conftest import Defs
from tests.dativo.project import Project


@pytest.fixture(scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        yield made


@pytest.fixture
def instance(_kept: dg.DagsterInstance) -> dg.DagsterInstance:
    """An instance that knows of no run."""
    _kept.wipe()
    return _kept


BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = {"name": "nightly", "config": "jobs/acme/orders.yaml", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}
OFTEN = {"name": "often", "config": "jobs/initech/orders.yaml", "interval_seconds": 5400, "tags": {"team": "blue"}}


def _runner(*schedules: dict[str, Any], wrapped: bool = False) -> dict[str, Any]:
    content = {"mode": "orchestrated", "orchestrator": {"schedules": list(schedules)}}
    return {"runner": content} if wrapped else content


def _times(schedule: dg.ScheduleDefinition, after: datetime, count: int) -> list[datetime]:
    """When Dagster would start runs, by its own calendar."""
    from dagster._utils.schedules import schedule_execution_time_iterator

    assert schedule.execution_timezone
    found = schedule_execution_time_iterator(after.timestamp(), schedule.cron_schedule, schedule.execution_timezone)
    return [moment.astimezone(UTC) for moment in itertools.islice(found, count)]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_cron_text_in_its_time_zone_over_both_changes_of_the_clock(
    twelve: Project, defs: Defs, instance: dg.DagsterInstance, wrapped: bool
) -> None:
    made = defs(_runner(NIGHTLY, wrapped=wrapped)).resolve_schedule_def("nightly")
    spring = _times(made, datetime(2026, 3, 28, tzinfo=BERLIN), 3)
    # 02:30 is not there on the 29th of March: the run is at 03:00, the first moment after it; then it is summer.
    assert [f"{moment:%d %H:%M}" for moment in spring] == ["28 01:30", "29 01:00", "30 00:30"]
    autumn = _times(made, datetime(2026, 10, 24, tzinfo=BERLIN), 3)
    # 02:30 is there twice on the 25th of October: one run.
    assert [moment.astimezone(BERLIN).day for moment in autumn] == [24, 25, 26]
    context = dg.build_schedule_context(instance, scheduled_execution_time=spring[0])
    (request,) = made.evaluate_tick(context).run_requests or []
    assert made.job_name == "acme___orders"
    assert request.tags["dativo/tenant"] == "acme"
    assert made.default_status is dg.DefaultScheduleStatus.RUNNING


def test_an_interval_that_no_cron_text_says(twelve: Project, defs: Defs, instance: dg.DagsterInstance) -> None:
    made = defs(_runner(OFTEN, NIGHTLY | {"enabled": False}))
    sensor = made.resolve_sensor_def("often")
    assert sensor.minimum_interval_seconds == 5400
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert made.resolve_schedule_def("nightly").default_status is dg.DefaultScheduleStatus.STOPPED
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance) as context:
        (request,) = sensor.evaluate_tick(context).run_requests or []
    assert sensor.job_name == "initech___orders"
    ours = {"dativo/tenant": "initech", "dativo/job": "orders", "dativo/schedule": "often", "team": "blue"}
    assert request.tags == ours | {"dagster/sensor_name": "often"}


def test_runs_that_have_not_ended_do_not_pile_up(twelve: Project, defs: Defs, instance: dg.DagsterInstance) -> None:
    made = defs(_runner(NIGHTLY, OFTEN | {"max_concurrent_runs": 2}))
    nightly, often = made.resolve_schedule_def("nightly"), made.resolve_sensor_def("often")
    job = made.resolve_job_def("acme___orders")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    instance.create_run_for_job(made.resolve_job_def("initech___orders"), status=dg.DagsterRunStatus.STARTING)
    context = dg.build_schedule_context(instance, scheduled_execution_time=datetime(2026, 3, 1, tzinfo=UTC))
    late = nightly.evaluate_tick(context)
    assert (late.run_requests, late.skip_message) == ([], "1 run of acme___orders has not ended yet")
    with dg.build_sensor_context(instance) as other:
        assert len(often.evaluate_tick(other).run_requests or []) == 1
    instance.report_run_canceled(run)
    assert len(nightly.evaluate_tick(context).run_requests or []) == 1


def test_a_job_says_its_times_itself_where_the_runner_file_does_not(twelve: Project, defs: Defs) -> None:
    own = {"cron": "0 6 * * 1-5", "timezone": "America/New_York"}
    twelve.job(schedule=own)
    twelve.job("orders", "initech", schedule=own)
    schedules = {one.name: one for one in _schedules(defs(_runner(NIGHTLY)))}
    assert schedules.keys() == {"nightly", "initech___orders"}
    monday = _times(schedules["initech___orders"], datetime(2026, 3, 6, 12, tzinfo=UTC), 1)
    assert monday == [datetime(2026, 3, 9, 10, tzinfo=UTC)]
    assert {one.name for one in _schedules(defs())} == {"acme___orders", "initech___orders"}


def _schedules(made: dg.Definitions) -> list[dg.ScheduleDefinition]:
    return list(made.get_repository_def().schedule_defs)


def test_times_that_are_none_have_file_and_line(twelve: Project, defs: Defs) -> None:
    with pytest.raises(ConfigError, match=r"runner.yaml:6: cron '0 2 \* \* noday' is not taken by Dagster: write five"):
        defs(_runner(NIGHTLY | {"cron": "0 2 * * noday"}))
    with pytest.raises(
        ConfigError, match=r"schedule 'night ly' would have the name of 'night.ly' in Dagster: rename one"
    ):
        defs(_runner(NIGHTLY | {"name": "night.ly"}, OFTEN | {"name": "night ly"}))
    twelve.job(schedule={"cron": "0 6 * * *", "timezone": "Mars"})
    (bad,) = [spec for spec in defs().resolve_all_asset_specs() if spec.group_name == "unusable"]
    assert "timezone 'Mars' is not known" in str(bad.description)

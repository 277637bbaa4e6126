"""Loads as assets of Dagster: one op a job, which runs `dativo run` and tells Dagster what came of it.

Dagster reads the annotation of `context`, so annotations are no texts in this module.
"""

import sys
from collections.abc import Iterator
from typing import Any

import dagster as dg

from dativo_ingest import exit_codes
from dativo_ingest.dagster import results
from dativo_ingest.dagster.loads import Load
from dativo_ingest.dagster.location import Location
from dativo_ingest.dagster.process import Ended, Event, command, run
from dativo_ingest.dagster.retries import next_try
from dativo_ingest.dagster.specs import assets_of, checks_of

_SHOWN = ("WARNING", "ERROR", "CRITICAL")
# RetryRequested wants a limit; how often there is another try is decided by each of them.
_ANOTHER = sys.maxsize


def asset_of(load: Load, location: Location) -> dg.AssetsDefinition:
    """Return the assets of a load, which are made together: a job is run as a whole."""

    @dg.multi_asset(
        name=f"{load.name}___load",
        specs=assets_of(load),
        check_specs=checks_of(load),
        pool=load.pool,
        op_tags=load.tags,
    )
    def load_tables(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        if load.problem:
            raise dg.Failure(f"{load.problem}\nmend the file, then reload the code location", allow_retries=False)
        _warn_of_no_limit(context, load)
        number = context.retry_number + 1
        ended = run(command(load, location, number), _teller(context), location.grace_seconds)
        yield from _told(context, load, location, ended, number)

    return load_tables


def _told(
    context: dg.AssetExecutionContext, load: Load, location: Location, ended: Ended, number: int
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Tell Dagster how a load ended.

    Raises:
        RetryRequested: another try may end otherwise.
        Failure: it would not, or there were enough.

    """
    report = ended.report
    if ended.code in (exit_codes.SUCCESS, exit_codes.PARTIAL) and report:
        yield from results.materialised(load, report, location.state)
        if ended.code == exit_codes.PARTIAL and not location.partial_ok:
            text = "rows are in quarantine, or were changed by the contract's rule; what is good is published"
            raise dg.Failure(text, results.run_metadata(report), allow_retries=False)
        return
    error = str(report.get("error") or ended.error.get("message") or f"the load ended with exit code {ended.code}")
    failure = dg.Failure(error, results.run_metadata(report), allow_retries=False)
    seconds = next_try(ended, load, location, number)
    if seconds is not None:
        context.log.warning(f"try {number} failed, the next is in {seconds:g} s: {error}")
        raise dg.RetryRequested(max_retries=_ANOTHER, seconds_to_wait=seconds) from failure
    yield from results.broken(load, report)
    raise failure


def _teller(context: dg.AssetExecutionContext) -> Any:
    def said(event: Event, line: bytes) -> None:
        """Put every line of a load into the step's log, and what is wrong among the events of the run too."""
        # As text: Celery puts a log in the place of standard error, and that takes no bytes.
        sys.stderr.write(line.decode(errors="replace"))
        sys.stderr.flush()
        if event.get("level") in _SHOWN:
            level = str(event["level"]).lower()
            getattr(context.log, level)(f"{event.get('event_type')}: {event.get('message')}")

    return said


def _warn_of_no_limit(context: dg.AssetExecutionContext, load: Load) -> None:
    """Say so when this instance lets jobs of one tenant overlap."""
    storage = context.instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    limited = storage.get_pool_config().default_pool_limit is not None
    if not limited and load.pool not in {limit.name for limit in storage.get_pool_limits()}:
        context.log.warning(
            f"pool '{load.pool}' has no limit: jobs of the tenant may overlap; set concurrency.pools.default_limit "
            "in dagster.yaml (docs/dagster.md)"
        )

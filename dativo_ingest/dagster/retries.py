"""Whether a load that failed is tried again, and when. All that is known of that from a report is asked here."""

from __future__ import annotations

from dativo_ingest import exit_codes
from dativo_ingest.dagster.loads import Load
from dativo_ingest.dagster.location import Location
from dativo_ingest.dagster.process import Ended


def retryable(ended: Ended) -> bool:
    """Whether another try may end well: not where the report, or without one the last error, says that it cannot.

    Of a load that was killed, and of a failure whose cause is not known, it may.
    """
    if ended.code in (exit_codes.SUCCESS, exit_codes.PARTIAL):
        return False
    return exit_codes.may_pass(ended.report or ended.error)


def next_try(ended: Ended, load: Load, location: Location, number: int) -> float | None:
    """Return in how many seconds to try again after try `number`, None for not at all.

    A job with a `retry_config` says that itself, in its report; others are tried again as the location says.
    """
    said = ended.report.get("retry_in_seconds")
    if isinstance(said, int | float):
        return float(said)
    if load.retries and ended.report:
        return None
    if number > location.max_retries or not retryable(ended):
        return None
    return float(location.retry_seconds * 2 ** (number - 1))

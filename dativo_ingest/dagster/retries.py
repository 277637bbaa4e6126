"""Whether a load that failed is tried again, and when. All that is known of that from a report is asked here."""

from __future__ import annotations

from dativo_ingest import exit_codes
from dativo_ingest.attempts import LASTING
from dativo_ingest.dagster.loads import Load
from dativo_ingest.dagster.location import Location
from dativo_ingest.dagster.process import Ended
from dativo_ingest.errors import ConfigError


def retryable(ended: Ended) -> bool:
    """Whether another try may end otherwise: the report's word, else by the cause. A load that was killed may."""
    if ended.code in (exit_codes.SUCCESS, exit_codes.PARTIAL):
        return False
    said = ended.report.get("retryable")
    if isinstance(said, bool):
        return said
    cause = str(ended.report.get("cause") or ended.error.get("cause") or "")
    return cause not in LASTING | {ConfigError.code}


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

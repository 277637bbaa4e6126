"""Whether and when a job is tried again: by cause, as its `retry_config` says; without one it is not."""

from __future__ import annotations

import re

from dativo_ingest.attempts import Attempt
from dativo_ingest.models.job import RetryConfig


def wants_another(config: RetryConfig | None, attempt: Attempt, tries: int) -> bool:
    """Whether a failed try is worth another one.

    Contract violations and wrong settings never are. Others are, unless `retryable_exit_codes` names neither the
    tap's code nor ours and no pattern matches an error.

    Args:
        config: of the job.
        attempt: the last try.
        tries: how many there were.

    """
    if config is None or attempt.code < 2 or attempt.lasting or tries > config.max_retries:
        return False
    codes = config.retryable_exit_codes
    if codes is None or attempt.code in codes or attempt.tap_exit in codes:
        return True
    said = [attempt.error, *attempt.errors]
    return any(re.search(pattern, line) for pattern in config.retryable_error_patterns for line in said)


def delay_seconds(config: RetryConfig, tries: int) -> float:
    """Return how long to wait after so many tries."""
    return min(config.max_delay_seconds, config.initial_delay_seconds * config.backoff_multiplier ** (tries - 1))

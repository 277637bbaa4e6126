"""Which violations end a run: the first one under `fail`, too many of them, too large a share of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_dativo_iceberg.contract.findings import member
from target_dativo_iceberg.contract.policy import Action
from target_dativo_iceberg.errors import DativoError, InputError, MissingKeyError, ViolationError
from target_dativo_iceberg.report import StreamReport
from target_dativo_iceberg.streams import Stream

if TYPE_CHECKING:
    from target_dativo_iceberg.quarantine import Rejected
    from target_dativo_iceberg.settings import Settings


def check_count(name: str, limit: int | None, counts: StreamReport, earlier: StreamReport | None) -> None:
    """Check `max_violations` of a run.

    Args:
        name: of the stream.
        limit: records that may break their contract, or None.
        counts: of the open epoch.
        earlier: of the epochs published before, if any.

    Raises:
        ViolationError: there are more.

    """
    total = counts.turned_away + (earlier.turned_away if earlier else 0)
    if limit is not None and total > limit:
        raise ViolationError(
            f"stream '{name}': more than max_violations ({limit}) records break their contract", "see the report"
        )


def check_share(name: str, settings: Settings, counts: StreamReport, earlier: StreamReport | None) -> None:
    """Check `max_violation_pct` at the end of an epoch: in the epoch, or in the run so far when the epoch is small.

    Args:
        name: of the stream.
        settings: of the stream: the share allowed, and from how many records one is judged.
        counts: of the epoch.
        earlier: of the epochs published before, if any.

    Raises:
        ViolationError: the stream's share is larger.

    """
    limit, least = settings.max_violation_pct, settings.max_violation_min_rows
    if limit is None:
        return
    records, away = counts.records, counts.turned_away
    if records < least and earlier is not None:
        records, away = records + earlier.records, away + earlier.turned_away
    if records >= least and away * 100 > limit * records:
        raise ViolationError(
            f"stream '{name}': more than max_violation_pct ({limit:g} %) of its records break their contract",
            "see the report",
        )


def violation_error(name: str, stream: Stream, failed: tuple[Rejected, int]) -> DativoError:
    """Describe the first record whose violation ends the run."""
    first, count = failed
    reasons = [violation for violation, action in first.reasons if action is Action.FAIL]
    for reason in reasons:
        if reason.klass == "malformed":  # that its columns are missing too says nothing more
            return InputError(
                f"{first.place}: stream '{name}': {reason.message}",
                "mend the tap, or set on_violation to quarantine",
            )
    shown = "; ".join(f"{v.path} {v.message} (rule {v.rule})" for v in reasons[:5])
    more = f" and {count - 1} more records near it" if count > 1 else ""
    keys = {member("$", k) for k in stream.contract.primary_key}
    missing = any(v.klass == "missing_required" and v.path in keys for v in reasons)
    return (MissingKeyError if missing else ViolationError)(
        f"{first.place}: stream '{name}': the record breaks its contract: {shown}{more}",
        "mend the source or the contract, or set on_violation to quarantine",
    )

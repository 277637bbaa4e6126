"""Exit codes: 0 success, 1 partial, 2 failure. They come from the target's run report and from here, nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SUCCESS, PARTIAL, FAILURE = 0, 1, 2
WORDS = {SUCCESS: "success", PARTIAL: "partial", FAILURE: "failure"}


def of_report(report: Mapping[str, Any]) -> int:
    """Return the code of a finished run report.

    0: all that was read was published as it came, or nothing was new. 1: rows were diverted or changed by the
    contract's rule. 2: the run did not finish, or rows were read and none was good.
    """
    if report.get("status") not in ("success", "partial"):
        return FAILURE
    totals = report["totals"]
    if totals["records"] and not totals["good"] and totals["quarantined"]:
        return FAILURE
    changed = any(stream.get("warnings") or stream.get("by_rule") for stream in report["streams"])
    return PARTIAL if totals["quarantined"] or changed else SUCCESS


def may_pass(said: Mapping[str, Any]) -> bool:
    """Whether another try may end well, by the report of a failed run: not where it says no, nor where it was stopped.

    Of a failure whose cause is not known, it may.
    """
    return said.get("retryable") is not False and said.get("cause") != "interrupted"


def worst(codes: Iterable[int]) -> int:
    """Return the code of a directory: the worst of its jobs."""
    return max(codes, default=SUCCESS)

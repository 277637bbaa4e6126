"""Ends of a run that no exception stands for: what tap, Meltano, time or the rows decide. Codes as in `errors`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dativo_ingest.errors import StateError


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run can fail; the parts mean what they mean for an error."""

    code: str
    retryable: bool | None
    cause: str
    data: str
    remedy: str
    command: str


_KEPT = "Epochs published before it stay and their cursors are saved; the next run goes on from there."
ENDINGS = (
    Ending(
        "source",
        None,
        "The tap failed, or the mapper after it: the source is down, refuses the sign-in, or sent what cannot be read. "
        "Taps of this distribution say whether it is worth another try; of others it is unknown.",
        _KEPT,
        "Look at the tap's last words in the report's `error`. A source that was down comes back by itself; a sign-in "
        "does not.",
        "dativo check --config job.yaml",
    ),
    Ending(
        "meltano",
        None,
        "Meltano ended before tap and target did.",
        _KEPT,
        "Look at the `meltano_log` and `target_log` events. Check that Meltano starts by itself.",
        "meltano --version",
    ),
    Ending(
        "timeout",
        True,
        "The run took longer than the job's `timeout_seconds` and was stopped.",
        _KEPT,
        "Raise `timeout_seconds`, or let the next run go on: it starts after the last epoch.",
        "dativo run --config job.yaml",
    ),
    Ending(
        "no_good_rows",
        False,
        "Rows were read and none was good: all of them are in quarantine.",
        "Each row is in the quarantine table with its reasons. The table itself got none.",
        "Look at the reasons; most often the contract does not describe this source. Mend it, then replay.",
        "dativo replay --table ns.orders",
    ),
)
_RETRYABLE = {one.code: one.retryable for one in (*ENDINGS, StateError)}
# What our taps put behind their last line.
_SAID = re.compile(r"\(retryable: (yes|no)\)$")


def retryable(cause: str, error: str, failed: Mapping[str, Any]) -> bool | None:
    """Return whether a run that ended so is worth another try, None when that cannot be known.

    Args:
        cause: code of the ending.
        error: the sentence for people; in that of a source a tap may say it.
        failed: the error in the target's run report, empty when there is none.

    """
    if failed.get("code") == cause:
        found: bool | None = failed.get("retryable")
        return found
    said = _SAID.search(error) if cause == "source" else None
    return said[1] == "yes" if said else _RETRYABLE.get(cause)

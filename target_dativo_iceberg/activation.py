"""ACTIVATE_VERSION as an order to a table: which of its rows are of older versions, and what is done about them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Activation:
    """A version of a stream that is complete.

    Attributes:
        version: rows of lower versions are gone at the source. Rows without a version stay: nobody says of which they
            are.
        run: what rows of this run have in `_sdc_sync_started_at`: they stay, whatever their version.
        at: when the message came, in microseconds since 1970.
        hard: delete such rows; otherwise they are marked as deleted.

    """

    version: int
    run: int
    at: int
    hard: bool

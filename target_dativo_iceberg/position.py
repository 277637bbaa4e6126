"""How far the open epoch has come in the input."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_dativo_iceberg import log
from target_dativo_iceberg.record_stamp import now

if TYPE_CHECKING:
    from target_dativo_iceberg.envelope import State
    from target_dativo_iceberg.settings import Settings

_MIB = 1 << 20


@dataclass(slots=True)
class Position:
    """Where the open epoch began, and the last STATE in it.

    Attributes:
        nbytes: of input read in it.
        began: moment at which it began, microseconds since 1970.
        since: the same by a clock that nobody sets, seconds.
        state: its last STATE.
        state_is_last: nothing that acts on rows follows that STATE.

    """

    nbytes: int = 0
    began: int = field(default_factory=now)
    since: float = field(default_factory=time.monotonic)
    state: State | None = None
    state_is_last: bool = False

    def remember(self, state: State) -> None:
        """Keep a STATE for the end of the epoch; an empty one, printed, would overwrite a stored bookmark."""
        if state.value[:16].translate(None, b" \t\r") in (b"{}", b"null"):
            log.once("the tap sent an empty STATE; it is not printed", level="info")
        else:
            self.state = state

    def is_old(self, settings: Settings) -> bool:
        """Whether the epoch has lasted long enough."""
        return time.monotonic() - self.since >= settings.epoch_max_seconds

    def is_due(self, settings: Settings) -> bool:
        """Whether it has lasted long enough, or holds enough."""
        return self.nbytes >= settings.epoch_max_mb * _MIB or self.is_old(settings)

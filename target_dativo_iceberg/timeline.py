"""When each epoch of a run was staged and published, and what it did: what a person looks for first at night."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from target_dativo_iceberg.report import StreamReport

KEPT = 500


@dataclass(frozen=True, slots=True)
class Span:
    """Moments of an epoch, in seconds of the clock that only goes forward.

    Attributes:
        opened: its first stream was bound.
        staged: all its data files were written; the publish begins.
        published: its publish ended.

    """

    opened: float
    staged: float
    published: float


@dataclass(slots=True)
class Timeline:
    """The last 500 epochs of a run.

    Attributes:
        began: when the run began, on the clock that only goes forward.

    """

    began: float
    _epochs: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, number: int, span: Span, counts: Mapping[str, StreamReport]) -> None:
        """Add a published epoch; its moments are kept as seconds since the run began."""
        self._epochs.append(
            {
                "epoch": number,
                "opened": self._since(span.opened),
                "staged": self._since(span.staged),
                "published": self._since(span.published),
                "records": sum(c.records for c in counts.values()),
                "good": sum(c.good for c in counts.values()),
                "quarantined": sum(c.quarantined for c in counts.values()),
            }
        )

    def _since(self, moment: float) -> float:
        return round(max(moment - self.began, 0.0), 3)

    def as_list(self) -> list[dict[str, Any]]:
        """JSON form, in order."""
        return list(self._epochs)

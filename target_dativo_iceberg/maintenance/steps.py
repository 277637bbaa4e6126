"""Steps of table care: what each found, and what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from target_dativo_iceberg.names import QUARANTINE

if TYPE_CHECKING:
    from target_dativo_iceberg.settings import Settings

RETENTION, COMPACT, MANIFESTS, EXPIRE, ORPHANS = "retention", "compact", "manifests", "expire", "orphans"
# In the order they are done: each leaves work for the next.
STEPS = (RETENTION, COMPACT, MANIFESTS, EXPIRE, ORPHANS)


class State(StrEnum):
    """What becomes of a step."""

    NEEDED = "needed"
    NOT_NEEDED = "not needed"
    REFUSED = "refused"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step on one table.

    Attributes:
        name: one of `STEPS`, or empty when a table failed as a whole.
        state: what becomes of it.
        reason: why, for people.
        figures: counts and bytes.

    """

    name: str
    state: State
    reason: str
    figures: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for people."""
        figures = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in self.figures.items())
        named = f"{self.name}: " if self.name else ""
        return f"{named}{self.state}: {self.reason}" + (f" ({figures})" if figures else "")

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"step": self.name, "state": self.state.value, "reason": self.reason, "figures": dict(self.figures)}


@dataclass(frozen=True, slots=True)
class Care:
    """How tables are cared for in one run of the command.

    Attributes:
        settings: of the target.
        now: the time that ages are counted from, UTC.
        run_id: names what is written and committed.
        names: the steps to be done.
        dry_run: only say what would be done.
        min_files: small files of a partition that are worth a compaction.
        remove_orphans: delete orphans instead of only counting them.
        orphan_age: younger files are never orphans.

    """

    settings: Settings
    now: datetime
    run_id: str
    names: tuple[str, ...] = STEPS[:-1]
    dry_run: bool = False
    min_files: int = 5
    remove_orphans: bool = False
    orphan_age: timedelta = timedelta(days=7)

    def of(self, table: tuple[str, ...]) -> Settings:
        """Return how files of a table are written; a quarantine table goes with its good one."""
        return self.settings.of(table[-1].removesuffix(QUARANTINE))


def days_of(age: timedelta) -> str:
    """Return an age as people write it."""
    return f"{age.days} days" if age == timedelta(days=age.days) else str(age)

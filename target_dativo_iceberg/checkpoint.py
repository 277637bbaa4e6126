"""The checkpoint of a job: a table property that says how far it has come, in the same commit as the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

CHECKPOINT = "dativo.checkpoint."
_NAMELESS = "run."
_PARTS = {"run_id": str, "epoch": int, "state": str, "previous_state": str, "at": int}
_NAMELESS_KEPT_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a job has come, kept as a table property in the same commit as the rows.

    Attributes:
        job: name of the job; a run without one has a checkpoint of its own, swept after a day.
        run_id: of the run.
        epoch: number in the run, from 1.
        state: SHA-256 of the STATE this epoch ends with, hex; empty if it ends with none.
        previous: SHA-256 of the STATE the epoch before ended with.
        at: Unix time of the publish, seconds.

    """

    job: str | None
    run_id: str
    epoch: int
    state: str
    previous: str
    at: int

    @property
    def key(self) -> str:
        """Name of the table property."""
        return CHECKPOINT + (self.job or _NAMELESS + self.run_id)

    def text(self) -> str:
        """Value of the table property."""
        found = {"run_id": self.run_id, "epoch": self.epoch, "state": self.state, "previous_state": self.previous}
        return json.dumps(found | {"at": self.at})

    def is_in(self, properties: Mapping[str, str]) -> bool:
        """Whether a table's properties say that this very epoch is published."""
        return properties.get(self.key) == self.text()

    def outdates(self, key: str, text: str) -> bool:
        """Whether a property is the checkpoint of a run without a job that has long ended."""
        if not key.startswith(CHECKPOINT + _NAMELESS) or key == self.key:
            return False
        return not is_whole(text) or int(json.loads(text)["at"]) < self.at - _NAMELESS_KEPT_SECONDS


def is_whole(text: str) -> bool:
    """Whether a table property is a checkpoint as the target writes it."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and all(type(found.get(name)) is kind for name, kind in _PARTS.items())

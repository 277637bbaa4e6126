"""Errors of the orchestrator, grouped by what the person who meets them does next. All of them mean exit code 2.

::

    OrchestratorError         one sentence: what, where, what to do
    ├── ConfigError           mend the job, recipe, registry or asset (each problem has its file and line)
    ├── StateError            mend the state directory or the state file
    ├── LockedError           wait: the job is being run
    └── RunError              see what tap or target said

Messages never hold the value of a setting, of a secret or of a record.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class OrchestratorError(Exception):
    """Base of all foreseen failures: `message` says what and where, `hint` what to do."""

    code = "failed"

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}: {hint}" if hint else message)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or old-fashioned, in a file: `where` is `file:line`."""

    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.where}: {self.message}" + (f": {self.hint}" if self.hint else "")


class ConfigError(OrchestratorError):
    """A job, or what it names, cannot be used."""

    code = "config"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


class StateError(OrchestratorError):
    """A state file cannot be read or written."""

    code = "state"


class LockedError(OrchestratorError):
    """Another process runs the job."""

    code = "locked"


class RunError(OrchestratorError):
    """Tap, target or what runs them could not do their work."""

    code = "run"


def unforeseen(error: Exception) -> OrchestratorError:
    """Describe a fault of ours by its place, without its text, which may hold a value."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return OrchestratorError(f"unforeseen {type(error).__name__} at {place}; this is a fault of dativo", "report it")

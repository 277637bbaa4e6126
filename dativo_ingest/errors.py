"""Errors of the orchestrator, grouped by what the person who meets them does next. All of them mean exit code 2.

::

    OrchestratorError         one sentence: what, where, what to do; by itself: put right what dativo needs
    ├── ConfigError           mend the job, recipe, registry or asset (each problem has its file and line)
    ├── StateError            mend the state directory or the state file
    ├── LockedError           wait: the job is being run
    ├── RunError              see what tap or target said
    └── FaultError            report it: a fault of the program

Messages never hold the value of a setting, of a secret or of a record. Each class has a code that never changes, and
says what docs/errors.md tells of it; so have the ends of a run that no exception stands for (`endings`).
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class OrchestratorError(Exception):
    """Base of all foreseen failures: `message` says what and where, `hint` what to do.

    Attributes:
        code: one word that stands in event and report, and never changes.
        retryable: whether the same run, started again with nothing changed, may end well; None when it cannot be known.
        cause: why it comes up.
        data: what it means for the data.
        remedy: what to do.
        command: what to type first.

    """

    code: ClassVar[str] = "setup"
    retryable: ClassVar[bool | None] = None
    cause: ClassVar[str] = (
        "Something that `dativo` needs beside the job is missing or does not answer: Meltano, a secret manager, the "
        "folder of the Meltano project."
    )
    data: ClassVar[str] = "Nothing was read and nothing was published."
    remedy: ClassVar[str] = "Put right what the message names."
    command: ClassVar[str] = "dativo check --config job.yaml"

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
    retryable = False
    cause = "A job file, or the recipe, registry, asset or variable that it names, cannot be used."
    data = "The job was not started: nothing was read and nothing was published."
    remedy = "Mend each file at the line that is named; all that is wrong is listed at once."
    command = "dativo check --quick --config job.yaml"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


class StateError(OrchestratorError):
    """A state file cannot be read or written."""

    code = "state"
    retryable = False
    cause = (
        "The state directory or a state file cannot be read or written, or fewer STATE lines were kept than the target "
        "printed."
    )
    data = "What was published stays. Cursors are not moved: the next run compares them with the tables and mends them."
    remedy = "Check the rights and the space of the state directory. A damaged file: set the state, or move it away."
    command = "dativo state show --config job.yaml"


class LockedError(OrchestratorError):
    """Another process runs the job."""

    code = "locked"
    retryable = True
    cause = "Another process runs the same job."
    data = "Nothing was read and nothing was published by this call; the other one goes on."
    remedy = "Wait for its end, and give the schedule more time between two runs."
    command = "dativo run --config job.yaml"


class RunError(OrchestratorError):
    """Tap, target or what runs them could not do their work."""

    code = "run"
    retryable = None
    cause = (
        "Meltano or a tap cannot be started or installed, a target of an earlier run still publishes, or the tables do "
        "not say how far the job is."
    )
    data = "Nothing was read by this try, and nothing was published by it."
    remedy = "Do what the message says; where it names a program, run that program by itself."
    command = "dativo check --config job.yaml"


class FaultError(OrchestratorError):
    """The program met what it does not foresee."""

    code = "failed"
    retryable = None
    cause = "The program met something that it does not foresee: a fault of ours, not of your data."
    data = "Epochs published before it stay; the next run compares cursors and tables first."
    remedy = "Run again once. If it comes back, report it with the class and place that the message names."
    command = "dativo run --config job.yaml"


def unforeseen(error: Exception) -> OrchestratorError:
    """Describe a fault of ours by its place, without its text, which may hold a value."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return FaultError(f"unforeseen {type(error).__name__} at {place}; this is a fault of dativo", "report it")

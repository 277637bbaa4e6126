"""What to do next after a run, with the exact commands, and what the end of a run means for the data."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from dativo_ingest.endings import ENDINGS, Ending
from dativo_ingest.errors import OrchestratorError
from dativo_ingest.reports.model import JobRun
from dativo_ingest.reports.words import counted
from target_dativo_iceberg.errors import DativoError

_MOST_TABLES = 5
_JOB = "job.yaml"


@dataclass(frozen=True)
class Step:
    """One thing to do, and the commands for it."""

    text: str
    commands: tuple[str, ...] = ()


Explained = Ending | type[OrchestratorError] | type[DativoError]
E = TypeVar("E", bound=Exception)


def meaning(run: JobRun) -> str:
    """Return what the end of a run means for the data, in one or two sentences."""
    target = run.target
    if run.status == "running":
        return "The run has not ended, or was killed. What is counted here is published."
    if run.exit_code == 0:
        if not target.totals.records:
            return "There was nothing new to read. The tables are as they were."
        return "All that was read is in the tables."
    if run.exit_code == 1:
        return "All that was read is published: good records in the tables, the others as the contract's policy says."
    known = explained(run.cause)
    said = _plain(known.data) if known else "Nothing of the open epoch is published."
    if target.epochs:
        said += f" Published before the failure: {counted(target.epochs, 'epoch')}."
    return said


def explained(code: str | None) -> Explained | None:
    """Return what is known of an error by its code."""
    known: list[Explained] = [*ENDINGS, *_tree(OrchestratorError), *_tree(DativoError)]
    return next((one for one in known if one.code == code), None)


def _tree(root: type[E]) -> Iterator[type[E]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


def _plain(text: str) -> str:
    return text.replace("`", "")


def next_steps(run: JobRun) -> list[Step]:
    """Return what to do next, the most urgent first."""
    found = list(_steps(run))
    return found or [Step("Nothing: the run is good.")]


def _steps(run: JobRun) -> Iterator[Step]:
    job = shlex.quote(run.path or _JOB)
    if not all(stream.adds_up for stream in run.target.streams):
        yield Step("Keep this report and the tables as they are, and report it: counts that do not add up are a fault.")
    if run.exit_code == 2:
        yield from _after_failure(run, job)
    yield from _waiting(run)
    if any(stream.unknown_fields for stream in run.target.streams):
        yield Step("Add members that the source has now to the contract, or leave them out: they are not written.")


def _after_failure(run: JobRun, job: str) -> Iterator[Step]:
    known = explained(run.cause)
    text = _plain(known.remedy) if known else "See what the run said; if it is none of yours, report it."
    ready = known is not None and known.command.startswith("dativo ") and _JOB in known.command
    command = known.command.replace(_JOB, job) if known is not None and ready else f"dativo check --config {job}"
    yield Step(text, (command,))
    again = f"dativo run --config {job}"
    if command != again:
        yield Step("Then run the job again.", (again,))


def _waiting(run: JobRun) -> Iterator[Step]:
    """Yield what to do with records in quarantine."""
    waiting = [stream for stream in run.target.streams if stream.quarantined]
    if not waiting:
        return
    shown, more = waiting[:_MOST_TABLES], len(waiting) - _MOST_TABLES
    tables = ", ".join(str(stream.quarantine_table) for stream in shown) + (f" and {more} more" if more > 0 else "")
    text = (
        f"Look at the records in quarantine ({tables}): _errors says why, _record holds the record. "
        "Mend the contract, then replay them with the target's settings."
    )
    of_run = f" --run {shlex.quote(run.run_id)}" if run.run_id else ""
    command = "dativo replay --config target.json --table"
    yield Step(text, tuple(f"{command} {shlex.quote(stream.table)}{of_run}" for stream in shown))

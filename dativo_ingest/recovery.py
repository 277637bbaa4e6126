"""state.json brought up to what the target printed, or, after a crash, to what the tables carry.

The target notes each epoch's STATE in the job's journal before its publish and prints it after. A STATE that was
printed is saved. One that was only noted may or may not have landed: then the tables' checkpoint is asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dativo_ingest import private_files, state
from dativo_ingest.errors import RunError, StateError
from dativo_ingest.places import JobFolder
from tap_adapters.extractor import Cursors

Entry = dict[str, Any]
# Answers which entry of a journal the tables stand at, None for none of them.
Ask = Callable[[Path], int | None]
_ASK_SECONDS = 600
# A commit without an answer may land late; entries older than these cannot.
_KEPT = 20


def settle(folder: JobFolder, cursors: Cursors, ask: Ask, run_id: str) -> str | None:
    """Save the newest STATE that holds; return how it became known: `printed`, `landed`, or None for nothing new.

    Raises:
        StateError: the state file cannot be written.
        RunError: the tables cannot be asked.

    """
    printed = last_line(folder.emitted)
    how = None
    if printed is not None:
        state.write(folder.state, printed, cursors, run_id)
        how = "printed"
    open_entries = _after(_entries(folder.journal), printed)
    if open_entries:
        _replace(folder.journal, open_entries)
        landed = ask(folder.journal)
        if landed is not None:
            state.write(folder.state, open_entries[landed]["state"], cursors, run_id)
            how, open_entries = "landed", open_entries[landed + 1 :]
    _replace(folder.journal, open_entries[-_KEPT:])
    folder.emitted.unlink(missing_ok=True)
    return how


def close(folder: JobFolder) -> None:
    """Forget what is left to be settled: a run has ended well, or a person has set the state."""
    folder.journal.unlink(missing_ok=True)
    folder.emitted.unlink(missing_ok=True)


def last_line(path: Path) -> str | None:
    """Return the last STATE of a file of STATE lines; one that was cut off was not kept, so it does not count."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    return lines[-1].decode() if lines else None


def count_lines(path: Path) -> int:
    """Return how many STATE lines a file holds."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def _entries(path: Path) -> list[Entry]:
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines]
    except FileNotFoundError:
        return []
    except ValueError:
        raise StateError(
            f"journal {path} is damaged", "move it away; rows of the last run may then come again"
        ) from None


def _after(entries: Sequence[Entry], printed: str | None) -> list[Entry]:
    """Return the entries that are newer than what was printed last."""
    for number in range(len(entries) - 1, -1, -1):
        if entries[number]["state"] == printed:
            return list(entries[number + 1 :])
    return list(entries)


def _replace(path: Path, entries: Sequence[Entry]) -> None:
    if entries:
        private_files.write(path, b"".join(json.dumps(entry).encode() + b"\n" for entry in entries))
    else:
        path.unlink(missing_ok=True)


def ask_tables(environment: Mapping[str, str]) -> Ask:
    """Return what asks the tables by the target's own program, with the target's settings in `environment`."""

    def ask(journal: Path) -> int | None:
        command = [sys.executable, "-P", "-m", "target_dativo_iceberg.landed", "--config", "ENV", "--journal"]
        try:
            done = subprocess.run(  # noqa: S603 - our own program
                [*command, str(journal)],
                env=dict(environment),
                capture_output=True,
                text=True,
                timeout=_ASK_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RunError("the tables do not answer how far the job is", "check catalog and store") from None
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise RunError(f"the tables cannot be asked how far the job is ({said[-1] if said else 'no answer'})")
        found: int | None = json.loads(done.stdout)["entry"]
        return found

    return ask

"""A job over a warehouse of its own, run after run, the oracle being asked after each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.faults.oracle import Seen, Tap, check_resumed, check_run, reconciled
from tests.faults.sweep import JOB, SqlPlace, Sweep
from tests.faults.traces import check_files, check_machine
from tests.target.running import Child, Ended, Target


class Job:
    """The oracle's tap and the target, with a `job_id` and a folder for temporary files of its own.

    Args:
        sweep: its warm process and its reader.
        folder: for the warehouse.
        tap: what is loaded.
        settings: over those of the sweep.

    Attributes:
        state: what the next run resumes from: the last STATE printed, or the one the checkpoint names.

    """

    def __init__(self, sweep: Sweep, folder: Path, tap: Tap | None = None, **settings: Any) -> None:
        self._sweep, self._place, self._folder = sweep, SqlPlace(folder), folder
        self.tap = tap or Tap()
        self.target = Target(sweep.server, folder)
        self.settings: dict[str, Any] = {"on_violation": "quarantine", "epoch_max_mb": 1, "job_id": JOB} | settings
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.state: bytes | None = None
        self._killed = False

    @property
    def begun(self) -> int:
        """Epochs that are done."""
        return self.tap.states().index(self.state) + 1 if self.state else 0

    def start(self, env: dict[str, str] | None = None, **options: Any) -> Child:
        """Start a run."""
        environment = {"TMPDIR": str(self.temporary)} | (env or {})
        return self.target.start(env=environment, **(self.settings | options))

    def feed(self, child: Child) -> None:
        """Give it all that the tap has after the STATE."""
        child.feed_bytes(b"".join(self.tap.messages(self.state)))

    def first_epoch(self, child: Child) -> bytes:
        """Give it what the tap has up to its first STATE, wait until that is printed; return the rest."""
        pieces = list(self.tap.messages(self.state))
        first = next(n for n, piece in enumerate(pieces) if b'"STATE"' in piece) + 1
        child.feed_bytes(b"".join(pieces[:first]))
        child.until(lambda: child.states, "the first STATE")
        return b"".join(pieces[first:])

    def run(self, **options: Any) -> Ended:
        """Run it to its end."""
        child = self.start(**options)
        self.feed(child)
        return child.wait()

    def seen(self) -> Seen:
        """What DuckDB reads now."""
        return self._sweep.seen(self._place)

    def check(self, ended: Ended, failed: int = 1) -> None:
        """Ask the oracle about a run that ended, and find where the next one resumes."""
        # A run that could not even end its report left its files to the next one too.
        self._killed |= ended.code < 0 or ended.report.get("status") == "running"
        seen = self.seen()
        printed = check_run(self.tap, self.begun, ended, seen, failed)
        self._check_traces()
        self.state = reconciled(self.tap.states(), printed or self.state, seen.checkpoints)

    def finish(self, **options: Any) -> None:
        """Run it again, untouched: everything is there, once."""
        ended = self.run(**options)
        check_resumed(self.tap, ended, self.seen(), once=True)
        self._check_traces()

    def _check_traces(self) -> None:
        check_files(self._sweep.reader, self._folder, self._place.pointers().values(), killed=self._killed)
        check_machine(self._folder, self.temporary)

"""Where things lie: the project's folder, what this distribution brings, and the folder of a job's state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tap_adapters

_CHECKOUT = Path(__file__).resolve().parents[1]
_IN_WHEEL = {
    "registry": Path(tap_adapters.__file__).parent / "_data",
    "connectors": Path(tap_adapters.__file__).parent / "_data",
    "schemas": Path(__file__).parent / "_data",
}


def shipped(path: str) -> Path | None:
    """Return a file of `registry/`, `connectors/` or `schemas/` as this distribution brings it."""
    kind = Path(path).parts[0] if Path(path).parts else ""
    if kind not in _IN_WHEEL:
        return None
    return next((p for p in (_IN_WHEEL[kind] / path, _CHECKOUT / path) if p.is_file()), None)


@dataclass(frozen=True)
class Places:
    """Folders of one call of `dativo`: relative paths of jobs start at `root`, `state` holds what runs leave."""

    root: Path
    state: Path

    def find(self, path: str) -> Path:
        """Return a file of the project; where it has none, the one of that path that this distribution brings."""
        own = self.root / path
        return own if own.exists() else shipped(path) or own

    def of_job(self, tenant: str, job: str) -> JobFolder:
        """Return the folder of a job."""
        return JobFolder(self.state / tenant / job)


@dataclass(frozen=True)
class JobFolder:
    """What a job leaves on disk: `state.json` for ever, reports of 50 runs, the rest for one run."""

    path: Path

    @property
    def state(self) -> Path:
        """Cursors, and the Singer STATE they came from."""
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        """Held while the job is run."""
        return self.path / "lock"

    @property
    def loader_lock(self) -> Path:
        """Held by the target's wrapper as long as a target may still publish."""
        return self.path / "loader.lock"

    @property
    def journal(self) -> Path:
        """STATE of each epoch before its publish, written by the target."""
        return self.path / "journal.jsonl"

    @property
    def emitted(self) -> Path:
        """STATE lines of the target, as it printed them."""
        return self.path / "emitted.jsonl"

    @property
    def report(self) -> Path:
        """Report of the last run, as `dativo report` shows it."""
        return self.path / "report.json"

    @property
    def runs(self) -> Path:
        """Reports of the last 50 runs, a file each."""
        return self.path / "runs"

    @property
    def watch(self) -> Path:
        """When the job was first looked at by alerts, last succeeded, and when somebody was last told."""
        return self.path / "watch.json"

    @property
    def project(self) -> Path:
        """The private Meltano project."""
        return self.path / "meltano"

    def make(self) -> None:
        """Make the folders, for their owner only."""
        for folder in (self.path, self.project):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

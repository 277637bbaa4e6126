"""Reports of a job's last 50 runs, a file each in its folder: what `dativo report` and alerts look back on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dativo_ingest import private_files
from dativo_ingest.places import JobFolder

KEPT = 50
_NAME = re.compile(r"(?P<at>\d{8}T\d{6}Z)-(?P<run>[A-Za-z0-9-]+)\.json")


def keep(folder: JobFolder, report: Mapping[str, Any], text: bytes) -> None:
    """Keep the report of a run as the job's last one, and among its last 50; older ones are deleted.

    Args:
        folder: of the job.
        report: as it is.
        text: the same as JSON, known secrets hidden.

    Raises:
        OSError: it cannot be written; what was there before stays.

    """
    private_files.write(folder.report, text)
    folder.runs.mkdir(mode=0o700, exist_ok=True)
    at = re.sub(r"[-:]", "", str(report["started_at"]))
    private_files.write(folder.runs / f"{at}-{report['run_id']}.json", text)
    for old in paths(folder)[:-KEPT]:
        old.unlink(missing_ok=True)


def paths(folder: JobFolder) -> list[Path]:
    """Return the files of the reports that are kept, the oldest first."""
    if not folder.runs.is_dir():
        return []
    found = [(name["at"], path.stat().st_mtime_ns, path) for path in folder.runs.iterdir() if (name := _named(path))]
    return [path for _, _, path in sorted(found)]


def reports(folder: JobFolder) -> Iterator[dict[str, Any]]:
    """Yield the reports that are kept, the oldest first; a file that cannot be read is passed over."""
    for path in paths(folder):
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            yield found


def path_of(folder: JobFolder, run_id: str) -> Path | None:
    """Return the file of a run's report, or None; the beginning of an id is enough where no other begins so."""
    found = [path for path in paths(folder) if (name := _named(path)) and name["run"].startswith(run_id)]
    return found[0] if len(found) == 1 else None


def _named(path: Path) -> re.Match[str] | None:
    return _NAME.fullmatch(path.name)

"""Cursors that dativo-ingest left, read once: for a job that has no state.json yet.

Its file is `source.incremental.state_path`, else `{state_dir}/{tenant}/{type}.{object}.state.json`. Members that are
used: `file_<id>` with `last_modified`, and `<object>.<cursor>` with `last_value`; also the shape of state.json itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dativo_ingest.errors import StateError
from dativo_ingest.ready import Ready
from dativo_ingest.state import Saved

_OWN = ("object_", "file_")


def find(ready: Ready, state_dir: Path) -> Path | None:
    """Return the file that dativo-ingest would have used, if it is there."""
    asked = ready.job.source.incremental
    if asked is not None and asked.state_path:
        path = ready.source.folder / asked.state_path
        return path if path.is_file() else None
    path = state_dir / ready.file.tenant / f"{ready.source.type}.{_first_object(ready)}.state.json"
    return path if path.is_file() else None


def _first_object(ready: Ready) -> str:
    source = ready.source
    named = (*source.objects[:1], *(f.get("object") for f in source.files[:1]))
    tables = (t.get("object") or str(t.get("name", "")).rpartition(".")[2] for t in source.tables[:1])
    return next((str(name) for name in (*named, *tables) if name), "default")


def read(path: Path) -> Saved:
    """Return what such a file holds, in the shape of state.json.

    Raises:
        StateError: it cannot be read.

    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise StateError(f"the older state file {path} cannot be read", "mend it, or move it away")
    entries: dict[str, Any] = {}
    for key, value in found.items():
        if not isinstance(value, Mapping):
            continue
        if key.startswith(_OWN):
            entries[key] = {k: v for k, v in value.items() if k in ("last_modified", "cursor", "last_sync")}
        elif "." in key and "last_value" in value:
            entries[f"object_{key.partition('.')[0]}"] = {"cursor": value["last_value"]}
    return Saved(entries)

"""state.json: cursors of objects and files in the seed's shape, and the Singer STATE they came from.

Written atomically, and only from STATE that the target printed (or, after a crash, that the tables carry).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from dativo_ingest import private_files
from dativo_ingest.errors import StateError
from tap_adapters.extractor import Cursors

_SINGER = "singer"
_SEED_KEYS = ("object_", "file_")


@dataclass(frozen=True)
class Saved:
    """What a state file holds.

    Attributes:
        entries: `object_<x>` with `cursor` and `last_sync`, `file_<id>` with `last_modified`.
        text: the Singer STATE, JSON text as the target printed it but for blanks; None when another program wrote
            the file.
        sha256: of the STATE as it was printed, hex; this is what tables carry as checkpoint.
        run_id: of the run that printed it; empty when a person set it.

    """

    entries: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    sha256: str = ""
    run_id: str = ""

    @property
    def value(self) -> dict[str, Any] | None:
        """The Singer STATE."""
        return None if self.text is None else json.loads(self.text)


class _File(msgspec.Struct):
    """The part of a state file whose text is kept as it is."""

    singer: dict[str, msgspec.Raw] = {}


def now() -> str:
    """Return this moment as ISO 8601 text."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read(path: Path) -> Saved | None:
    """Return what a state file holds, None when there is none.

    Raises:
        StateError: it cannot be read. It is never taken for an empty one: that would load everything again.

    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"state file {path} cannot be read ({error.strerror})", "check its rights") from None
    hint = "restore it, or `dativo state reset` to read everything again"
    try:
        found = json.loads(data)
        singer = msgspec.json.decode(data, type=_File).singer
    except (ValueError, RecursionError):
        raise StateError(f"state file {path} is damaged", hint) from None
    if not isinstance(found, dict):
        raise StateError(f"state file {path} is not a JSON object", hint)
    about = found.pop(_SINGER, {})
    text = bytes(singer["state"]).decode() if "state" in singer else None
    return Saved(found, text, str(about.get("sha256", "")), str(about.get("run_id", "")))


def write(path: Path, text: str, cursors: Cursors | None, run_id: str, moment: str | None = None) -> Saved:
    """Save a STATE, and return it as saved.

    Args:
        path: of the state file.
        text: the STATE as the target printed it.
        cursors: reads it for people; None leaves the entries out.
        run_id: of the run.
        moment: of the run, ISO 8601; now if not given.

    Raises:
        StateError: it cannot be written; the old one is as it was.

    """
    moment = moment or now()
    value = json.loads(text)
    entries = _entries(value, cursors, moment)
    digest = hashlib.sha256(text.encode()).hexdigest()
    about = {"run_id": run_id, "saved_at": moment, "sha256": digest, "state": msgspec.Raw(text.encode())}
    content = msgspec.json.format(msgspec.json.encode({**entries, _SINGER: about}), indent=2)
    _write(path, content)
    return Saved(entries, text, digest, run_id)


def _entries(value: dict[str, Any], cursors: Cursors | None, moment: str) -> Mapping[str, Any]:
    """Read a STATE for people; one that its tap's dialect does not know is kept all the same."""
    if cursors is None:
        return {}
    try:
        return cursors.entries(value, moment)
    except (TypeError, ValueError, KeyError, AttributeError):
        return {}


def reset(path: Path) -> None:
    """Forget a STATE: the next run reads everything.

    Raises:
        StateError: the file cannot be removed.

    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StateError(f"state file {path} cannot be removed ({error.strerror})", "check its folder") from None


def _write(path: Path, content: bytes) -> None:
    try:
        private_files.write(path, content + b"\n")
    except OSError as error:
        raise StateError(
            f"state file {path} cannot be written ({error.strerror})", "check the state directory"
        ) from None


def for_tap(saved: Saved | None, cursors: Cursors, lookback_days: int) -> dict[str, Any] | None:
    """Return the STATE to hand to a tap: a copy, its cursors set back by the lookback; None reads everything."""
    if saved is None:
        return None
    value = saved.value
    if value is None:
        known = {k: v for k, v in saved.entries.items() if k.startswith(_SEED_KEYS)}
        value = cursors.imported(known) if known else None
    if value is None:
        return None
    return cursors.shifted(value, lookback_days) if lookback_days else value

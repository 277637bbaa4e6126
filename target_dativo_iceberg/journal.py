"""What a caller that keeps the STATE needs from outside the pipe: a journal of publishes, a proof that the tap ended.

Standard output alone cannot tell a publish that is followed by a crash from one that never was. The journal holds the
STATE of every epoch before its commit is sent; the checkpoint in the tables then says whether that commit landed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from target_dativo_iceberg.errors import InputError, StoreError

# Takes the checkpoint's property name, its text, and the tables (dotted) that are about to change.
Note = Callable[[str, str, Sequence[str]], None]


def no_note(key: str, checkpoint: str, tables: Sequence[str]) -> None:
    """Note nothing."""


def noting(path: str | None, state: bytes | None) -> Note:
    """Return what notes an epoch that ends with `state` (JSON text); nothing is noted without a path or a STATE."""
    return partial(_append, path, state) if path and state is not None else no_note


def _append(path: str, state: bytes, key: str, checkpoint: str, tables: Sequence[str]) -> None:
    """Append one line and have it on the disk before this returns.

    Raises:
        StoreError: it cannot be written.

    """
    entry = {"key": key, "checkpoint": checkpoint, "tables": list(tables), "state": state.decode()}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"the journal cannot be written ({error.strerror})", "check journal_path") from error


def check_completed(path: str | None) -> None:
    """Take the end of the input for the end of the tap's work only where the tap's runner says so.

    Raises:
        InputError: it does not: the tap, or what stands between it and this target, has died.

    """
    if path and not Path(path).exists():
        raise InputError(
            "the input ended, but the tap has not come to its end; the open epoch is dropped",
            "see what the tap says, then run again from the last STATE printed",
        )

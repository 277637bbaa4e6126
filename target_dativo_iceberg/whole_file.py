"""Small files for others to read: whole, or as they were before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from target_dativo_iceberg.errors import StoreError


def write(path: Path, text: str, *, what: str, setting: str, mode: int | None = None) -> None:
    """Write a file, whole or not at all.

    Args:
        path: of the file; its folder is made if it is missing.
        text: all of it.
        what: it is, for messages.
        setting: that names the path.
        mode: its permissions; None for those of any new file.

    Raises:
        StoreError: the file cannot be written; what was there before stays.

    """
    beside = path.with_name(f".{path.name[:200]}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        if mode is not None:
            beside.chmod(mode)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise StoreError(f"{what} cannot be written ({error.strerror})", f"check {setting}") from error

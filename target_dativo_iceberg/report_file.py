"""The file of a run report: whole, or as it was before."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from target_dativo_iceberg.errors import StoreError


def write(report: Mapping[str, Any], path: str) -> None:
    """Write the report, whole or not at all.

    Raises:
        StoreError: the file cannot be written.

    """
    target = Path(path)
    if not target.name:
        raise StoreError("the run report cannot be written (its path names a folder)", "check report_path")
    beside = target.with_name(f".{target.name[:200]}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(report, indent=2) + "\n")
        beside.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise StoreError(f"the run report cannot be written ({error.strerror})", "check report_path") from error

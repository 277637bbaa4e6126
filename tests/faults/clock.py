"""A clock that jumps: in a child of the tests, wall-clock time is shifted by the seconds that a file holds.

DATIVO_CLOCK names the file, which is read at each look at the clock, so that a test can move it during a run. The
clock of intervals (`time.monotonic`) goes on, as it does when a machine's time is set.
"""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path
from typing import Any


def install(path: Path) -> None:
    """Put the shifted clock in place, also where modules have it under their own name."""
    real = time.time

    def shifted() -> float:
        return real() + float(path.read_text())

    class Moved(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, _DATETIME)

    class Datetime(datetime.datetime, metaclass=Moved):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _DATETIME.fromtimestamp(shifted(), tz)

    time.time = shifted
    for name, module in list(sys.modules.items()):
        if name.startswith(("pyiceberg", "target_dativo_iceberg")) and getattr(module, "datetime", None) is _DATETIME:
            module.datetime = Datetime  # type: ignore[attr-defined]
    datetime.datetime = Datetime  # type: ignore[misc]


_DATETIME = datetime.datetime
